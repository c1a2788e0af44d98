"""The product: what each load that was visited gave. Latency with its objective above, throughput below."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from rich.style import Style

from llmprobe.core.slo import SAMPLES_FOR
from llmprobe.metrics.snapshot import LevelFigures
from llmprobe.session.view import View
from llmprobe.tui.chronicle import load_words
from llmprobe.tui.feed import Sight
from llmprobe.tui.goals import bound_of
from llmprobe.tui.panes.level_table import TABLE_WIDTH, level_table
from llmprobe.tui.widgets.curve import Series, trace
from llmprobe.tui.widgets.drawn import Drawn
from llmprobe.tui.widgets.ink import Ink
from llmprobe.tui.widgets.spans import Line, Span, wrapped
from llmprobe.tui.widgets.sparks import round_up
from llmprobe.tui.wording import count, figure, percent, tight

ENOUGH = SAMPLES_FOR["p95"]
"""Answers from which a level is drawn solid."""
_GUTTER = 5
_TABLE_FROM = 16
"""Lines from which there is room for a table of the levels."""
_LOW, _HIGH = 1.5, 3.0
"""The latency axis ends between these multiples of the objective; what lies above is drawn at its edge."""


@dataclass(frozen=True, slots=True)
class Point:
    """A level on one of the two plots."""

    x: float
    """Binary logarithm of the load."""
    y: float
    glyph: str
    style: Style


class CapacityPane(Drawn, can_focus=True):
    """Teaches while it is empty, fills as levels are visited."""

    sight: Sight | None = None

    def show(self, sight: Sight) -> None:
        """Take a new sight."""
        before, self.sight = self.sight, sight
        foot = _foot(sight.view) if sight.view is not None else ""
        self.write_foot(foot)
        if before is None or _drawn_from(before) != _drawn_from(sight):
            self.redraw()

    def lines(self, width: int, height: int) -> Sequence[Line]:
        """Plots over a common axis, and the levels as a table where there is room."""
        view = self.sight.view if self.sight is not None else None
        levels = [level for level in view.snapshot.levels if _latency(level)] if view is not None else []
        if view is None or not levels:
            return _empty(width, height, self.ink)
        table: list[Line] = []
        if height >= _TABLE_FROM and width >= TABLE_WIDTH:
            table = level_table(view.snapshot.levels, min(len(levels) + 1, height // 3), self.ink)
        return [*_plots(view, levels, width, height - len(table), self.ink), *table]


def _drawn_from(sight: Sight) -> object:
    """All that the picture depends on: a plot costs more than the comparison."""
    return None if sight.view is None else (sight.view.snapshot.levels, sight.view.scenario)


def _plots(view: View, levels: list[LevelFigures], width: int, height: int, ink: Ink) -> list[Line]:
    loads = [_load(level) for level in levels]
    low = math.floor(math.log2(min(loads)))
    high = max(low + 3, math.ceil(math.log2(max(loads))))
    lower = (height - 1) * 2 // 5 if height >= 7 else 0
    bound = bound_of(view, "ttft")
    plots = _plot(
        _latency_points(levels, bound, ink), width, height - 1 - lower, (low, high), ink,
        top=_latency_top(levels, bound), style=ink.latency, write=_seconds, name="p95 TTFT", rule=bound,
    )  # fmt: skip
    if lower:
        points = [
            Point(math.log2(_load(level)), rate, _glyph(level), _marked(level, ink.throughput, ink))
            for level in levels
            if (rate := level.output_tokens_per_s) is not None
        ]
        top = round_up(max((point.y for point in points), default=1.0)) or 1.0
        plots += _plot(points, width, lower, (low, high), ink, top=top, style=ink.throughput, write=count,
                       name="tokens/s")  # fmt: skip
    current = next((_load(level) for level in levels if level.current), None)
    return [*plots, _axis(width, low, high, current, ink)]


def _plot(
    points: list[Point],
    width: int,
    height: int,
    x_range: tuple[int, int],
    ink: Ink,
    *,
    top: float,
    style: Style,
    write: Callable[[float], str],
    name: str,
    rule: float | None = None,
) -> list[Line]:
    """One plot with its labels; `rule` is a height to draw a broken line at."""
    cells = width - _GUTTER
    looks = sorted({(point.glyph, point.style) for point in points}, key=str)
    series = [Series([p.x for p in points], [p.y for p in points], "braille")]
    for glyph, look in looks:
        some = [point for point in points if (point.glyph, point.style) == (glyph, look)]
        series.append(Series([point.x for point in some], [point.y for point in some], glyph))
    styles = [style, *(look for _, look in looks)]
    rows = trace(series if points else [], cells, height, x_range=x_range, y_range=(0.0, top))
    ruled = None if rule is None else height - 1 - round(min(rule / top, 1.0) * (height - 1))
    lines: list[Line] = []
    for y, row in enumerate(rows):
        label, look = ("", ink.dim)
        if y == ruled and rule is not None:
            label, look = write(rule), ink.warn
        elif y == 0 and height > 1:
            label = write(top)
        blank: Span = ("┈", ink.warn) if y == ruled else (" ", ink.text)
        line: list[Span] = [(f"{label:>{_GUTTER - 1}} ", look)]
        line += [blank if code is None else (glyph, styles[code]) for glyph, code in row]
        lines.append(_named(line, name, ink) if y == (1 if ruled == 0 and height > 1 else 0) else line)
    return lines


def _named(line: list[Span], name: str, ink: Ink) -> list[Span]:
    """Write the plot's name where the line starts, unless something is drawn there."""
    place = line[1 : 1 + len(name)]
    if all(text == " " for text, _ in place):
        return [line[0], (name, ink.dim), *line[1 + len(name) :]]
    return line


