"""Percentiles by nearest rank: the one definition that every figure uses."""

import math
from collections.abc import Callable, Sequence
from functools import lru_cache

from llmprobe.core.slo import QUANTILES, SAMPLES_FOR
from llmprobe.metrics.snapshot import Percentiles


def percentiles(values: Sequence[float]) -> Percentiles:
    """Of values in any order; a quantile is None below the samples that support it."""
    ordered = sorted(values)
    return spread(len(ordered), math.fsum(ordered), ordered.__getitem__)


def spread(n: int, total: float, at: Callable[[int], float]) -> Percentiles:
    """Of `n` values that add up to `total`; `at` tells the one at a place in ascending order."""
    if not n:
        return Percentiles()
    places = {name: place(name, n) for name in QUANTILES}
    read = {name: None if where is None else at(where) for name, where in places.items()}
    return Percentiles(n=n, mean=total / n, max=at(n - 1), **read)


def quantile(ordered: Sequence[float], name: str) -> float | None:
    """`p50` to `p99` of ascending values: the smallest that this share of them does not exceed."""
    where = place(name, len(ordered))
    return None if where is None else ordered[where]


@lru_cache(maxsize=1024)
def places_around(name: str, n: int) -> tuple[int, int] | None:
    """Which of `n` ascending values enclose the true quantile with at least 90 % confidence.

    Order statistics: how many of n samples lie above the quantile is binomial, whatever their distribution
    (David and Nagaraja, Order Statistics, 7.1). 5 % on either side; None where n is too small for that: a p95
    takes 59 samples. From 2,000 on by the normal approximation.
    """
    above = 1 - QUANTILES[name]
    if n > 2000:
        middle, half = n * (1 - above), 1.645 * math.sqrt(n * above * (1 - above))
        return max(0, math.floor(middle - half) - 1), min(n - 1, math.ceil(middle + half))
    share, total, fewest, most = (1 - above) ** n, 0.0, None, None
    for more in range(n):
        total += share
        if total <= 0.05:
            fewest = more
        if total >= 0.95:
            most = more
            break
        share *= (n - more) / (more + 1) * above / (1 - above)
    if fewest is None or most is None:
        return None
    return n - 1 - most, n - 1 - fewest


def place(name: str, n: int) -> int | None:
    """Where a quantile stands among `n` ascending values; None below the samples that support it."""
    return math.ceil(QUANTILES[name] * n) - 1 if n >= SAMPLES_FOR[name] else None
