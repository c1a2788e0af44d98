"""A mergeable histogram of durations in logarithmic buckets.

Buckets grow by 1 %, so a quantile is off by at most 0.5 %. Count, sum, minimum and maximum are exact.
"""

import math
from collections import Counter
from collections.abc import Iterable, Sequence

from msgspec import Struct

_GROWTH = math.log(1.01)
_FLOOR_S = 1e-6


class Histogram(Struct):
    """Durations in seconds; those below a microsecond share the first bucket."""

    buckets: dict[int, int] = {}
    count: int = 0
    total_s: float = 0.0
    min_s: float = 0.0
    max_s: float = 0.0

    @classmethod
    def of(cls, seconds: Sequence[float]) -> "Histogram":
        """Of all these samples."""
        if not seconds:
            return cls()
        # Once for every token: _bucket written out, which halves it.
        log, growth, floor_s = math.log, _GROWTH, _FLOOR_S
        numbers = Counter([1 + int(log(s / floor_s) / growth) if s > floor_s else 0 for s in seconds])
        return cls(dict(numbers), len(seconds), math.fsum(seconds), min(seconds), max(seconds))

    def merge(self, other: "Histogram") -> None:
        """Add all samples of `other`."""
        for bucket, times in other.buckets.items():
            self.buckets[bucket] = self.buckets.get(bucket, 0) + times
        if other.count:
            self.min_s = min(self.min_s, other.min_s) if self.count else other.min_s
        self.count += other.count
        self.total_s += other.total_s
        self.max_s = max(self.max_s, other.max_s)

    @property
    def mean_s(self) -> float | None:
        """Exact mean, or None without samples."""
        return self.total_s / self.count if self.count else None

    def share_above(self, seconds: float) -> float:
        """The share of samples longer than that, to the width of a bucket; 0 without samples."""
        if not self.count or seconds >= self.max_s:
            return 0.0
        at = _bucket(seconds)
        return sum(times for bucket, times in self.buckets.items() if bucket > at) / self.count

    def quantile(self, q: float) -> float | None:
        """The smallest duration that a share `q` of the samples does not exceed, to 0.5 %."""
        if not self.count:
            return None
        rank = max(1, math.ceil(q * self.count))
        seen = 0
        for bucket in sorted(self.buckets):
            seen += self.buckets[bucket]
            if seen >= rank:
                middle = _FLOOR_S * math.exp((bucket - 0.5) * _GROWTH) if bucket else _FLOOR_S
                return min(max(middle, self.min_s), self.max_s)
        return self.max_s


def _bucket(seconds: float) -> int:
    return 1 + int(math.log(seconds / _FLOOR_S) / _GROWTH) if seconds > _FLOOR_S else 0


def merged(parts: Iterable[Histogram]) -> Histogram:
    """One histogram of all samples."""
    whole = Histogram()
    for part in parts:
        whole.merge(part)
    return whole