def _axis(width: int, low: int, high: int, current: float | None, ink: Ink) -> Line:
    """Powers of two under their places; the load in force stands out and pushes others away."""
    cells = width - _GUTTER
    row = [" "] * width
    looks = [ink.dim] * width

    def put(load: float, look: Style) -> None:
        text = f"{load:g}"
        column = _GUTTER + round((math.log2(load) - low) / (high - low) * (cells - 1))
        start = min(max(0, column - (len(text) - 1) // 2), width - len(text))
        around = row[max(0, start - 1) : start + len(text) + 1]
        if all(cell == " " for cell in around):
            row[start : start + len(text)] = text
            looks[start : start + len(text)] = [look] * len(text)

    if current:
        put(current, ink.accent)
    for power in range(low, high + 1):
        put(2.0**power, ink.dim)
    return list(zip(row, looks, strict=True))


def _latency_points(levels: list[LevelFigures], bound: float | None, ink: Ink) -> list[Point]:
    top = _latency_top(levels, bound)
    points: list[Point] = []
    for level in levels:
        value = _latency(level) or 0.0
        style = ink.bad if bound is not None and value > bound else _marked(level, ink.latency, ink)
        glyph = "▲" if value > top else _glyph(level)
        points.append(Point(math.log2(_load(level)), min(value, top), glyph, style))
    return points


def _latency_top(levels: list[LevelFigures], bound: float | None) -> float:
    highest = round_up(max(_latency(level) or 0.0 for level in levels)) or 1.0
    return highest if bound is None else min(max(highest, bound * _LOW), bound * _HIGH)


def _latency(level: LevelFigures) -> float | None:
    """p95; of fewer samples than support it the slowest, which is what stands at that rank."""
    return level.ttft.p95 if level.ttft.p95 is not None else level.ttft.max


def _load(level: LevelFigures) -> float:
    return level.rate if level.rate is not None else float(level.users)


def _glyph(level: LevelFigures) -> str:
    return "●" if level.n >= ENOUGH else "○"


def _marked(level: LevelFigures, style: Style, ink: Ink) -> Style:
    return ink.accent if level.current else style


def _seconds(value: float) -> str:
    return f"{tight(value)}s"


def _foot(view: View) -> str:
    """The level in force in figures, or how far it is from having any."""
    level = next((level for level in view.snapshot.levels if level.current), None)
    if level is None:
        return ""
    load = load_words(_load(level), view.scenario.load.kind)
    if not level.n:
        return f"{load}: settling, {level.settling} kept out"
    if level.n < ENOUGH or level.ttft.p95 is None:
        return f"{load}: {level.n} of {ENOUGH} answers"
    errors = f" · errors {percent(level.error_rate)} %" if level.error_rate else ""
    return f"{load}: p95 {figure(level.ttft.p95)} s · n {level.n}{errors}"


def _empty(width: int, height: int, ink: Ink) -> list[Line]:
    """What will be here, and what brings it."""
    text = wrapped("levels appear here as you visit them: press + or -", max(1, min(30, width - 2)))
    above: list[Line] = [[]] * max(0, (height - len(text)) // 2)
    return [*above, *([(f"{line:^{width}}", ink.dim)] for line in text)]
