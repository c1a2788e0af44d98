"""What all dialogs share: a box in the middle, Esc to leave."""

from collections.abc import Iterable, Sequence
from typing import ClassVar, Generic, TypeVar, cast

from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widget import Widget

from llmprobe.tui.widgets.drawn import HasInk, border_text
from llmprobe.tui.widgets.ink import Ink
from llmprobe.tui.widgets.reader import Write
from llmprobe.tui.widgets.spans import Line, wrapped

Result = TypeVar("Result")


class Dialog(ModalScreen[Result], Generic[Result]):
    """Subclasses give a title, a foot and a body."""

    BINDINGS: ClassVar = [Binding("escape", "leave", show=False)]
    AUTO_FOCUS = "Input, Reader"
    heading: str = ""
    foot: str = ""
    wide: bool = False

    def body(self) -> Iterable[Widget]:
        """What is inside the box."""
        raise NotImplementedError

    def compose(self) -> ComposeResult:
        """The box."""
        box = Vertical(*self.body(), classes="dialog -tall-text" if self.wide else "dialog")
        ink = cast("HasInk", self.app).ink
        box.border_title, box.border_subtitle = border_text(self.heading, ink), border_text(self.foot, ink)
        yield box

    def refoot(self, foot: str) -> None:
        """Other keys do something now."""
        self.query_one(".dialog", Vertical).border_subtitle = border_text(foot, cast("HasInk", self.app).ink)

    def action_leave(self) -> None:
        """Without a result."""
        self.dismiss(None)


def plain(text: str, *, role: str = "text") -> Write:
    """A text in one style, wrapped."""

    def write(width: int, ink: Ink) -> Sequence[Line]:
        return [[(line, getattr(ink, role))] for line in wrapped(text, width)]

    return write
