"""What a worker may still start: indices out of leases, lowest first."""

import asyncio
from collections import deque
from collections.abc import Callable

from llmprobe.core.engine import Lease


class LeaseBook:
    """Hands out draw indices; asks for more, once, when fewer than `low` are left."""

    def __init__(self, ask: Callable[[int], None]) -> None:
        self._ask = ask
        self._ranges: deque[tuple[int, int]] = deque()
        self._waiting: deque[asyncio.Future[int]] = deque()
        self._asked = False
        self.dry = False
        """Whether there is nothing to be had: the caps leave nothing to start."""
        self.dry_spells = 0
        self.low = 1
        """Indices worth having in stock: about one for each user."""

    @property
    def left(self) -> int:
        """Indices in stock."""
        return sum(last - first for first, last in self._ranges)

    def grant(self, lease: Lease) -> None:
        """Add a lease and serve those who wait. An empty one says that there is nothing for now."""
        self.dry = lease.first == lease.last
        if self.dry:
            self.dry_spells += 1
            return
        self._asked = False
        self._add(lease.first, lease.last)
        self.want()

    async def take(self) -> int:
        """The lowest index in stock; waits for a lease when there is none."""
        if self._ranges:
            index = self._pop()
            self.want()
            return index
        waiter: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self._waiting.append(waiter)
        self.want()
        try:
            return await waiter
        except asyncio.CancelledError:
            if waiter.done() and not waiter.cancelled():
                self.put_back(waiter.result())
            elif waiter in self._waiting:
                self._waiting.remove(waiter)
            raise

    def put_back(self, index: int) -> None:
        """An index that was taken and not used."""
        self._add(index, index + 1)

    def give_up(self) -> tuple[tuple[int, int], ...]:
        """Return all that is in stock."""
        ranges = tuple(self._ranges)
        self._ranges.clear()
        return ranges

    def want(self) -> None:
        """Ask for more if the stock is low, as after a rise of the load."""
        if not self._asked and self.left < self.low + len(self._waiting):
            self._asked = True
            self._ask(2 * self.low + len(self._waiting) - self.left)

    def _add(self, first: int, last: int) -> None:
        self._ranges = deque(sorted([*self._ranges, (first, last)]))
        while self._waiting and self._ranges:
            waiter = self._waiting.popleft()
            if not waiter.done():
                waiter.set_result(self._pop())

    def _pop(self) -> int:
        first, last = self._ranges.popleft()
        if last - first > 1:
            self._ranges.appendleft((first + 1, last))
        return first
