"""How many files this process may open: every virtual user is a connection, and every connection is one."""

import contextlib
import resource

_MOST = 1 << 20
"""Where there is no limit, or an absurd one, no more is asked for than any kernel grants."""
_MACOS_MOST = 10_240
"""OPEN_MAX: macOS says that its hard limit is infinite and refuses anything above this."""
SPARE = 64
"""Files a process holds besides its connections: libraries, pipes, the journal."""


def raise_open_files() -> int:
    """Raise this process's soft limit as far as it may go; returns the limit now in force.

    Child processes inherit it.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    for wanted in (_most(hard), _MACOS_MOST):
        if soft == resource.RLIM_INFINITY or soft >= wanted:
            break
        with contextlib.suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
            break
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return _most(soft)


def too_many_users(users: int, limit: int, *, workers: int = 1) -> str | None:
    """Why so many users, shared by `workers` processes, can't be had; None when they can."""
    room = max(1, limit - SPARE)
    if -(-users // workers) <= room:
        return None
    return (
        f"{users:,} users need as many connections, and a process may open {limit:,} files on this machine; "
        f"ask for fewer, raise the hard limit (ulimit -Hn), or share them with --workers {-(-users // room)}"
    )


def _most(limit: int) -> int:
    return _MOST if limit == resource.RLIM_INFINITY else min(limit, _MOST)
