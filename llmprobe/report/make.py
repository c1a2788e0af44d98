"""One pure function from what a run folder tells to a result: live, later, or after a kill."""

import math
from collections import Counter, deque
from collections.abc import Iterable, Sequence
from statistics import fmean

from msgspec import Struct

from llmprobe import __version__
from llmprobe.core.events import LoadChanged
from llmprobe.core.finding import Finding, Mix
from llmprobe.core.histogram import Histogram, merged
from llmprobe.core.load import WARMUP_LEVEL, LoadKind
from llmprobe.core.outcome import Outcome
from llmprobe.core.record import RequestRecord
from llmprobe.core.scenario import Scenario
from llmprobe.core.slo import QUANTILES, SAMPLES_FOR, Slo
from llmprobe.core.target import speed_of
from llmprobe.metrics.durations import idle_of, latencies
from llmprobe.metrics.levels import Levels
from llmprobe.metrics.moments import Moment
from llmprobe.metrics.percentiles import percentiles
from llmprobe.metrics.snapshot import LevelFigures, Percentiles
from llmprobe.report.files import FORMAT, Began, Changed, RunFiles
from llmprobe.report.judge import judge_baseline, judge_slo, judge_unmeasured, verdict
from llmprobe.report.result import (
    Capacity,
    Cost,
    Latency,
    LevelResult,
    Probe,
    Result,
    Throughput,
    Totals,
    Workload,
)
from llmprobe.report.statement import capacity_of, limits_of

_CUT_SHORT = frozenset({"interrupted", "fault"})
"""Reasons of an end (`session.stop.Reason`) that was none: there would have been more to measure."""


class _Settled(Struct, frozen=True):
    """What counts: all that began after its level had settled, the warm-up left out."""

    levels: tuple[LevelFigures, ...]
    records: tuple[RequestRecord, ...]
    itl: Histogram
    chunk_gaps: Histogram


def make_result(run: RunFiles, scenario: Scenario, *, unwritten: Sequence[RequestRecord] = ()) -> Result:
    """Everything that can be said of a run. `unwritten` are records that the disk refused."""
    records = sorted(_each_once((*run.records, *unwritten)), key=lambda record: record.ended_s)
    speed = speed_of(scenario.endpoint.url)
    slos = tuple(slo.scaled(speed) for slo in scenario.slo)
    settled = _settled(run, records, slos, scenario)
    if any(slo.unmeasured for slo in slos):
        idle = _idle(run.found, settled)
        slos = tuple(slo.measured(idle) for slo in slos)
        settled = _settled(run, records, slos, scenario)
    latency = _latency(settled)
    counting = _at_capacity(run.found, settled.records)
    began, ended = run.began, run.ended
    probe = _probe(run, records, settled.levels)
    totals = _totals(records, run.series)
    return Result(
        format=FORMAT,
        llmprobe=began.llmprobe if began is not None else __version__,
        name=scenario.name,
        seed=scenario.seed,
        started=began.started if began is not None else None,
        duration_s=ended.at_s if ended is not None else _last_s(run, records),
        complete=ended is not None and ended.reason not in _CUT_SHORT and not run.broken_lines,
        ended=ended.message if ended is not None else None,
        torn_lines=run.broken_lines,
        url=began.url if began is not None else None,
        model=began.model if began is not None else None,
        insecure=began.insecure if began is not None else scenario.endpoint.insecure,
        verdict=verdict(
            [judge_slo(slo, slos, counting, settled.itl) for slo in slos],
            found=run.found,
            ended_reason=ended.reason if ended is not None else None,
            ended_message=ended.message if ended is not None else None,
            completed=totals.completed,
            failures=[record for record in records if record.outcome.failed],
            bound=probe.why,
            others=[*judge_unmeasured(slos), *judge_baseline(scenario.baseline, latency)],
        ),
        totals=totals,
        warmup_requests=sum(record.level_id == WARMUP_LEVEL for record in records),
        latency=latency,
        throughput=_throughput(records, latency),
        workload=_workload(records, scenario),
        levels=tuple(_level(figures) for figures in settled.levels),
        capacity=_capacity(run.found, records, scenario),
        limits=limits_of(run.found),
        cost=_cost(totals, scenario),
        probe=probe,
        server=None,
    )


