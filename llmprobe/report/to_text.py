"""A result as a person reads it at the end of a run: 80 columns, the verdict first.

Whatever came from an endpoint is stripped of what a terminal would obey, and can't begin a line of its own.
"""

import textwrap
from collections.abc import Iterator, Sequence

from llmprobe.core.outcome import Outcome
from llmprobe.core.scrub import clean
from llmprobe.core.units import people_seconds, people_usd
from llmprobe.metrics.snapshot import Percentiles
from llmprobe.report.judge import said
from llmprobe.report.result import LevelResult, Result

_WIDTH = 80
_HOLLOW = "-"
_WORDS = {0: "PASSED", 1: "FAILED", 3: "NO RESULT", 5: "NO VERDICT"}
_SHAPES = 0.01
"""Of the users' time: what backing off takes from here on is told."""
_OURS = {"cancelled": "cancelled by us", "lost": "lost with their worker"}


def render(result: Result) -> str:
    """The whole text, with a newline at the end."""
    return "\n".join(_lines(result)) + "\n"


def _lines(result: Result) -> Iterator[str]:
    yield from _verdict(result)
    yield ""
    yield from _wrap(subject(result))
    yield from _wrap(totals(result))
    if (shaped := shaped_by(result)) is not None:
        yield from _wrap(shaped)
    if result.insecure:
        yield "Certificates were not checked (--insecure)."
    if result.latency.e2e_s.n and not maps_limits(result):
        yield ""
        yield from _latencies(result)
    if result.levels and not maps_limits(result):
        yield ""
        yield from _levels(result)
    yield ""
    yield from _wrap(rest_on(result))


def word_of(result: Result) -> str:
    """The verdict in a word."""
    return _WORDS.get(result.verdict.exit_code, "STOPPED") if result.complete else "STOPPED"


def headline(result: Result) -> str:
    """What run it was and how it ended, behind that word."""
    ended = result.ended or "it was killed; this is what it had measured until then"
    state = "" if result.complete else " (incomplete)"
    return f"{result.name}: {people_seconds(result.duration_s)}, {ended}{state}"


def unsaid(result: Result) -> list[str]:
    """The reasons that neither the headline nor an objective's own line tells."""
    told = tuple(f"{slo.slo}: " for slo in result.verdict.slos)
    return [why for why in result.verdict.reasons if why != result.ended and not why.startswith(told)]


def subject(result: Result) -> str:
    """What was measured."""
    return f"{result.url or 'unknown endpoint'} · model {result.model or 'unknown'} · seed {result.seed}"


def _verdict(result: Result) -> Iterator[str]:
    verdict = result.verdict
    yield from _wrap(f"{word_of(result)}  {headline(result)}")
    if result.torn_lines:
        yield f"  ! {result.torn_lines} torn line(s) of the run folder are left out"
    for slo in verdict.slos:
        mark = {True: "✓", False: "✖", None: "?"}[slo.passed]
        yield f"  {mark} {slo.slo:<20} {said(slo)}"
    for reason in unsaid(result):
        yield from _wrap(reason, "  ! ")
    if result.capacity is not None and result.capacity.refused is None:
        yield ""
        yield from _wrap(result.capacity.statement)
        if result.capacity.settings is not None:
            yield from _wrap(result.capacity.settings)
    if result.limits is not None and maps_limits(result) and result.limits.refused is None:
        yield ""
        yield from _wrap(result.limits.statement)
        if result.limits.settings is not None:
            yield from _wrap(result.limits.settings)


def maps_limits(result: Result) -> bool:
    """Whether limits were looked for, by made-up requests: then there is no workload to tell latencies of."""
    return result.limits is not None and result.capacity is None


def totals(result: Result) -> str:
    """How many requests there were, how they ended, and what they took."""
    counted = result.totals
    failed = ", ".join(f"{n} {name}" for name, n in counted.outcomes.items() if Outcome(name).failed)
    counts = [f"{counted.completed} completed", f"{counted.failed} failed" + (failed and f" ({failed})")]
    counts += [f"{counted.outcomes[name]} {said}" for name, said in _OURS.items() if name in counted.outcomes]
    if filtered := counted.outcomes.get("content_filter"):
        counts[0] += f" ({filtered} content_filter)"
    parts = [f"{counted.requests} requests: " + ", ".join(counts)]
    sent = "unknown" if counted.input_tokens is None else counted.input_tokens
    parts.append(f"{sent} tokens in, {counted.output_tokens or 0} out")
    if counted.usd is not None:
        parts.append(people_usd(counted.usd))
    return "; ".join(parts) + "."


def _latencies(result: Result) -> Iterator[str]:
    yield _row("", "n", "mean", "p50", "p90", "p95", "p99", "max")
    latency = result.latency
    rows = {"TTFT": latency.ttft_s, "ITL": latency.itl_s, "TPOT": latency.tpot_s, "E2E": latency.e2e_s}
    if latency.chunk_gap_s.n != latency.itl_s.n:
        rows["chunk gap"] = latency.chunk_gap_s
    for name, spread in rows.items():
        if spread.n:
            yield _row(name, str(spread.n), *(_s(value) for value in _columns(spread)))
    through = result.throughput
    if through.requests_per_s is not None and through.output_tokens_per_s is not None:
        yield f"{through.requests_per_s:.2f} requests/s, {through.output_tokens_per_s:.0f} output tokens/s"


def _columns(spread: Percentiles) -> tuple[float | None, ...]:
    return spread.mean, spread.p50, spread.p90, spread.p95, spread.p99, spread.max


def _levels(result: Result) -> Iterator[str]:
    unit = load_head(result.levels)
    yield _row(unit, "n", "TTFT p50", "TTFT p95", "TPOT p95", "tokens/s", "errors", "goodput")
    yield from (_level(level) for level in result.levels)
    yield f"{_HOLLOW}: too few samples. What started while a level settled is left out."
    if any(level.probe_bound for level in result.levels):
        yield "!: the probe was the bottleneck here."


def load_of(level: LevelResult) -> str:
    """`8`, `4.6/s`, with a `!` where the probe was the bottleneck."""
    load = f"{level.users}" if level.rate is None else f"{level.rate:g}/s"
    return load + ("!" if level.probe_bound else "")


def load_head(levels: Sequence[LevelResult]) -> str:
    """What stands over their loads."""
    return "users" if all(level.rate is None for level in levels) else "load"


def _level(level: LevelResult) -> str:
    return _row(
        load_of(level),
        str(level.n),
        _s(level.ttft_s.p50),
        _s(level.ttft_s.p95),
        _s(level.tpot_s.p95),
        _HOLLOW if level.output_tokens_per_s is None else f"{level.output_tokens_per_s:.0f}",
        _share(level.error_rate),
        _share(level.goodput),
    )


def shaped_by(result: Result) -> str | None:
    """How backing off made the load another one than was asked for; None where it hardly did."""
    counted = result.totals
    share = counted.backed_off_s / counted.user_s if counted.user_s else 0.0
    if share < _SHAPES:
        return None
    limited = counted.outcomes.get("rate_limited", 0)
    after = "failures" if not limited else "429s" if limited == counted.failed else "429s and other failures"
    return f"{share:.0%} of users' time was spent backing off after {after}."


def rest_on(result: Result) -> str:
    """What the figures rest on."""
    probe = result.probe
    source = result.totals.token_source or "none"
    share = "CPU unknown" if probe.cpu_share is None else f"{probe.cpu_share:.0%} of a core"
    kinds = ", ".join(f"{n} {kind}" for kind, n in probe.stamps.items() if n) or "none"
    error = probe.stamp_error_s.p99
    late = "" if error is None else f" (p99 {error * 1e6:.0f} us late)"
    return f"Tokens by {source}; stamps: {kinds}{late}; probe: {share}, {probe.workers} worker(s)."


def _row(name: str, n: str, *cells: str) -> str:
    return f"{name:<6}{n:>8}" + "".join(f"{cell:>11}" for cell in cells)


def _wrap(text: str, indent: str = "") -> list[str]:
    """Lines of foreign text; a word that is longer than a line, such as an address, stays whole."""
    return textwrap.wrap(
        clean(text), _WIDTH, initial_indent=indent, subsequent_indent=" " * (len(indent) or 2),
        break_long_words=False, break_on_hyphens=False,
    )  # fmt: skip


def _s(seconds: float | None) -> str:
    return _HOLLOW if seconds is None else people_seconds(seconds)


def _share(share: float | None) -> str:
    return _HOLLOW if share is None else f"{share:.1%}"
