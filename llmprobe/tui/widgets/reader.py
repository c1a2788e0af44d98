"""A text to read: as high as it is, scrolled by keys or wheel where there is less room."""

from collections.abc import Callable, Sequence
from typing import ClassVar

from textual import events
from textual.binding import Binding
from textual.geometry import Size

from llmprobe.tui.widgets.drawn import Drawn
from llmprobe.tui.widgets.ink import Ink
from llmprobe.tui.widgets.spans import Line

Write = Callable[[int, Ink], Sequence[Line]]
"""Lines of a text for a width."""


_AROUND = 6
"""Lines of a screen that a box and what lies around it take."""


class Reader(Drawn):
    """Shows what `write` says."""

    BINDINGS: ClassVar = [
        Binding("up,k", "scroll(-1)", show=False), Binding("down,j", "scroll(1)", show=False),
        Binding("pageup,ctrl+u", "page(-1)", show=False),
        Binding("pagedown,ctrl+d,space", "page(1)", show=False),
        Binding("home", "scroll(-1000000)", show=False), Binding("end", "scroll(1000000)", show=False),
    ]  # fmt: skip

    def __init__(self, write: Write, *, ident: str | None = None, focusable: bool = False) -> None:
        super().__init__(ident)
        self.write = write
        self.can_focus = focusable
        self._first = 0

    def rewrite(self, write: Write) -> None:
        """Another text."""
        self.write, self._first = write, 0
        self.refresh(layout=True)
        self.redraw()

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:  # noqa: ARG002 - Textual's
        """As many lines as there are, if they fit the screen inside a box."""
        return max(1, min(len(self.write(width, self.ink)), viewport.height - _AROUND))

    def action_scroll(self, by: int) -> None:
        """Lines up or down."""
        total = len(self.write(self.size.width, self.ink))
        self._first = max(0, min(self._first + by, total - self.size.height))
        self.redraw()

    def action_page(self, by: int) -> None:
        """A page up or down."""
        self.action_scroll(by * max(1, self.size.height - 1))

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        """The wheel."""
        event.stop()
        self.action_scroll(-3)

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        """The wheel."""
        event.stop()
        self.action_scroll(3)

    def lines(self, width: int, height: int) -> Sequence[Line]:
        """The part in sight, and a mark where more follows."""
        text = list(self.write(width, self.ink))
        shown = text[self._first : self._first + height]
        if self._first + height < len(text) and shown:
            shown[-1] = [(f"{'↓ more':>{width}}", self.ink.accent)]
        return shown