def _each_once(records: Sequence[RequestRecord]) -> Iterable[RequestRecord]:
    """Without those booked as lost whose record the dying worker had written after all."""
    known = {record.index for record in records if record.outcome is not Outcome.LOST}
    return (r for r in records if r.outcome is not Outcome.LOST or r.index not in known)


def _settled(
    run: RunFiles, records: Sequence[RequestRecord], slos: tuple[Slo, ...], scenario: Scenario
) -> _Settled:
    load = scenario.load
    fold = Levels(slos, speed_of(scenario.endpoint.url), load.max_users)
    changes, series = deque(run.changes), deque(run.series)
    counting: list[RequestRecord] = []
    for record in records:
        while changes and changes[0].at_s <= record.ended_s:
            _seconds_until(fold, series, changes[0].at_s)
            _change(fold, changes.popleft(), load.kind)
        _seconds_until(fold, series, record.ended_s)
        if fold.finish(record):
            counting.append(record)
    for change in changes:
        _seconds_until(fold, series, change.at_s)
        _change(fold, change, load.kind)
    end_s = max((m.at_s for m in run.series if m.target), default=_last_s(run, records))
    _seconds_until(fold, series, end_s)
    fold.close(end_s)
    return _Settled(fold.figures(end_s), tuple(counting), fold.itl, fold.chunk_gaps)


def _seconds_until(fold: Levels, series: deque[Moment], at_s: float) -> None:
    while series and series[0].at_s <= at_s:
        fold.observe(series.popleft())


def _change(fold: Levels, change: Changed, kind: LoadKind) -> None:
    """`kind` is what the target counts where the line does not say it."""
    fold.change(
        LoadChanged(
            change.level_id, change.target, change.at_s, change.over_s, change.by, change.unit or kind
        )
    )  # fmt: skip


def _last_s(run: RunFiles, records: Sequence[RequestRecord]) -> float:
    """The newest time that anything tells of."""
    times = [record.ended_s for record in records] + [moment.at_s for moment in run.series]
    return max([*times, *(line.at_s for line in run.lines if not isinstance(line, Began))], default=0.0)


def _latency(settled: _Settled) -> Latency:
    spreads = {
        f"{metric}_s": percentiles(latencies(settled.records, metric))
        for metric in ("ttft", "ttfo", "tpot", "e2e", "connect")
    }
    return Latency(itl_s=_of_histogram(settled.itl), chunk_gap_s=_of_histogram(settled.chunk_gaps), **spreads)


def _of_histogram(histogram: Histogram) -> Percentiles:
    if not histogram.count:
        return Percentiles()
    read = {
        name: histogram.quantile(q) if histogram.count >= SAMPLES_FOR[name] else None
        for name, q in QUANTILES.items()
    }
    return Percentiles(n=histogram.count, mean=histogram.mean_s, max=histogram.max_s, **read)


def _totals(records: Sequence[RequestRecord], series: Sequence[Moment]) -> Totals:
    outcomes = Counter(record.outcome for record in records)
    return Totals(
        requests=len(records),
        completed=sum(n for outcome, n in outcomes.items() if outcome.completed),
        failed=sum(n for outcome, n in outcomes.items() if outcome.failed),
        cancelled=outcomes[Outcome.CANCELLED] + outcomes[Outcome.LOST],
        outcomes={outcome.value: n for outcome, n in sorted(outcomes.items())},
        input_tokens=_known_sum(record.input_tokens for record in records),
        output_tokens=_known_sum(record.output_tokens for record in records),
        reasoning_tokens=_known_sum(record.reasoning_tokens for record in records),
        cached_tokens=_known_sum(record.cached_tokens for record in records),
        token_source="+".join(sorted({r.token_source for r in records if r.token_source})) or None,
        usd=_known_usd(records),
        user_s=math.fsum(moment.user_s for moment in series),
        backed_off_s=math.fsum(moment.backed_off_s for moment in series),
    )


def _idle(finding: Finding | None, settled: _Settled) -> dict[str, float]:
    """What one user alone was answered in: as the search measured it, else at the level of one user."""
    if finding is not None:
        return finding.idle
    return idle_of([record for record in settled.records if record.users == 1])


def _at_capacity(finding: Finding | None, records: Sequence[RequestRecord]) -> Sequence[RequestRecord]:
    """What objectives are judged on: after a search, what was asked at the load that it found."""
    if finding is None or not finding.capacity or finding.kind == "rate":
        return records
    return [record for record in records if record.users == int(finding.capacity)]


