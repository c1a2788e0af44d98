"""When the kernel received the bytes that a read brings: SO_TIMESTAMPNS, where there is such a thing (Linux).

The kernel stamps in real time. A stamp is moved to the monotonic clock by the distance of the two clocks at
the read, so that a step of the wall clock between two reads moves nothing.
"""

import socket
import struct
import sys
import time

# Python's socket module lacks the name; the number is the same on every architecture but parisc and sparc.
_SO_TIMESTAMPNS = 35
_TIMESPEC = struct.Struct("@ll")
_SIZE = _TIMESPEC.size
ANCILLARY_BYTES = socket.CMSG_SPACE(_SIZE) if hasattr(socket, "CMSG_SPACE") else 0
_SECOND_NS = 10**9
_OLDEST_NS = 60 * _SECOND_NS
"""A stamp older than this, or one from the future, is the wall clock's step and not the truth."""

# Once a token: names that are looked up here need no look into a module.
_SOL_SOCKET = socket.SOL_SOCKET
_unpack = _TIMESPEC.unpack
_time_ns = time.time_ns


def ask_for_stamps(sock: socket.socket) -> bool:
    """Have the kernel stamp what this socket receives; false where it can't."""
    if not sys.platform.startswith("linux"):
        return False
    try:
        sock.setsockopt(socket.SOL_SOCKET, _SO_TIMESTAMPNS, 1)
    except OSError:
        return False
    return True


def stamp_ns(ancillary: list[tuple[int, int, bytes]], read_ns: int) -> int | None:
    """The kernel's time of the newest bytes of a read, on the monotonic clock; None where it gave none.

    `read_ns` is `time.monotonic_ns()` just after the read.
    """
    for level, kind, data in ancillary:
        if kind == _SO_TIMESTAMPNS and level == _SOL_SOCKET and len(data) == _SIZE:
            seconds, nanos = _unpack(data)
            age_ns = _time_ns() - (seconds * _SECOND_NS + nanos)
            return read_ns - age_ns if 0 <= age_ns < _OLDEST_NS else None
    return None
