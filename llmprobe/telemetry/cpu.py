"""How much of a core this process uses."""

import resource
import time


class CpuMeter:
    """Shares of one core between two readings, user and system time together."""

    def __init__(self) -> None:
        self._cpu_s = _cpu_s()
        self._at_s = time.monotonic()

    def share(self) -> float:
        """Since the last reading; 1.0 is a whole core."""
        cpu_s, at_s = _cpu_s(), time.monotonic()
        used, passed = cpu_s - self._cpu_s, at_s - self._at_s
        self._cpu_s, self._at_s = cpu_s, at_s
        return used / passed if passed > 0 else 0.0


def _cpu_s() -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime
