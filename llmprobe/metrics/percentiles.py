"""Percentiles by nearest rank: the one definition that every figure uses."""

import math
from collections.abc import Sequence

from llmprobe.core.slo import QUANTILES, SAMPLES_FOR
from llmprobe.metrics.snapshot import Percentiles


def percentiles(values: Sequence[float]) -> Percentiles:
    """Of values in any order; a quantile is None below the samples that support it."""
    if not values:
        return Percentiles()
    ordered = sorted(values)
    read = {name: quantile(ordered, name) for name in QUANTILES}
    return Percentiles(n=len(ordered), mean=math.fsum(ordered) / len(ordered), max=ordered[-1], **read)


def quantile(ordered: Sequence[float], name: str) -> float | None:
    """`p50` to `p99` of ascending values: the smallest that this share of them does not exceed."""
    if len(ordered) < SAMPLES_FOR[name]:
        return None
    return ordered[math.ceil(QUANTILES[name] * len(ordered)) - 1]
