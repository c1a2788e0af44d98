"""The one place that knows plotext: series on a canvas of cells, each cell with the series it belongs to.

Axes, ticks and colours are the caller's. A cell's column is `round(x_share * (width - 1))`, its row likewise
from the bottom, so that what the caller draws beside a point lines up with it.
"""

import importlib
import re
from collections.abc import Sequence
from dataclasses import dataclass

Cell = tuple[str, int | None]
"""A glyph, and the position of its series; None for an empty cell."""

_PIECE = re.compile(r"\x1b\[([0-9;]*)m|([^\x1b]+)")
_FOREGROUND = "38;5;"


@dataclass(frozen=True, slots=True)
class Series:
    """Points by their coordinates; a later series lies above an earlier one."""

    xs: Sequence[float]
    ys: Sequence[float]
    glyph: str
    """One character a point, or `braille` for a fine line through all of them."""


def warm_up() -> None:
    """Load plotext before the first point asks for it: 130 ms of CPU, for a thread beside the screen."""
    importlib.import_module("plotext")


def trace(
    series: Sequence[Series],
    width: int,
    height: int,
    *,
    x_range: tuple[float, float],
    y_range: tuple[float, float],
) -> list[list[Cell]]:
    """`height` rows, top first, of `width` cells. What lies outside the ranges is left out."""
    import plotext  # type: ignore[import-untyped]  # it has no types; see warm_up

    figure = plotext.figure
    figure.clear.data()
    figure.clear.settings()
    figure._set_size(width, height)  # noqa: SLF001 - the public setter reads and obeys the terminal's size
    figure.axes(False)
    figure.canvas("default")
    for code, one in enumerate(series):
        marker = plotext.marker(one.glyph, plotext.pixel(foreground=code))
        signal = figure.signal(list(one.xs), list(one.ys), marker=marker)
        figure.draw(signal.lines() if one.glyph == "braille" else signal)
    for axis, side, (low, high) in (("x", "lower", x_range), ("y", "left", y_range)):
        ruler = figure.ruler(axis, side)
        ruler.lim(low, high)
        ruler.ticks([])
    return _cells(figure.build().string(), width, height)


def _cells(text: str, width: int, height: int) -> list[list[Cell]]:
    """Read glyphs and series back out of plotext's colours."""
    rows: list[list[Cell]] = []
    for line in text.split("\n")[:height]:
        row: list[Cell] = []
        code: int | None = None
        for piece in _PIECE.finditer(line):
            if piece[2] is not None:
                row += [(glyph, None if glyph in " ⠀" else code) for glyph in piece[2]]
            elif piece[1].startswith(_FOREGROUND):
                code = int(piece[1].removeprefix(_FOREGROUND))
            else:
                code = None
        rows.append((row + [(" ", None)] * width)[:width])
    return rows + [[(" ", None)] * width] * (height - len(rows))
