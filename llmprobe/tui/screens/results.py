"""The verdict of a run, this one or one of before: objectives, levels, and what the figures rest on."""

from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from typing import Any, ClassVar, cast

from rich.style import Style
from textual.binding import Binding
from textual.widget import Widget

from llmprobe.core.errors import LlmprobeError
from llmprobe.core.scrub import clean
from llmprobe.core.units import people_seconds
from llmprobe.metrics.snapshot import Percentiles
from llmprobe.report.formats import FORMATS
from llmprobe.report.judge import said
from llmprobe.report.result import LevelResult, Result
from llmprobe.report.to_text import (
    headline,
    load_head,
    load_of,
    rest_on,
    shaped_by,
    subject,
    totals,
    unsaid,
    word_of,
)
from llmprobe.tui.screens.dialog import CLOSE, Dialog, plain
from llmprobe.tui.widgets.hints import Hint
from llmprobe.tui.widgets.ink import Ink
from llmprobe.tui.widgets.reader import Reader
from llmprobe.tui.widgets.spans import Line, Span, wrapped
from llmprobe.tui.wording import NONE_YET, count, percent

_FIRST, _CELL = 7, 9
_LEVEL_COLUMNS = ("n", "TTFT p50", "TTFT p95", "TPOT p95", "tok/s", "errors", "goodput")
_LEFT_OFF_FIRST = ("TTFT p50", "goodput", "TPOT p95")
"""Where there is no room for all."""
_SPREADS = ("n", "p50", "p95", "p99", "max", "mean")


class _ResultsScreen(Dialog[bool]):
    """Reads the run folder beside the screen; answers True where a person wants its scenario."""

    wide = True
    onward: Hint
    BINDINGS: ClassVar = [Binding("y", "copy", show=False), Binding("r,q", "leave", show=False)]

    def __init__(self, asked: Callable[[], Awaitable[Result]]) -> None:
        super().__init__()
        self._asked = asked
        self._result: Result | None = None

    def body(self) -> Iterable[Widget]:
        """What is known so far."""
        yield Reader(plain("◌ reading the run folder …", role="dim"), ident="result", focusable=True)

    async def on_mount(self) -> None:
        """Wait beside the screen."""
        self.run_worker(cast("Any", self._ask))  # its type is narrower than what it takes

    def action_copy(self) -> None:
        """As Markdown, to the clipboard of the terminal."""
        if self._result is not None:
            self.app.copy_to_clipboard(FORMATS["markdown"](self._result))
            self.rehint(self.onward, CLOSE, said="✓ copied")

    def action_onward(self) -> None:
        """The scenario that does it again."""
        self.dismiss(result=True)

    async def _ask(self) -> None:
        reader = self.query_one("#result", Reader)
        try:
            self._result = result = await self._asked()
        except LlmprobeError as error:
            reader.rewrite(plain(f"✖ {clean(error.message)}", role="bad"))
        else:
            reader.rewrite(lambda width, ink: result_lines(result, width, ink))
            self.rehint(Hint("y", "copy as Markdown"), self.onward, CLOSE)


class ResultsScreen(_ResultsScreen):
    """The run of this session, which goes on."""

    heading = "Results"
    onward = Hint("s", "save the scenario")
    BINDINGS: ClassVar = [Binding("s", "onward", show=False)]


class PastResultsScreen(_ResultsScreen):
    """A run of before: its scenario is on disk already, and can be opened."""

    onward = Hint("o", "open its scenario")
    BINDINGS: ClassVar = [Binding("o", "onward", show=False)]

    def __init__(self, name: str, asked: Callable[[], Awaitable[Result]]) -> None:
        super().__init__(asked)
        self.heading = f"Results of {name}"


def result_lines(result: Result, width: int, ink: Ink) -> Sequence[Line]:
    """A result as a person reads it. Pure."""
    word = word_of(result)
    look = {"PASSED": ("✓", ink.good), "FAILED": ("✖", ink.bad)}.get(word, ("·", ink.warn))
    lines: list[Line] = [[(f"{look[0]} {word}", look[1])], *_text(headline(result), width, ink.text), []]
    if result.capacity is not None and result.capacity.refused is None:
        lines += [*_text(result.capacity.statement, width, ink.strong), []]
    for slo in result.verdict.slos:
        mark, style = {True: ("✓", ink.good), False: ("✖", ink.bad), None: ("·", ink.dim)}[slo.passed]
        lines.append([(f"{mark} ", style), (f"{slo.slo:<20} ", ink.strong), (said(slo), ink.text)])
    lines += [line for reason in unsaid(result) for line in _text(f"! {reason}", width, ink.warn)]
    if result.levels:
        lines += [[], *_levels(result.levels, width, ink)]
    if result.latency.e2e_s.n:
        lines += [[], *_latencies(result, width, ink)]
    lines += [[], *_text(subject(result), width, ink.dim), *_text(totals(result), width, ink.dim)]
    if (shaped := shaped_by(result)) is not None:
        lines += _text(shaped, width, ink.warn)
    return [*lines, *_text(rest_on(result), width, ink.dim)]


def _text(text: str, width: int, style: Style) -> list[Line]:
    return [[(line, style)] for line in wrapped(" ".join(clean(text).split()), width)]


def _levels(levels: Sequence[LevelResult], width: int, ink: Ink) -> Iterator[Line]:
    spare = len(_LEVEL_COLUMNS) - (width - _FIRST) // _CELL
    columns = [name for name in _LEVEL_COLUMNS if name not in _LEFT_OFF_FIRST[: max(0, spare)]]
    yield _row(load_head(levels), columns, ink.dim, ink.dim)
    for level in levels:
        cells = {
            "n": count(level.n), "TTFT p95": _s(level.ttft_s.p95), "TPOT p95": _s(level.tpot_s.p95),
            "tok/s": NONE_YET if level.output_tokens_per_s is None else count(level.output_tokens_per_s),
            "errors": _share(level.error_rate), "goodput": _share(level.goodput),
            "TTFT p50": _s(level.ttft_s.p50),
        }  # fmt: skip
        look = ink.warn if level.probe_bound else ink.text
        yield _row(load_of(level), [cells[name] for name in columns], ink.accent, look)


def _latencies(result: Result, width: int, ink: Ink) -> Iterator[Line]:
    latency = result.latency
    columns = _SPREADS[: max(1, (width - _FIRST) // _CELL)]
    yield _row("", columns, ink.dim, ink.dim)
    rows = {"TTFT": latency.ttft_s, "TPOT": latency.tpot_s, "ITL": latency.itl_s, "E2E": latency.e2e_s}
    for name, spread in rows.items():
        if spread.n:
            yield _row(name, [_cell(spread, column) for column in columns], ink.latency, ink.text)


def _cell(spread: Percentiles, column: str) -> str:
    return count(spread.n) if column == "n" else _s(getattr(spread, column))


def _row(first: str, cells: Sequence[str], head: Style, style: Style) -> list[Span]:
    return [(f"{first:<{_FIRST}}", head), ("".join(f"{cell:>{_CELL}}" for cell in cells), style)]


def _s(seconds: float | None) -> str:
    return NONE_YET if seconds is None else people_seconds(seconds)


def _share(share: float | None) -> str:
    return NONE_YET if share is None else f"{percent(share)} %"
