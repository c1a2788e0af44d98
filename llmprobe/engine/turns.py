"""When a user may send: at once in a closed load, at the next arrival in an open one."""

import asyncio
from collections import deque


class Turns:
    """Arrivals that wait for a free user, and users that wait for an arrival."""

    def __init__(self, *, open_load: bool = False) -> None:
        self.open_load = open_load
        """Whether users wait for arrivals."""
        self._due: deque[float] = deque()
        self._idle: deque[asyncio.Future[float | None]] = deque()

    def close(self) -> None:
        """A closed load from now on: what was due and not sent is dropped, and users that wait may send."""
        self.open_load = False
        self._due.clear()
        while self._idle:
            waiter = self._idle.popleft()
            if not waiter.done():
                waiter.set_result(None)

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
        waiter: asyncio.Future[float | None] = asyncio.get_running_loop().create_future()
        self._idle.append(waiter)
        try:
            return await waiter
        except asyncio.CancelledError:
            if waiter.done() and not waiter.cancelled() and (due_s := waiter.result()) is not None:
                self.put_back(due_s)
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
        if self.open_load:
            self._due.appendleft(due_s)