def _capacity(
    finding: Finding | None, records: Sequence[RequestRecord], scenario: Scenario
) -> Capacity | None:
    if finding is None or finding.maps_limits:
        return None
    completed = [record for record in records if record.outcome.completed]
    mix = Mix(
        _mean(record.input_tokens for record in completed),
        _mean(record.output_tokens for record in completed),
        scenario.prompts.cache,
    )
    return capacity_of(finding, mix)


def _mean(values: Iterable[int | None]) -> float | None:
    known = [value for value in values if value is not None]
    return fmean(known) if known else None


def _throughput(records: Sequence[RequestRecord], latency: Latency) -> Throughput:
    measured = [record for record in records if record.level_id != WARMUP_LEVEL]
    if not measured:
        return Throughput(None, None, None)
    span_s = max(r.ended_s for r in measured) - min(r.started_s for r in measured)
    completed = [record for record in measured if record.outcome.completed]
    tokens = sum(record.output_tokens or 0 for record in measured)
    return Throughput(
        requests_per_s=len(completed) / span_s if span_s else None,
        output_tokens_per_s=tokens / span_s if span_s else None,
        tokens_per_s_per_user=1 / latency.tpot_s.p50 if latency.tpot_s.p50 else None,
    )


def _workload(records: Sequence[RequestRecord], scenario: Scenario) -> Workload:
    completed = [record for record in records if record.outcome.completed]
    cached = _known_sum(record.cached_tokens for record in completed)
    sent = sum(record.input_tokens or 0 for record in completed if record.cached_tokens is not None)
    return Workload(
        input_tokens=percentiles([r.input_tokens for r in completed if r.input_tokens is not None]),
        output_tokens=percentiles([r.output_tokens for r in completed if r.output_tokens is not None]),
        cache=scenario.prompts.cache,
        cached_share=cached / sent if cached is not None and sent else None,
    )


def _level(figures: LevelFigures) -> LevelResult:
    return LevelResult(
        users=figures.users, rate=figures.rate, n=figures.n, seconds=figures.seconds, ttft_s=figures.ttft,
        tpot_s=figures.tpot, output_tokens_per_s=figures.output_tokens_per_s, error_rate=figures.error_rate,
        goodput=figures.goodput, visits=figures.visits, settling=figures.settling,
        probe_bound=figures.probe_bound,
    )  # fmt: skip


def _cost(totals: Totals, scenario: Scenario) -> Cost | None:
    prices = scenario.prices
    if prices is None or totals.usd is None:
        return None
    user_hours = totals.user_s / 3600
    return Cost(
        usd=totals.usd,
        usd_per_request=totals.usd / totals.completed if totals.completed else None,
        usd_per_user_hour=totals.usd / user_hours if user_hours else None,
        prices=f"${prices.input:g} in, ${prices.output:g} out, a million tokens",
    )


def _probe(run: RunFiles, records: Sequence[RequestRecord], levels: Sequence[LevelFigures]) -> Probe:
    busy = [moment for moment in run.series if moment.in_flight]
    lags = percentiles([moment.lag_s for moment in busy])
    stamps: Counter[str] = Counter()
    for record in records:
        stamps.update(record.stamps)
    shares = [level.probe_cpu_share for level in levels if level.probe_cpu_share is not None]
    if not shares and busy:
        shares = [fmean(moment.cpu_share for moment in busy)]
    why = next((_at(level) + level.probe_bound for level in levels if level.probe_bound is not None), None)
    return Probe(
        bound=why is not None,
        why=why,
        loop_lag_p99_s=lags.p99,
        loop_lag_max_s=lags.max,
        cpu_share=max(shares, default=None),
        workers=run.began.workers if run.began is not None else 1,
        stamps={kind: stamps[kind] for kind in ("kernel", "loop", "coalesced")},
        stamp_error_s=_of_histogram(merged(moment.stamp_error for moment in run.series)),
    )


def _at(level: LevelFigures) -> str:
    return f"at {level.users} users " if level.rate is None else f"at {level.rate:g} requests/s "


def _known_usd(records: Sequence[RequestRecord]) -> float | None:
    known = [record.usd for record in records if record.usd is not None]
    return math.fsum(known) if known else None


def _known_sum(values: Iterable[int | None]) -> int | None:
    """The sum of what is known; None where nothing is."""
    known = [value for value in values if value is not None]
    return sum(known) if known else None
