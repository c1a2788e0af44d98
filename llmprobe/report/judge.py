"""The verdict over a run: objectives, baseline, and which exit code wins. Pure."""

from collections.abc import Sequence

from msgspec import Struct

from llmprobe.core.finding import Finding
from llmprobe.core.histogram import Histogram
from llmprobe.core.record import RequestRecord
from llmprobe.core.scenario import Baseline
from llmprobe.core.slo import QUANTILES, SAMPLES_FOR, Slo
from llmprobe.core.units import format_share, people_seconds
from llmprobe.metrics.durations import latencies
from llmprobe.metrics.levels import breaks
from llmprobe.metrics.percentiles import quantile
from llmprobe.metrics.snapshot import Percentiles
from llmprobe.report.result import Latency, SloResult, Verdict

PASSED, FAILED, ENDPOINT, CAPPED, REFUSED, LOCAL = 0, 1, 3, 4, 5, 6
_PRECEDENCE = (LOCAL, ENDPOINT, CAPPED, REFUSED, FAILED, PASSED)
"""When several hold, the first of these is the exit code."""
_CODE_OF_REASON = {"money": CAPPED, "errors": CAPPED, "endpoint": ENDPOINT, "fault": LOCAL}
_SHARE_SAMPLES = 20
"""Answers below which a share of them is not read."""


class Objection(Struct, frozen=True):
    """Something that speaks against the run, and the exit code it asks for."""

    code: int
    reason: str


def judge_slo(slo: Slo, slos: tuple[Slo, ...], records: Sequence[RequestRecord], itl: Histogram) -> SloResult:
    """One of `slos` over the requests that count (settled, warm-up left out) and the token gaps of that time.

    Goodput needs the others: it is the share of requests that broke none of their bounds.
    """
    needed = _SHARE_SAMPLES if slo.quantile is None else SAMPLES_FOR[slo.quantile]
    value, n = _value(slo, slos, records, itl)
    if value is None or n < needed:
        return SloResult(str(slo), None, n, None, needed)
    return SloResult(str(slo), value, n, None if slo.unmeasured else slo.met_by(value), needed)


def _value(
    slo: Slo, slos: tuple[Slo, ...], records: Sequence[RequestRecord], itl: Histogram
) -> tuple[float | None, int]:
    """The measured value, None where it can't be read, and its samples."""
    if slo.metric == "errors":
        judged = [r for r in records if r.outcome.completed or r.outcome.failed]
        return _share([r.outcome.failed for r in judged])
    if slo.metric == "goodput":
        return _share([not broke for r in records if (broke := breaks(r, slos)) is not None])
    assert slo.quantile is not None
    if slo.metric == "itl":
        return itl.quantile(QUANTILES[slo.quantile]), itl.count
    values = sorted(latencies(records, slo.metric))
    return quantile(values, slo.quantile), len(values)


def _share(of: Sequence[bool]) -> tuple[float | None, int]:
    return (sum(of) / len(of) if of else None), len(of)


def verdict(
    slos: Sequence[SloResult],
    *,
    ended_reason: str | None,
    ended_message: str | None,
    completed: int,
    failures: Sequence[RequestRecord],
    bound: str | None,
    others: Sequence[Objection],
    found: Finding | None = None,
) -> Verdict:
    """All objections together; `reasons` has each as a sentence, the gravest first.

    A search goes where objectives break: what it `found` is its verdict, and they are but told.
    """
    objections: list[Objection] = []
    if ended_reason in _CODE_OF_REASON:
        objections.append(Objection(_CODE_OF_REASON[ended_reason], ended_message or ended_reason))
    if completed == 0 and ended_reason != "endpoint":
        objections.append(_nothing_came(failures))
    if found is not None:
        if found.refused is not None:
            objections.append(Objection(REFUSED, f"no honest answer: {found.refused}"))
        return _summed_up(objections, slos)
    if bound is not None:
        slos = [SloResult(slo.slo, slo.value, slo.n, None, slo.needed) for slo in slos]
        objections.append(Objection(REFUSED, f"no verdict: the probe was the bottleneck ({bound})"))
    else:
        objections.extend(others)
    objections.extend(
        Objection(REFUSED if slo.passed is None else FAILED, f"{slo.slo}: {said(slo)}")
        for slo in slos
        if slo.passed is False or (slo.passed is None and slo.value is None)
    )
    return _summed_up(objections, slos)


def _summed_up(objections: list[Objection], slos: Sequence[SloResult]) -> Verdict:
    objections.sort(key=lambda objection: _PRECEDENCE.index(objection.code))
    code = objections[0].code if objections else PASSED
    if code == ENDPOINT:
        # Where nothing was answered, that figures are missing goes without saying.
        objections = [objection for objection in objections if objection.code == ENDPOINT]
    return Verdict(code == PASSED, code, tuple(objection.reason for objection in objections), tuple(slos))


def judge_baseline(baseline: Baseline | None, latency: Latency) -> list[Objection]:
    """Figures that are worse than the reference by more than its tolerance."""
    if baseline is None:
        return []
    objections: list[Objection] = []
    for name, reference in baseline.figures.items():
        measure, _, figure = name.removesuffix("_s").partition("_")
        spread: Percentiles = getattr(latency, f"{measure}_s")
        value: float | None = getattr(spread, figure)
        if value is None:
            objections.append(Objection(REFUSED, f"baseline {name}: too few samples (n = {spread.n})"))
        elif value > reference * (1 + baseline.tolerance):
            allowed = f"{people_seconds(reference)} + {format_share(baseline.tolerance)}"
            worse = f"{people_seconds(value)} is more than {allowed} (n = {spread.n})"
            objections.append(Objection(FAILED, f"baseline {name}: {worse}"))
    return objections


def judge_unmeasured(slos: Sequence[Slo]) -> list[Objection]:
    """Objectives relative to one user, where no level of one user was long enough to measure."""
    return [
        Objection(REFUSED, f"{slo}: no level of one user shows what idle is; add a stage with 1 user")
        for slo in slos
        if slo.unmeasured
    ]


def _nothing_came(failures: Sequence[RequestRecord]) -> Objection:
    """No request was completed: the endpoint's doing where any failed, else the run was over too soon."""
    if not failures:
        return Objection(REFUSED, "no request had ended when the run did")
    newest = failures[-1]
    said = f"none of {len(failures)} requests was answered ({newest.error or newest.outcome})"
    return Objection(ENDPOINT, said)


def said(slo: SloResult) -> str:
    """What an objective came to, for people: the value and what it rests on."""
    if slo.value is None:
        return f"too few (n = {slo.n} of {slo.needed})"
    share = slo.slo.startswith(("errors", "goodput"))
    value = f"{slo.value:.2%}" if share else people_seconds(slo.value)
    return f"{value} (n = {slo.n})"
