"""Bars of the recent past. Zero-based, newest at the right, a gap where nothing was measured. Pure."""

import math
from collections.abc import Sequence
from itertools import groupby

from rich.style import Style

from llmprobe.tui.widgets.spans import Line

_BARS = "▁▂▃▄▅▆▇█"
_STEPS = (1.0, 1.5, 2.0, 3.0, 5.0, 7.5, 10.0)
_SHRINK_BELOW = 0.4
"""A ceiling comes down only when the highest bar is this small a part of it: it must not flicker."""


class Ceiling:
    """The value of a full bar: `least`, or a round number above what is shown."""

    def __init__(self) -> None:
        self.value = 0.0

    def settle(self, values: Sequence[float | None], least: float | None = None) -> float:
        """Grow at once, shrink late; never below `least`."""
        highest = max((value for value in values if value is not None), default=0.0)
        wanted = max(round_up(highest), least or 0.0)
        if wanted > self.value or wanted < self.value * _SHRINK_BELOW or self.value < (least or 0.0):
            self.value = wanted
        return self.value


def round_up(value: float) -> float:
    """The next round number: 1, 1.5, 2, 3, 5 or 7.5 times a power of ten; 0 stays 0."""
    if value <= 0:
        return 0.0
    power: float = 10.0 ** math.floor(math.log10(value))
    return next(step * power for step in _STEPS if step * power >= value * (1 - 1e-9))


def newest(values: Sequence[float | None], cells: int) -> list[float | None]:
    """The last `cells` values, with gaps before them where there are fewer."""
    shown = list(values[max(0, len(values) - cells) :])
    shown[:0] = [None] * (cells - len(shown))
    return shown


def heights(values: Sequence[float | None], rows: int, ceiling: float) -> list[int | None]:
    """Eighths of a row for each value; None for a gap, at least 1 above zero."""
    top = rows * 8
    return [
        None if value is None or not math.isfinite(value)
        else 0 if value <= 0 or ceiling <= 0
        else min(top, max(1, round(value / ceiling * top)))
        for value in values
    ]  # fmt: skip


def spark_lines(
    values: Sequence[float | None],
    cells: int,
    rows: int,
    ceiling: float,
    *,
    style: Style,
    zero: Style,
    over: tuple[float, Style] | None = None,
) -> list[Line]:
    """`rows` lines of `cells` bars. `over` is a limit and how to draw what lies above it."""
    shown = newest(values, cells)
    bars = heights(shown, rows, ceiling)

    def look(cell: int) -> Style:
        value = shown[cell]
        if over is not None and value is not None and value > over[0]:
            return over[1]
        return style if bars[cell] else zero

    lines: list[Line] = []
    for row in range(rows - 1, -1, -1):
        glyphs = [(_glyph(bar, row), look(cell)) for cell, bar in enumerate(bars)]
        runs = groupby(glyphs, key=lambda glyph: glyph[1])
        lines.append([("".join(text for text, _ in run), run_style) for run_style, run in runs])
    return lines


def _glyph(bar: int | None, row: int) -> str:
    """What a bar of so many eighths shows in a row, counted from the bottom; zero is a quiet baseline."""
    if bar is None:
        return " "
    if bar == 0:
        return _BARS[0] if row == 0 else " "
    part = bar - row * 8
    return " " if part <= 0 else _BARS[min(part, 8) - 1]
