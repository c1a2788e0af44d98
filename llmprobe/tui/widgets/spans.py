"""Lines of styled text, measured in the cells of a terminal. Pure."""

from collections.abc import Sequence

from rich.cells import cell_len, chop_cells, set_cell_size
from rich.style import Style

Span = tuple[str, Style]
Line = Sequence[Span]

ELLIPSIS = "…"


def width_of(line: Line) -> int:
    """Cells that a line takes."""
    return sum(cell_len(text) for text, _ in line)


def spread(left: Line, right: Line, width: int, ground: Style) -> list[Span]:
    """`left` at the left end and `right` at the right one; `left` gives way where both don't fit."""
    room = width - width_of(right)
    kept = cut(left, max(0, room - 1))
    return [*kept, (" " * max(0, room - width_of(kept)), ground), *right]


def cut(line: Line, width: int) -> list[Span]:
    """The head of a line that fits `width` cells."""
    kept: list[Span] = []
    room = width
    for text, style in line:
        if room <= 0:
            break
        fits = cell_len(text) <= room
        kept.append((text if fits else fitted(text, room), style))
        room -= min(room, cell_len(text))
    return kept


def fitted(text: str, width: int) -> str:
    """The head of `text`, with … where something was left off."""
    if cell_len(text) <= width:
        return text
    return set_cell_size(text, width - 1).rstrip() + ELLIPSIS if width > 0 else ""


def padded(text: str, width: int) -> str:
    """`text` in exactly `width` cells."""
    return set_cell_size(fitted(text, width), width)


def tail(text: str, width: int) -> str:
    """The end of `text` that fits `width` cells, with … where something came before."""
    if cell_len(text) <= width:
        return text
    end = text[-width:] if width > 0 else ""
    while end and cell_len(end) > width - 1:
        end = end[1:]
    return ELLIPSIS + end if width > 0 else ""


def wrapped(text: str, width: int) -> list[str]:
    """`text` broken into lines of at most `width` cells, between words where possible; indents are kept."""
    return [
        line for paragraph in text.expandtabs(4).split("\n") for line in _broken(paragraph, max(1, width))
    ]


def _broken(paragraph: str, width: int) -> list[str]:
    if cell_len(paragraph) <= width:
        return [paragraph]
    lines: list[str] = []
    current, empty = "", True
    for word in paragraph.rstrip().split(" "):
        joined = word if empty else f"{current} {word}"
        if cell_len(joined) <= width:
            current, empty = joined, False
            continue
        if current.strip():
            lines.append(current)
        *whole, current = chop_cells(word, width) or [""]
        lines.extend(whole)
        empty = False
    return [*lines, current]
