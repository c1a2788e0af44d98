"""The end of a search: the evidence as a finding."""

from llmprobe.control.changes import drift_of, noise
from llmprobe.control.evidence import Evidence
from llmprobe.control.throughput import knee_of
from llmprobe.core.finding import Cause, Finding

_BREATH = 1.07
"""How much an endpoint's break moves between visits, which no verdict shows; found on drawn endpoints."""
_WIDE, _USERS = 1.5, 2
"""High over low of an interval that says too little, unless it is of so few users."""


def ending(evidence: Evidence, capacity: float, *, between: tuple[float, float] | None = None) -> Finding:
    """A capacity with what it rests on; a refusal where the interval is too wide.

    `between` is the interval where it is not the posterior's.
    """
    low, high = evidence.interval() if between is None else between
    estimate = evidence.posterior.quantile(0.5)
    failed = [stay for stay in evidence.failures() if stay.load > capacity]
    cause, slo = _cause(evidence, capacity, nothing_failed=not failed)
    here = [stay for stay in evidence.stays if stay.load == capacity and stay.held]
    lowest = min((stay.load for stay in failed), default=None)
    times = [stay.from_s for stay in failed if stay.load == lowest]
    k = 0 if slo is None else [rule.name for rule in evidence.rules].index(slo)
    tallies = [evidence.judge.tally(stay, k) for stay in here]
    held_s = sum(stay.held_s for stay in here)
    done = sum(stay.completed()[0] for stay in here)
    tokens = sum(stay.completed()[1] for stay in here)
    if cause == "rate_limit" and lowest is not None and between is None:
        low, high = capacity, lowest
    knee = knee_of(evidence)
    if lowest is None:
        low, high = min(low, capacity), 4 * evidence.goal.most
        cause = cause if knee is None else "throughput"
    if between is None and capacity and lowest is not None and too_wide(evidence, low, high):
        return refusal(
            evidence, f"the break lies anywhere from {low:.3g} to {high:.3g}: too wide to name a number"
        )
    if between is None and lowest is not None and capacity > high * _BREATH + evidence.step(capacity):
        return refusal(evidence, "the visits contradict each other", drift=drift_of(evidence))
    if lowest is not None and between is None:
        low, high = low / _BREATH, high * _BREATH
    apart_s = times[-1] - times[0] if len(times) > 1 else None
    return Finding(
        capacity=capacity, estimate=estimate, low=low, high=high,
        cause=cause, slo=slo, held_s=held_s, n=sum(n for n, _ in tallies),
        violations=round(sum(bad for _, bad in tallies)), visits=evidence.visits(), kind=evidence.goal.kind,
        requests_per_s=done / held_s if held_s else None, tokens_per_s=tokens / held_s if held_s else None,
        failed_at=lowest, failed_times=len(times), failed_apart_s=apart_s,
        noise=noise(evidence), knee=knee,
    )  # fmt: skip


def too_wide(evidence: Evidence, low: float, high: float) -> bool:
    """Whether an interval says too little."""
    return high > low * _WIDE and evidence.rounded(high) - evidence.rounded(low) > _USERS


def refusal(evidence: Evidence, why: str, *, drift: str | None = None) -> Finding:
    """No honest answer, with what was seen all the same."""
    low, high = evidence.interval()
    return Finding(
        capacity=None, estimate=evidence.posterior.quantile(0.5), low=low, high=high, cause=None, refused=why,
        drift=drift, visits=evidence.visits(), kind=evidence.goal.kind,
    )  # fmt: skip


def _cause(evidence: Evidence, capacity: float, *, nothing_failed: bool) -> tuple[Cause, str | None]:
    """What binds at the lowest load that failed above the capacity."""
    if nothing_failed:
        return "none", None
    above = (stay for stay in evidence.failures() if stay.load > capacity)
    failing = min(above, key=lambda stay: (stay.load, -stay.to_s))
    rule = evidence.rules[failing.why]
    if capacity == 0:
        return "zero", rule.name
    if evidence.limited_at(failing):
        return "rate_limit", rule.name
    if evidence.goal.kind == "rate" and rule.latency and failing.grew:
        return "instability", rule.name
    return rule.slo.metric, rule.name
