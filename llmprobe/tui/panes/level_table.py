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


def level_table(levels: Sequence[LevelFigures], height: int, ink: Ink) -> list[Line]:
    """A head and the levels around the one in force; TTFT in s at three quantiles, TPOT p95 in ms."""
    rows = max(0, height - 1)
    at = next((place for place, level in enumerate(levels) if level.current), len(levels) - 1)
    first = max(0, min(at - rows // 2, len(levels) - rows))
    head = "".join(f"{name:>{width}}" for name, width in _COLUMNS)
    return [[(head, ink.dim)], *(_row(level, ink) for level in levels[first : first + rows])]


def _row(level: LevelFigures, ink: Ink) -> Line:
    ttft, tpot = level.ttft, level.tpot.p95
    texts = (
        f"{level.users}" if level.rate is None else f"{level.rate:g}",
        f"{level.n}",
        *(TOO_FEW if value is None else figure(value) for value in (ttft.p50, ttft.p95, ttft.p99)),
        NONE_YET if tpot is None else f"{tpot * 1000:.0f}",
        NONE_YET if level.output_tokens_per_s is None else count(level.output_tokens_per_s),
        NONE_YET if level.error_rate is None else percent(level.error_rate),
    )
    cells = "".join(f"{text:>{width}}" for text, (_, width) in zip(texts, _COLUMNS, strict=True))
    return [(cells, ink.accent if level.current else ink.text)]
