"""The run's time in one worker: seconds since the receipt of `start`, on the monotonic clock."""

import asyncio
import time


class Clock:
    """All of a worker's times come from here; hosts never subtract each other's."""

    def __init__(self) -> None:
        self._start_ns = time.monotonic_ns()

    def restart(self) -> None:
        """The run begins now."""
        self._start_ns = time.monotonic_ns()

    def now_s(self) -> float:
        """Since the run's start."""
        return self.at_s(time.monotonic_ns())

    def at_s(self, at_ns: int) -> float:
        """A stamp of `time.monotonic_ns` as seconds since the run's start."""
        return (at_ns - self._start_ns) / 1e9

    async def until(self, at_s: float) -> None:
        """Sleep until then; not at all when it has passed."""
        if (rest := at_s - self.now_s()) > 0:
            await asyncio.sleep(rest)
