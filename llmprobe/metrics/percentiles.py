"""Percentiles by nearest rank: the one definition that every figure uses."""

import math
from collections.abc import Callable, Sequence

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


def place(name: str, n: int) -> int | None:
    """Where a quantile stands among `n` ascending values; None below the samples that support it."""
    return math.ceil(QUANTILES[name] * n) - 1 if n >= SAMPLES_FOR[name] else None
