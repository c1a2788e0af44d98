"""The one ledger of a run: indices, requests and dollars, handed out as leases. Pure.

Whatever is leased counts as spent until it is returned, and every request that may be in flight reserves what
it may cost at most. So a cap holds with any number of workers, and with all of them in flight.
"""

import heapq
import math

from llmprobe.core.engine import Lease


class Ledger:
    """Draw indices 0, 1, 2, ... out of leases, under caps on requests and dollars."""

    def __init__(
        self, *, max_requests: int | None = None, max_usd: float | None = None, reserve_usd: float = 0.0
    ) -> None:
        self.max_requests = max_requests
        self.max_usd = max_usd
        self._reserve_usd = reserve_usd
        self._next = 0
        self._returned: list[tuple[int, int]] = []
        self._owners: dict[int, int] = {}
        self.spent_usd = 0.0
        self.ended = 0
        """Requests that ended, and those that a dead worker may have sent."""

    @property
    def outstanding(self) -> int:
        """Indices leased and neither ended nor returned."""
        return len(self._owners)

    @property
    def left(self) -> int | None:
        """Requests that may still start, those leased and not yet ended included; None is no cap."""
        left = [] if self.max_requests is None else [self.max_requests - self.ended]
        if (affordable := self._affordable()) != math.inf:
            left.append(int(affordable) + self.outstanding)
        return max(0, min(left)) if left else None

    @property
    def capped(self) -> str | None:
        """Which cap leaves nothing to lease: a sentence without the remedy, or None."""
        if self.max_requests is not None and self.ended + self.outstanding >= self.max_requests:
            return f"the cap of {self.max_requests} requests is reached"
        if self.max_usd is not None and self._affordable() < 1:
            return f"the cap of ${self.max_usd:g} is reached (${self.spent_usd:.4g} spent)"
        return None

    def lease(self, worker: int, want: int, *, workers: int = 1) -> Lease | None:
        """Up to `want` indices, lowest first; fewer near a cap, so that nobody hoards the last; or None."""
        allowed = min(want, self._allowed(workers))
        if allowed < 1:
            return None
        if self._returned:
            first, last = heapq.heappop(self._returned)
            if last - first > allowed:
                heapq.heappush(self._returned, (first + allowed, last))
                last = first + allowed
        else:
            first, last = self._next, self._next + allowed
            self._next = last
        for index in range(first, last):
            self._owners[index] = worker
        return Lease(first, last)

    def finish(self, index: int, usd: float | None) -> None:
        """A request ended at this cost; None is unknown and counts as all that was reserved for it."""
        self._owners.pop(index, None)
        self.ended += 1
        self.spent_usd += self._reserve_usd if usd is None else usd

    def give_back(self, ranges: tuple[tuple[int, int], ...]) -> None:
        """Indices that will not be used; they are leased again before any new one."""
        for first, last in ranges:
            for index in range(first, last):
                self._owners.pop(index, None)
            heapq.heappush(self._returned, (first, last))

    def lose(self, worker: int) -> None:
        """A worker died: what it held counts as spent, since nobody knows what it sent."""
        lost = [index for index, owner in self._owners.items() if owner == worker]
        for index in lost:
            self.finish(index, None)

    def _affordable(self) -> float:
        if self.max_usd is None or not self._reserve_usd:
            return math.inf
        left = self.max_usd - self.spent_usd - self.outstanding * self._reserve_usd
        return left / self._reserve_usd + 1e-9

    def _allowed(self, workers: int) -> int:
        left = self._affordable()
        if self.max_requests is not None:
            left = min(left, self.max_requests - self.ended - self.outstanding)
        if left == math.inf:
            return 1 << 30
        # Near a cap each lease is a share of what is left, down to one request.
        return min(int(left), max(1, int(left) // (2 * workers)))
