"""The capacity curve: latency with its objective above, throughput below, over one axis of loads. Pure."""

import math
from collections.abc import Callable
from dataclasses import dataclass

from rich.style import Style

from llmprobe.core.slo import SAMPLES_FOR
from llmprobe.metrics.snapshot import LevelFigures
from llmprobe.session.view import View
from llmprobe.tui.goals import bound_of
from llmprobe.tui.widgets.curve import Cell, Series, trace
from llmprobe.tui.widgets.ink import Ink
from llmprobe.tui.widgets.spans import Line, Span
from llmprobe.tui.widgets.sparks import round_up
from llmprobe.tui.wording import count, tight

ENOUGH = SAMPLES_FOR["p95"]
"""Answers from which a level is drawn solid."""
GUTTER = 5
"""Cells for the labels of an axis."""
_INTERVAL, _KNEE = "│", "┊"
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
    around: tuple[float, float] | None = None
    """Where the true value lies with 90 % confidence."""


def scale(levels: list[LevelFigures]) -> tuple[int, int]:
    """The ends of the axis of loads, as binary logarithms."""
    low = math.floor(math.log2(min(map(load_of, levels))))
    return low, max(low + 3, math.ceil(math.log2(max(map(load_of, levels)))))


def plots(
    view: View, levels: list[LevelFigures], width: int, height: int, ink: Ink, *, marked: float | None
) -> list[Line]:
    """Both plots and their axis; `marked` is the load that stands out there."""
    low, high = scale(levels)
    lower = (height - 1) * 2 // 5 if height >= 7 else 0
    bound, knee = bound_of(view, "ttft"), _knee_of(view, low, high)
    drawn = _plot(
        _latency_points(levels, bound, ink), width, height - 1 - lower, (low, high), ink,
        top=_latency_top(levels, bound), style=ink.latency, write=_seconds, name="p95 TTFT", rule=bound,
    )  # fmt: skip
    if lower:
        points = [
            Point(math.log2(load_of(level)), rate, _glyph(level), _marked(level, ink.throughput, ink))
            for level in levels
            if (rate := level.output_tokens_per_s) is not None
        ]
        top = round_up(max((point.y for point in points), default=1.0)) or 1.0
        drawn += _plot(points, width, lower, (low, high), ink, top=top, style=ink.throughput, write=count,
                       name="tokens/s" if knee is None else "tokens/s ┊ knee", upright=knee)  # fmt: skip
    marked = marked or next((load_of(level) for level in levels if level.current), None)
    return [*drawn, _axis(width, low, high, marked, ink)]


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
    upright: float | None = None,
) -> list[Line]:
    """One plot with its labels; `rule` is a height to draw a broken line at, `upright` a place for one."""
    cells = width - GUTTER
    looks = sorted({(point.glyph, point.style) for point in points}, key=str)
    series = [Series([p.x for p in points], [p.y for p in points], "braille")]
    for glyph, look in looks:
        some = [point for point in points if (point.glyph, point.style) == (glyph, look)]
        series.append(Series([point.x for point in some], [point.y for point in some], glyph))
    styles = [style, *(look for _, look in looks)]
    rows = trace(series if points else [], cells, height, x_range=x_range, y_range=(0.0, top))
    rows = _with_intervals(rows, points, x_range, top, height)
    if upright is not None and rows:
        column = round((upright - x_range[0]) / (x_range[1] - x_range[0]) * (cells - 1))
        for row in rows:
            row[column] = row[column] if row[column][1] is not None else (_KNEE, None)
    ruled = None if rule is None else height - 1 - round(min(rule / top, 1.0) * (height - 1))
    lines: list[Line] = []
    for y, row in enumerate(rows):
        label, look = ("", ink.dim)
        if y == ruled and rule is not None:
            label, look = write(rule), ink.warn
        elif y == 0 and height > 1:
            label = write(top)
        blank: Span = ("┈", ink.warn) if y == ruled else (" ", ink.text)
        line: list[Span] = [(f"{label:>{GUTTER - 1}} ", look)]
        line += [
            (glyph, ink.dim)
            if glyph in {_INTERVAL, _KNEE}
            else blank
            if code is None
            else (glyph, styles[code])
            for glyph, code in row
        ]
        lines.append(_named(line, name, ink) if y == (1 if ruled == 0 and height > 1 else 0) else line)
    return lines


