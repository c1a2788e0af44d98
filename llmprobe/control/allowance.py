"""What a rate limit lets through once its bucket is empty, counted while requests are refused."""

from collections.abc import Iterator
from itertools import groupby

from msgspec import Struct

from llmprobe.control.evidence import WINDOW_S, Evidence
from llmprobe.core.outcome import Outcome

_EVEN_N = 25
"""Requests that show whether they trickled through."""
_SHORT = 1 / 6
"""The part of a window in which they may show it."""


class Allowance(Struct, frozen=True):
    """Requests that are let through."""

    per_s: float
    n: int
    """Requests that it was counted by."""


def allowance_of(evidence: Evidence) -> Allowance | None:
    """Counted while 429s came: over whole windows, or less where requests trickle through evenly."""
    window_s = WINDOW_S / evidence.goal.speed
    n, seconds = 0, 0.0
    for run in _dry(evidence):
        from_s, to_s = run.from_s, run.to_s
        whole_s = (to_s - from_s) // window_s * window_s
        if not whole_s and to_s - from_s >= _SHORT * window_s and _even(run.let_through, from_s, to_s):
            whole_s = to_s - from_s
        if whole_s:
            n += sum(at_s >= to_s - whole_s for at_s in run.let_through)
            seconds += whole_s - run.unknown_s
    return Allowance(n / seconds, n) if n else None


class _Dry(Struct, frozen=True):
    """From the first 429 to the end of the stays, one after the other, that failed by them."""

    from_s: float
    to_s: float
    let_through: list[float]
    """When each request was sent that wasn't refused."""
    unknown_s: float
    """For how long it isn't known of the requests whether they were: before a load ended."""


def _dry(evidence: Evidence) -> Iterator[_Dry]:
    for limited, stays in groupby(evidence.stays, lambda s: s.held is False and evidence.limited_at(s)):
        run = list(stays)
        told_s = [
            sample.started_s + sample.e2e_s
            for stay in run
            for sample in stay.ended()
            if sample.outcome is Outcome.RATE_LIMITED
        ]
        if not limited or not told_s:
            continue
        from_s, to_s = min(told_s), run[-1].to_s - run[-1].refused_s
        came = (
            sample.started_s
            for stay in run
            for sample in stay.samples.values()
            if sample.outcome is not Outcome.RATE_LIMITED
            and from_s <= sample.started_s < stay.to_s - stay.refused_s
        )
        yield _Dry(from_s, to_s, list(came), sum(stay.refused_s for stay in run[:-1]))


def _even(times: list[float], from_s: float, to_s: float) -> bool:
    """Whether a bucket was refilled steadily meanwhile: each fifth of the time brought its share."""
    fifths = [0] * 5
    for at_s in times:
        fifths[int(5 * (at_s - from_s) / (to_s - from_s))] += 1
    usual = len(times) / 5
    return len(times) >= _EVEN_N and all(0.5 * usual <= count <= 1.6 * usual for count in fifths)
