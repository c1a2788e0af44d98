"""Where there is room for one pane: which one it is, and the keys of the others."""

from collections.abc import Sequence

from textual import events
from textual.message import Message

from llmprobe.tui.layout import BODY, Pane
from llmprobe.tui.widgets.drawn import Drawn
from llmprobe.tui.widgets.spans import Line, Span


class Tabs(Drawn):
    """One line of names."""

    class Chosen(Message):
        """A name was clicked."""

        def __init__(self, pane: Pane) -> None:
            super().__init__()
            self.pane = pane

    current = Pane.CAPACITY

    def show(self, current: Pane) -> None:
        """Mark another one."""
        self.current = current
        self.redraw()

    def on_click(self, event: events.Click) -> None:
        """Go to the name that was hit."""
        at = 1
        for number, pane in enumerate(BODY, 2):
            cells = len(f" {number} {pane} ")
            if at <= event.x < at + cells:
                self.post_message(self.Chosen(pane))
            at += cells + 1

    def lines(self, width: int, height: int) -> Sequence[Line]:  # noqa: ARG002 - it is one line
        """The names, the current one on a ground of its own."""
        ink = self.ink
        line: list[Span] = [(" ", ink.text)]
        for number, pane in enumerate(BODY, 2):
            here = pane is self.current
            ground = ink.cursor if here else ink.text
            line += [
                (f" {number} ", ink.accent + ground if here else ink.accent),
                (f"{pane.capitalize()} ", ink.strong + ground if here else ink.dim), (" ", ink.text),
            ]  # fmt: skip
        return [line]
