"""The durations that completed requests showed, and what they are for one user alone."""

from collections.abc import Sequence
from statistics import median

from llmprobe.core.record import RequestRecord
from llmprobe.core.slo import LATENCIES
from llmprobe.metrics.levels import TPOT_TOKENS

ENOUGH = 5
"""Answers to one user from which their median is read."""


def latencies(records: Sequence[RequestRecord], metric: str) -> list[float]:
    """A figure of all completed requests that have it, in seconds; TPOT from 8 output tokens on."""
    return [
        value
        for record in records
        if record.outcome.completed
        and (value := getattr(record, f"{metric}_s")) is not None
        and (metric != "tpot" or (record.output_tokens or 0) >= TPOT_TOKENS)
    ]


def idle_of(records: Sequence[RequestRecord]) -> dict[str, float]:
    """Medians in seconds by latency metric, of the answers to one user; those of too few are left out.

    ITL is read as TPOT, which is its mean over an answer.
    """
    of = {metric: latencies(records, "tpot" if metric == "itl" else metric) for metric in LATENCIES}
    return {metric: median(values) for metric, values in of.items() if len(values) >= ENOUGH}
