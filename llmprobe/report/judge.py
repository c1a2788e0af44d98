"""The verdict over a run: objectives, baseline, and which exit code wins. Pure."""

from collections.abc import Sequence

from msgspec import Struct

from llmprobe.core.histogram import Histogram
from llmprobe.core.outcome import Outcome
from llmprobe.core.record import RequestRecord
from llmprobe.core.scenario import Baseline
from llmprobe.core.slo import QUANTILES, SAMPLES_FOR, Slo
from llmprobe.metrics.levels import TPOT_TOKENS, breaks
from llmprobe.metrics.percentiles import quantile
from llmprobe.metrics.snapshot import Percentiles
from llmprobe.report.result import Latency, SloResult, Verdict

PASSED, FAILED, ENDPOINT, CAPPED, REFUSED, LOCAL = 0, 1, 3, 4, 5, 6
_PRECEDENCE = (LOCAL, ENDPOINT, CAPPED, REFUSED, FAILED, PASSED)
"""When several hold, the first of these is the exit code."""
_CODE_OF_REASON = {"money": CAPPED, "errors": CAPPED, "endpoint": ENDPOINT, "fault": LOCAL}
_SHARE_SAMPLES = 20
"""Answers below which a share of them is not read."""


class Finding(Struct, frozen=True):
    """Something that speaks against the run, and the exit code it asks for."""

    code: int
    reason: str


def judge_slo(slo: Slo, records: Sequence[RequestRecord], itl: Histogram) -> SloResult:
    """One objective over the requests that count (settled, warm-up left out)."""
    value, n, needed = _value(slo, records, itl)
    passed = slo.met_by(value) if value is not None and n >= needed else None
    return SloResult(str(slo), value, n, passed)


def _value(slo: Slo, records: Sequence[RequestRecord], itl: Histogram) -> tuple[float | None, int, int]:
    """The measured value, its samples, and how many it needs."""
    if slo.metric == "errors":
        judged = [r for r in records if r.outcome.completed or r.outcome.failed]
        share = sum(r.outcome.failed for r in judged) / len(judged) if judged else None
        return share, len(judged), _SHARE_SAMPLES
    if slo.metric == "goodput":
        broken = [broke for r in records if (broke := breaks(r, (slo,))) is not None]
        return (1 - sum(broken) / len(broken) if broken else None), len(broken), _SHARE_SAMPLES
    assert slo.quantile is not None
    needed = SAMPLES_FOR[slo.quantile]
    if slo.metric == "itl":
        enough = itl.count >= needed
        return (itl.quantile(QUANTILES[slo.quantile]) if enough else None), itl.count, needed
    values = sorted(latencies(records, slo.metric))
    return quantile(values, slo.quantile), len(values), needed


def latencies(records: Sequence[RequestRecord], metric: str) -> list[float]:
    """A figure of all completed requests that have it; TPOT from 8 output tokens on."""
    return [
        value
        for record in records
        if record.outcome.completed
        and (value := getattr(record, f"{metric}_s")) is not None
        and (metric != "tpot" or (record.output_tokens or 0) >= TPOT_TOKENS)
    ]


def verdict(
    slos: Sequence[SloResult],
    *,
    ended_reason: str | None,
    ended_message: str | None,
    completed: int,
    failures: Sequence[RequestRecord],
    bound: str | None,
    baseline: Sequence[Finding],
) -> Verdict:
    """All findings together; `reasons` has each as a sentence, the gravest first."""
    findings: list[Finding] = list(baseline)
    if ended_reason in _CODE_OF_REASON:
        findings.append(Finding(_CODE_OF_REASON[ended_reason], ended_message or ended_reason))
    elif completed == 0:
        findings.append(Finding(ENDPOINT, _nothing_came(failures)))
    if bound is not None:
        findings.append(Finding(REFUSED, f"no verdict: the probe was the bottleneck ({bound})"))
    for slo in slos:
        if slo.passed is None:
            findings.append(Finding(REFUSED, f"{slo.slo}: too few samples to tell (n = {slo.n})"))
        elif not slo.passed:
            findings.append(Finding(FAILED, f"{slo.slo}: {_said(slo)}"))
    findings.sort(key=lambda finding: _PRECEDENCE.index(finding.code))
    code = findings[0].code if findings else PASSED
    if code == ENDPOINT:
        # Where nothing was answered, that figures are missing goes without saying.
        findings = [finding for finding in findings if finding.code == ENDPOINT]
    return Verdict(code == PASSED, code, tuple(finding.reason for finding in findings), tuple(slos))


def judge_baseline(baseline: Baseline | None, latency: Latency) -> list[Finding]:
    """Figures that are worse than the reference by more than its tolerance."""
    findings: list[Finding] = []
    for name, reference in (baseline.figures if baseline is not None else {}).items():
        assert baseline is not None
        measure, _, rest = name.partition("_")
        spread: Percentiles = getattr(latency, f"{measure}_s")
        value: float | None = getattr(spread, rest.removesuffix("_s"))
        if value is None:
            findings.append(Finding(REFUSED, f"baseline {name}: too few samples to tell (n = {spread.n})"))
        elif value > reference * (1 + baseline.tolerance):
            worse = f"{value:.4g} s is {value / reference - 1:.0%} above {reference:g} s"
            findings.append(Finding(FAILED, f"baseline {name}: {worse}"))
    return findings


def _nothing_came(failures: Sequence[RequestRecord]) -> str:
    if not failures:
        return "no request was answered"
    newest = failures[-1]
    return f"none of {len(failures)} requests was answered ({newest.error or newest.outcome})"


def _said(slo: SloResult) -> str:
    if slo.value is None:
        return "not measured"
    share = slo.slo.startswith(("errors", "goodput"))
    return f"{slo.value:.2%} (n = {slo.n})" if share else f"{slo.value:.3g} s (n = {slo.n})"


OURS = frozenset({Outcome.CANCELLED, Outcome.LOST})
"""Ended by our own side."""
