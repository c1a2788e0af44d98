"""When a user may send: at once in a closed load, at the next arrival in an open one."""

import asyncio
from collections import deque


class Turns:
    """Arrivals that wait for a free user, and users that wait for an arrival."""

    def __init__(self, *, open_load: bool) -> None:
        self.open_load = open_load
        self._due: deque[float] = deque()
        self._idle: deque[asyncio.Future[float]] = deque()

    @property
    def idle(self) -> int:
        """Users that wait for an arrival."""
        return sum(not waiter.done() for waiter in self._idle)

    async def next(self) -> float | None:
        """When the request was due, in seconds since the run's start; None at once in a closed load."""
        if not self.open_load:
            return None
        if self._due:
            return self._due.popleft()
        waiter: asyncio.Future[float] = asyncio.get_running_loop().create_future()
        self._idle.append(waiter)
        try:
            return await waiter
        except asyncio.CancelledError:
            if waiter.done() and not waiter.cancelled():
                self.put_back(waiter.result())
            raise

    def arrive(self, due_s: float) -> None:
        """A request is due: the user that waits longest gets it, else the next that is free."""
        while self._idle:
            waiter = self._idle.popleft()
            if not waiter.done():
                waiter.set_result(due_s)
                return
        self._due.append(due_s)

    def put_back(self, due_s: float) -> None:
        """An arrival whose user left before it could send."""
        self._due.appendleft(due_s)
