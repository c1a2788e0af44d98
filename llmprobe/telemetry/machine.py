"""What this machine offers a probe: files, ports, cores, its clock, a fast event loop."""

import os
import platform
import subprocess
import sys
import time
from importlib.util import find_spec
from pathlib import Path

from msgspec import Struct

from llmprobe.telemetry.open_files import raise_open_files

_PORTS = Path("/proc/sys/net/ipv4/ip_local_port_range")
_CLOCK = Path("/sys/devices/system/clocksource/clocksource0/current_clocksource")


class Machine(Struct, frozen=True):
    """None is unknown."""

    open_files: int
    """That a process may have, once it has raised its own limit."""
    ports: int | None
    """For connections to one address at a time."""
    cores: int
    """That this process may use."""
    uvloop: bool
    clock_source: str | None
    clock_resolution_ns: int
    """Of the monotonic clock that all stamps are on."""
    python: str


def look_at_machine() -> Machine:
    """As it is now; raises this process's limit of open files."""
    return Machine(
        open_files=raise_open_files(),
        ports=_ports(),
        cores=len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1,
        uvloop=has_uvloop(),
        clock_source=_read(_CLOCK),
        clock_resolution_ns=max(1, round(time.get_clock_info("monotonic").resolution * 1e9)),
        python=platform.python_version(),
    )


def has_uvloop() -> bool:
    """Whether the extra `fast` is installed."""
    return find_spec("uvloop") is not None


def _ports() -> int | None:
    text = _read(_PORTS)
    if text is None and sys.platform == "darwin":
        text = _sysctl("net.inet.ip.portrange.first", "net.inet.ip.portrange.last")
    numbers = (text or "").split()
    if len(numbers) != 2 or not all(number.isdigit() for number in numbers):
        return None
    return int(numbers[1]) - int(numbers[0]) + 1


def _read(path: Path) -> str | None:
    try:
        return path.read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError):
        return None


def _sysctl(*names: str) -> str | None:
    """The values of kernel settings, as macOS tells them."""
    try:
        done = subprocess.run(  # noqa: S603 - a fixed command
            ["/usr/sbin/sysctl", "-n", *names], capture_output=True, text=True, check=True, timeout=5
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout
