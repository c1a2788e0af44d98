"""A result for a pull request or a chat: GitHub's Markdown, the verdict first.

Whatever came from an endpoint is stripped of what a terminal would obey, kept on its line, and can't become
markup.
"""

from collections.abc import Iterable, Iterator, Sequence

from llmprobe.core.finding import Visit
from llmprobe.core.scrub import clean
from llmprobe.core.units import people_seconds
from llmprobe.report.judge import said
from llmprobe.report.result import Capacity, LevelResult, LimitsResult, Result
from llmprobe.report.to_text import (
    headline,
    load_head,
    load_of,
    maps_limits,
    rest_on,
    shaped_by,
    subject,
    totals,
    unsaid,
    word_of,
)

_HOLLOW = "–"  # noqa: RUF001 - a dash as wide as a digit
_HELD = {True: "held", False: "failed", None: "open"}
_MARKUP = str.maketrans({character: f"\\{character}" for character in "\\`*_[]<>|#~!&"})


def render(result: Result) -> str:
    """The whole text, with a newline at the end."""
    return "\n".join(_lines(result)) + "\n"


def _lines(result: Result) -> Iterator[str]:
    yield f"**{word_of(result)}** {plain(headline(result))}"
    yield ""
    if result.capacity is not None:
        yield from capacity_lines(result.capacity)
        yield ""
    if result.limits is not None and maps_limits(result):
        yield from limits_lines(result.limits)
        yield ""
    if result.verdict.slos:
        marks = {True: "✓", False: "✖", None: "refused" if result.probe.bound else "too few"}
        rows = [(marks[slo.passed], slo.slo, said(slo)) for slo in result.verdict.slos]
        yield from table(("", "objective", "measured"), rows)
        yield ""
    for reason in unsaid(result):
        yield f"- {plain(reason)}"
    if unsaid(result):
        yield ""
    yield plain(subject(result)) + "  "
    yield plain(totals(result)) + ("" if not result.insecure else "  ")
    if result.insecure:
        yield "Certificates were not checked."
    if (shaped := shaped_by(result)) is not None:
        yield ""
        yield plain(shaped)
    if result.levels and not maps_limits(result):
        yield ""
        unit = load_head(result.levels)
        names = (unit, "n", "TTFT p50", "TTFT p95", "TPOT p95", "tokens/s", "errors", "goodput")
        yield from table(names, [_level(level) for level in result.levels], numbers=True)
        if any(level.probe_bound for level in result.levels):
            yield ""
            yield plain("!: the probe was the bottleneck here.")
    yield ""
    yield plain(rest_on(result))


def capacity_lines(capacity: Capacity) -> Iterator[str]:
    """What a search found: the sentence first, what clients are set to, and the evidence below."""
    yield f"**{plain(capacity.statement)}**"
    if capacity.settings is not None:
        yield ""
        yield capacity.settings
    if capacity.visits:
        yield ""
        unit = "users" if capacity.rate is None else "req/s"
        yield from table(("at", unit, "seconds", "n", "violations", "", "by"), map(_visit, capacity.visits))


def limits_lines(limits: LimitsResult) -> Iterator[str]:
    """Which limits there are: the sentence first, and what clients are set to."""
    yield f"**{plain(limits.statement)}**"
    if limits.settings is not None:
        yield ""
        yield plain(limits.settings)


def _visit(visit: Visit) -> tuple[str, ...]:
    violations = ", ".join(f"{n} of {slo}" for slo, n in visit.violations.items()) or "none"
    return (
        f"{visit.from_s:.0f} s", f"{visit.load:g}", f"{visit.to_s - visit.from_s:.0f}", str(visit.n),
        violations, _HELD[visit.held], visit.by,
    )  # fmt: skip


def _level(level: LevelResult) -> tuple[str, ...]:
    return (
        load_of(level), str(level.n), _s(level.ttft_s.p50),
        _s(level.ttft_s.p95), _s(level.tpot_s.p95),
        _HOLLOW if level.output_tokens_per_s is None else f"{level.output_tokens_per_s:.0f}",
        _share(level.error_rate), _share(level.goodput),
    )  # fmt: skip


def table(names: Sequence[str], rows: Iterable[Sequence[str]], *, numbers: bool = False) -> Iterator[str]:
    """The lines of a table; cells are foreign text."""
    yield "| " + " | ".join(names) + " |"
    yield "|" + ("---:|" if numbers else "---|") * len(names)
    for row in rows:
        yield "| " + " | ".join(plain(cell) for cell in row) + " |"


def plain(text: str) -> str:
    """Foreign text as text, on one line."""
    return " ".join(clean(text).split()).translate(_MARKUP)


def _s(seconds: float | None) -> str:
    return _HOLLOW if seconds is None else people_seconds(seconds)


def _share(share: float | None) -> str:
    return _HOLLOW if share is None else f"{share:.1%}"
