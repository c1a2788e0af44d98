"""A finding as a result tells it: with its workload, and with what clients should be set to."""

from llmprobe.core import limits as rate_limits
from llmprobe.core.finding import Finding, Mix, statement
from llmprobe.report.result import Capacity, LimitsResult


def capacity_of(finding: Finding, mix: Mix) -> Capacity:
    """Everything that was found, and the sentences for people."""
    capacity, rate = finding.capacity, finding.kind == "rate"
    return Capacity(
        users=None if rate or capacity is None else int(capacity), rate=capacity if rate else None,
        estimate=finding.estimate, low=finding.low, high=finding.high, confidence=finding.confidence,
        cause=finding.cause, slo=finding.slo, held_s=finding.held_s, n=finding.n,
        violations=finding.violations, requests_per_s=finding.requests_per_s,
        tokens_per_s=finding.tokens_per_s, refused=finding.refused, drift=finding.drift, noise=finding.noise,
        knee=finding.knee, visits=finding.visits, statement=statement(finding, mix),
        settings=settings(finding),
    )  # fmt: skip


def limits_of(finding: Finding | None) -> LimitsResult | None:
    """The rate limits that were told or looked for; None where there was no word of any."""
    if finding is None or finding.limits is None:
        return None
    found, refused = finding.limits, finding.refused if finding.maps_limits else None
    said = rate_limits.statement(found)
    if refused is not None:
        said = f"No honest answer: {refused}."
    return LimitsResult(
        rpm=found.rpm, tpm=found.tpm, concurrency=found.concurrency, further=found.further,
        source=found.source, counts=found.counts, window=found.window, burst=found.burst,
        rpm_above=found.rpm_above, tpm_above=found.tpm_above, concurrency_above=found.concurrency_above,
        decisions=found.decisions, explained=found.explained, others=found.others, refused=refused,
        statement=said, settings=rate_limits.settings(found),
    )  # fmt: skip


def settings(finding: Finding) -> str | None:
    """What a client should be set to, so as not to break the endpoint; None where no number follows."""
    if not finding.capacity:
        return None
    parts = []
    if finding.kind == "users":
        parts.append(f"at most {finding.capacity:.0f} requests at once")
    per_s = finding.capacity if finding.kind == "rate" else finding.requests_per_s
    if per_s is not None:
        parts.append(f"about {per_s * 60:,.0f} requests a minute")
    return f"Set all clients together to {' and '.join(parts)}." if parts else None
