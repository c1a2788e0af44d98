"""What happened, newest at the bottom."""

from collections.abc import Sequence
from typing import ClassVar

from textual import events
from textual.binding import Binding

from llmprobe.tui.chronicle import Happening
from llmprobe.tui.feed import Sight
from llmprobe.tui.widgets.drawn import Drawn
from llmprobe.tui.widgets.ink import Ink
from llmprobe.tui.widgets.spans import Line, fitted
from llmprobe.tui.wording import clock


class EventsPane(Drawn, can_focus=True):
    """A list that stays at its end until a reader scrolls up."""

    BINDINGS: ClassVar = [
        Binding("up,k", "scroll(-1)", show=False),
        Binding("down,j", "scroll(1)", show=False),
    ]  # fmt: skip

    def __init__(self, ident: str | None = None) -> None:
        super().__init__(ident)
        self._events: tuple[Happening, ...] = ()
        self._back = 0
        """Lines between the last event and the last one shown."""

    def show(self, sight: Sight) -> None:
        """Take a new sight; what a reader looks at stays in its place."""
        grown = len(sight.events) - len(self._events)
        if self._back and grown > 0:
            self._back += grown
        self._events = sight.events
        self.redraw()

    def action_scroll(self, by: int) -> None:
        """Towards the past or back."""
        self._back = min(max(0, self._back - by), max(0, len(self._events) - self.size.height))
        self.redraw()

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        """The wheel, towards the past."""
        event.stop()
        self.action_scroll(-1)

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        """And back."""
        event.stop()
        self.action_scroll(1)

    def lines(self, width: int, height: int) -> Sequence[Line]:
        """The newest that fit."""
        if not self._events:
            return [[("load changes, marks and first errors appear here", self.ink.dim)]]
        end = max(min(height, len(self._events)), len(self._events) - self._back)
        return [_line(event, width, self.ink) for event in self._events[max(0, end - height) : end]]


def _line(event: Happening, width: int, ink: Ink) -> Line:
    style = {"✖": ink.bad, "↯": ink.bad, "$": ink.warn, "◌": ink.warn, "✓": ink.good}.get(
        event.glyph, ink.accent
    )
    return [
        (f"{clock(event.at_s)} ", ink.dim), (f"{event.glyph} ", style),
        (fitted(event.text.replace("\n", " "), width - 8), ink.text),
    ]  # fmt: skip
