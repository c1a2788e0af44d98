"""A result as a person reads it at the end of a run: about 80 columns, the verdict first."""

from collections.abc import Iterator

from llmprobe.core.scrub import clean
from llmprobe.core.slo import QUANTILES, SAMPLES_FOR
from llmprobe.core.units import people_seconds, people_usd
from llmprobe.metrics.snapshot import Percentiles
from llmprobe.report.result import LevelResult, Result, SloResult

_HOLLOW = "-"


def render(result: Result) -> str:
    """The whole text, with a newline at the end."""
    return clean("\n".join(_lines(result))) + "\n"


def _lines(result: Result) -> Iterator[str]:
    yield _headline(result)
    yield from (f"  {_slo(slo)}" for slo in result.verdict.slos)
    yield from (f"  ! {reason}" for reason in result.verdict.reasons)
    yield ""
    yield f"{result.url or 'unknown endpoint'} · model {result.model or 'unknown'} · seed {result.seed}"
    yield _totals(result)
    if result.insecure:
        yield "Certificates were not checked (--insecure)."
    yield ""
    yield from _latencies(result)
    if result.levels:
        yield ""
        yield from _levels(result)
    yield ""
    yield _rest_on(result)


def _headline(result: Result) -> str:
    words = {0: "PASSED", 1: "FAILED", 5: "NO VERDICT"} if result.complete else {}
    word = words.get(result.verdict.exit_code, "STOPPED")
    ended = result.ended or "the run was killed: what it had measured until then"
    state = "" if result.complete else " (incomplete)"
    return f"{word}  {result.name}: {people_seconds(result.duration_s)}, {ended}{state}"


def _slo(slo: SloResult) -> str:
    mark = {True: "✓", False: "✖", None: "?"}[slo.passed]
    if slo.passed is None:
        needed = next((SAMPLES_FOR[name] for name in QUANTILES if slo.slo.startswith(name)), 20)
        return f"{mark} {slo.slo:<22} too few (n = {slo.n} of {needed})"
    assert slo.value is not None
    share = slo.slo.startswith(("errors", "goodput"))
    value = f"{slo.value:.2%}" if share else people_seconds(slo.value)
    return f"{mark} {slo.slo:<22} {value}  (n = {slo.n})"


def _totals(result: Result) -> str:
    totals = result.totals
    parts = [f"{totals.requests} requests: {totals.completed} completed, {totals.failed} failed"]
    if totals.cancelled:
        parts[0] += f", {totals.cancelled} cancelled by us"
    bad = {name: n for name, n in totals.outcomes.items() if name not in {"ok", "length", "cancelled"}}
    if bad:
        parts.append("of them " + ", ".join(f"{n} {name}" for name, n in bad.items()))
    parts.append(f"{totals.input_tokens} tokens in, {totals.output_tokens} out")
    if totals.usd is not None:
        parts.append(people_usd(totals.usd))
    return "; ".join(parts) + "."


def _latencies(result: Result) -> Iterator[str]:
    yield f"{'':<10}{'n':>8}{'mean':>11}{'p50':>11}{'p90':>11}{'p95':>11}{'p99':>11}{'max':>11}"
    latency = result.latency
    rows = {"TTFT": latency.ttft_s, "ITL": latency.itl_s, "TPOT": latency.tpot_s, "E2E": latency.e2e_s}
    for name, spread in rows.items():
        if spread.n:
            yield f"{name:<10}{spread.n:>8}" + "".join(f"{_s(v):>11}" for v in _columns(spread))
    through = result.throughput
    if through.requests_per_s is not None and through.output_tokens_per_s is not None:
        yield f"{through.requests_per_s:.2f} requests/s, {through.output_tokens_per_s:.0f} output tokens/s"


def _columns(spread: Percentiles) -> tuple[float | None, ...]:
    return spread.mean, spread.p50, spread.p90, spread.p95, spread.p99, spread.max


def _levels(result: Result) -> Iterator[str]:
    unit = "req/s" if result.levels[0].rate is not None else "users"
    yield f"{unit:>10}{'n':>8}{'TTFT p50':>11}{'TTFT p95':>11}{'TPOT p95':>11}{'tokens/s':>11}{'errors':>11}"
    for level in result.levels:
        load = level.users if level.rate is None else level.rate
        yield f"{load:>10g}{level.n:>8}" + "".join(f"{cell:>11}" for cell in _level_cells(level))
    yield f"A {_HOLLOW} has too few samples. Requests that started while a level settled are left out."


def _level_cells(level: LevelResult) -> tuple[str, ...]:
    rate = level.output_tokens_per_s
    return (
        _s(level.ttft_s.p50),
        _s(level.ttft_s.p95),
        _s(level.tpot_s.p95),
        _HOLLOW if rate is None else f"{rate:.0f}",
        _HOLLOW if level.error_rate is None else f"{level.error_rate:.1%}",
    )


def _rest_on(result: Result) -> str:
    """What the figures rest on."""
    probe = result.probe
    source = result.totals.token_source or "none"
    share = "unknown" if probe.cpu_share is None else f"{probe.cpu_share:.0%} of a core"
    kinds = ", ".join(f"{n} {kind}" for kind, n in probe.stamps.items() if n) or "none"
    error = probe.stamp_error_s.p99
    late = "" if error is None else f" (p99 {error * 1e6:.0f} us late)"
    return f"Tokens by {source}; stamps: {kinds}{late}; probe: {share}, {probe.workers} worker(s)."


def _s(seconds: float | None) -> str:
    return _HOLLOW if seconds is None else people_seconds(seconds)