def _with_intervals(
    rows: list[list[Cell]], points: list[Point], x_range: tuple[int, int], top: float, height: int
) -> list[list[Cell]]:
    """Upright lines where intervals reach beyond the cell of their point, below all else that is drawn."""
    low, high = x_range

    def row_of(value: float) -> int:
        return height - 1 - round(min(value, top) / top * (height - 1))

    for point in points:
        if point.around is None or not rows:
            continue
        column = round((point.x - low) / (high - low) * (len(rows[0]) - 1))
        for y in range(row_of(point.around[1]), row_of(point.around[0]) + 1):
            if rows[y][column][1] is None:
                rows[y][column] = (_INTERVAL, None)
    return rows


def _knee_of(view: View, low: int, high: int) -> float | None:
    """Where throughput stops growing, on the axis of loads, if the search found that."""
    finding = view.search.finding if view.search is not None else None
    if finding is None or finding.knee is None:
        return None
    return min(max(math.log2(finding.knee.load), low), high)


def _named(line: list[Span], name: str, ink: Ink) -> list[Span]:
    """Write the plot's name where the line starts, unless something is drawn there."""
    place = line[1 : 1 + len(name)]
    if all(text == " " for text, _ in place):
        return [line[0], (name, ink.dim), *line[1 + len(name) :]]
    return line


def _axis(width: int, low: int, high: int, current: float | None, ink: Ink) -> Line:
    """Powers of two under their places; the load in force stands out and pushes others away."""
    cells = width - GUTTER
    row = [" "] * width
    looks = [ink.dim] * width

    def put(load: float, look: Style) -> None:
        text = f"{load:g}"
        column = GUTTER + round((math.log2(load) - low) / (high - low) * (cells - 1))
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
        value = latency(level) or 0.0
        missed = bound is not None and value > bound and level.probe_bound is None
        style = ink.bad if missed else _marked(level, ink.latency, ink)
        glyph = "▲" if value > top and level.probe_bound is None else _glyph(level)
        around = level.ttft_p95_around
        points.append(Point(math.log2(load_of(level)), min(value, top), glyph, style, around))
    return points


def _latency_top(levels: list[LevelFigures], bound: float | None) -> float:
    highest = round_up(max(latency(level) or 0.0 for level in levels)) or 1.0
    return highest if bound is None else min(max(highest, bound * _LOW), bound * _HIGH)


def latency(level: LevelFigures) -> float | None:
    """p95; of fewer samples than support it the slowest, which is what stands at that rank."""
    return level.ttft.p95 if level.ttft.p95 is not None else level.ttft.max


def of_kind(view: View) -> list[LevelFigures]:
    """The levels that have an axis in common with the load of now: users, or requests a second."""
    return [level for level in view.snapshot.levels if (level.rate is not None) == (view.kind == "rate")]


def load_of(level: LevelFigures) -> float:
    """Users, or requests per second."""
    return level.rate if level.rate is not None else float(level.users)


def _glyph(level: LevelFigures) -> str:
    """`!` where the probe was the bottleneck: what was measured is not the endpoint's."""
    return "!" if level.probe_bound is not None else "●" if level.n >= ENOUGH else "○"


def _marked(level: LevelFigures, style: Style, ink: Ink) -> Style:
    return ink.warn if level.probe_bound is not None else ink.accent if level.current else style


def _seconds(value: float) -> str:
    return f"{tight(value)}s"
