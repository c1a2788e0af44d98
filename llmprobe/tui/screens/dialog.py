"""What all dialogs share: a box in the middle, Esc to leave."""

from collections.abc import Iterable, Sequence
from typing import ClassVar, Generic, TypeVar, cast

from textual import events
from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widget import Widget

from llmprobe.tui.widgets.drawn import HasInk, border_text
from llmprobe.tui.widgets.hints import Hint, hint_text
from llmprobe.tui.widgets.ink import Ink
from llmprobe.tui.widgets.reader import Write
from llmprobe.tui.widgets.spans import Line, wrapped

Result = TypeVar("Result")
CLOSE = Hint("escape", "close")
CANCEL = Hint("escape", "cancel")
_CORNERS = 4
"""Cells of a lower border that its text can't have."""


class Dialog(ModalScreen[Result], Generic[Result]):
    """Subclasses give a title, a body, and what keys do in it."""

    BINDINGS: ClassVar = [Binding("escape", "leave", show=False)]
    AUTO_FOCUS = "Input, Reader"
    heading: str = ""
    hints: tuple[Hint, ...] = (CLOSE,)
    wide: bool = False
    _said = ""

    def body(self) -> Iterable[Widget]:
        """What is inside the box."""
        raise NotImplementedError

    def compose(self) -> ComposeResult:
        """The box."""
        box = Vertical(*self.body(), classes="dialog -tall-text" if self.wide else "dialog")
        box.border_title = border_text(self.heading, cast("HasInk", self.app).ink)
        yield box

    def on_resize(self) -> None:
        """Fewer hints may fit, or more."""
        self.call_after_refresh(self._write_hints)

    def rehint(self, *hints: Hint, said: str = "") -> None:
        """Other keys do something now; `said` is what was done."""
        self.hints, self._said = hints, said
        self._write_hints()

    def _write_hints(self) -> None:
        box, ink = self.query_one(".dialog", Vertical), cast("HasInk", self.app).ink
        width = box.outer_size.width - _CORNERS
        box.border_subtitle = hint_text(self.hints, width, ink, said=self._said)

    def action_press(self, key: str) -> None:
        """A hint was clicked: as if its key were pressed."""
        pressed = events.Key(key, key if len(key) == 1 else None)
        pressed.set_sender(self.app)  # it would not come back to the screen that it comes from
        self.app.post_message(pressed)

    def action_leave(self) -> None:
        """Without a result."""
        self.dismiss(None)


def plain(text: str, *, role: str = "text") -> Write:
    """A text in one style, wrapped."""

    def write(width: int, ink: Ink) -> Sequence[Line]:
        return [[(line, getattr(ink, role))] for line in wrapped(text, width)]

    return write
