"""The levels as a table, for panes with room. Pure."""

from collections.abc import Sequence

from llmprobe.metrics.snapshot import LevelFigures
from llmprobe.tui.widgets.ink import Ink
from llmprobe.tui.widgets.spans import Line
from llmprobe.tui.wording import NONE_YET, TOO_FEW, count, figure, percent

_COLUMNS = (
    ("load", 6),
    ("n", 6),
    ("p50", 8),
    ("p95", 8),
    ("p99", 8),
    ("TPOT", 7),
    ("tok/s", 8),
    ("err %", 6),
)
TABLE_WIDTH = sum(width for _, width in _COLUMNS)
_AROUND = 15
"""Cells of the interval of p95, where there is room for it."""


def level_table(levels: Sequence[LevelFigures], at: int, height: int, width: int, ink: Ink) -> list[Line]:
    """A head and the levels around the one at `at`; TTFT in s at three quantiles, TPOT p95 in ms.

    A `!` marks a level where the probe was the bottleneck.
    """
    rows = max(0, height - 1)
    first = max(0, min(at - rows // 2, len(levels) - rows))
    wide = width >= TABLE_WIDTH + _AROUND
    head = "".join(f"{name:>{cells}}" for name, cells in _COLUMNS)
    head += f"{'p95 in, 90 %':>{_AROUND}}" if wide else ""
    shown = enumerate(levels[first : first + rows], first)
    return [[(head, ink.dim)], *(_row(level, ink, wide=wide, marked=place == at) for place, level in shown)]


def _row(level: LevelFigures, ink: Ink, *, wide: bool, marked: bool) -> Line:
    ttft, tpot = level.ttft, level.tpot.p95
    texts = (
        ("! " if level.probe_bound is not None else "")
        + (f"{level.users}" if level.rate is None else f"{level.rate:g}"),
        f"{level.n}",
        *(TOO_FEW if value is None else figure(value) for value in (ttft.p50, ttft.p95, ttft.p99)),
        NONE_YET if tpot is None else f"{tpot * 1000:.0f}",
        NONE_YET if level.output_tokens_per_s is None else count(level.output_tokens_per_s),
        NONE_YET if level.error_rate is None else percent(level.error_rate),
    )
    cells = "".join(f"{text:>{width}}" for text, (_, width) in zip(texts, _COLUMNS, strict=True))
    if wide:
        around = level.ttft_p95_around
        said = TOO_FEW if around is None else f"{figure(around[0])} to {figure(around[1])}"
        cells += f"{said:>{_AROUND}}"
    return [(cells, ink.accent if marked else ink.warn if level.probe_bound is not None else ink.text)]
