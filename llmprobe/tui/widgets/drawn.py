"""A widget that draws its lines itself, and lets only those that changed reach the terminal.

Every text passes `clean` here, the one place before the screen, and is never read as markup. A drawing that
fails shows `render error` in its place and is logged: a picture must not end a run.
"""

import logging
from collections.abc import Sequence
from typing import Protocol, cast

from rich.segment import Segment
from rich.style import Style
from textual.content import Content
from textual.geometry import Region, Size
from textual.strip import Strip
from textual.widget import Widget

from llmprobe.core.scrub import clean
from llmprobe.tui.widgets.ascii import AsciiTable
from llmprobe.tui.widgets.ink import Ink
from llmprobe.tui.widgets.spans import Line

_LOG = logging.getLogger(__name__)
_ASCII = AsciiTable()


class HasInk(Protocol):
    """The app as a widget sees it."""

    ink: Ink


class Drawn(Widget):
    """Override `lines`; call `redraw` when what they show has changed."""

    ALLOW_SELECT = False

    def __init__(self, ident: str | None = None) -> None:
        super().__init__(id=ident)
        self._drawn: list[Strip] = []
        self._drawn_at: tuple[Size, Ink] | None = None
        self._foot = ""

    @property
    def ink(self) -> Ink:
        """The styles of the theme in force."""
        return cast("HasInk", self.app).ink

    def lines(self, width: int, height: int) -> Sequence[Line]:
        """At most `height` lines of at most `width` cells."""
        raise NotImplementedError

    def redraw(self) -> None:
        """Draw again and mark the lines that differ; while hidden, when it is seen again."""
        if not self.is_mounted or not self.size.area or not self.display:
            self._drawn_at = None
            return
        before = self._drawn if self._drawn_at == self._circumstances() else []
        self._fill()
        if not before:
            self.refresh()
            return
        changed = [y for y, (old, new) in enumerate(zip(before, self._drawn, strict=True)) if old != new]
        if changed:
            self.refresh(*(Region(0, y, self.size.width, 1) for y in changed))

    def write_foot(self, text: str) -> None:
        """Put `text` into the lower border, if it isn't there already: Textual would draw all of it again."""
        if text != self._foot:
            self._foot = text
            self.border_subtitle = border_text(text, self.ink)

    def render_line(self, y: int) -> Strip:
        """Line `y` as it was drawn last."""
        if self._drawn_at != self._circumstances():
            self._fill()
        return self._drawn[y] if y < len(self._drawn) else Strip.blank(self.size.width, self.rich_style)

    def notify_style_update(self) -> None:
        """The ground may be another one, and the glyphs."""
        self._drawn_at = None
        if self._foot:
            self.border_subtitle = border_text(self._foot, self.ink)
        super().notify_style_update()

    def _circumstances(self) -> tuple[Size, Ink]:
        return self.size, self.ink

    def _fill(self) -> None:
        """Draw all lines, whatever happens."""
        width, height = self.size
        ground = self.rich_style
        try:
            drawn = [self._strip(line, width, ground) for line in self.lines(width, height)[:height]]
        except Exception:  # noqa: BLE001 - logged; a picture must not end a run
            _LOG.exception("%s could not be drawn", type(self).__name__)
            drawn = [self._strip([("render error", self.ink.bad)], width, ground)]
        drawn += [Strip.blank(width, ground)] * (height - len(drawn))
        self._drawn, self._drawn_at = drawn, self._circumstances()

    def _strip(self, line: Line, width: int, ground: Style) -> Strip:
        only_ascii = self.ink.ascii
        segments = [
            Segment(on_one_line(text, only_ascii=only_ascii), ground + style) for text, style in line if text
        ]
        return Strip(segments).adjust_cell_length(width, ground)


def border_text(text: str, ink: Ink) -> Content:
    """`text` as a border may show it; never read as markup."""
    return Content(on_one_line(text, only_ascii=ink.ascii))


def on_one_line(text: str, *, only_ascii: bool = False) -> str:
    """`text` as a line of a terminal may show it."""
    if not text.isprintable():
        text = clean(text).replace("\n", " ").replace("\t", " ")
    return text.translate(_ASCII) if only_ascii and not text.isascii() else text
