"""A list to pick from: keys, wheel, a click; one line each."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import ClassVar

from textual import events
from textual.binding import Binding
from textual.geometry import Size

from llmprobe.core.scrub import clean
from llmprobe.tui.widgets.drawn import Drawn
from llmprobe.tui.widgets.spans import Line, cut, padded

_NAME = 14


@dataclass(frozen=True, slots=True)
class Pick:
    """A line, and what picking it does."""

    name: str
    more: str
    """What it is, behind its name."""
    then: Callable[[], None]


class Picks(Drawn, can_focus=True):
    """Shows a heading and what can be picked; nothing at all while there is nothing."""

    BINDINGS: ClassVar = [
        Binding("up,k", "move(-1)", show=False), Binding("down,j", "move(1)", show=False),
        Binding("home", "move(-1000000)", show=False), Binding("end", "move(1000000)", show=False),
        Binding("enter", "pick", show=False),
    ]  # fmt: skip

    def __init__(self, ident: str, *, most: int) -> None:
        super().__init__(ident)
        self._most = most
        """Lines at most; more are scrolled."""
        self._heading = ""
        self._picks: tuple[Pick, ...] = ()
        self._at = self._first = 0
        self.display = False

    def offer(self, heading: str, picks: Sequence[Pick]) -> None:
        """Another list."""
        self._heading, self._picks = heading, tuple(picks)
        self._at = self._first = 0
        self.display = bool(picks)
        self.refresh(layout=True)
        self.redraw()

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:  # noqa: ARG002 - Textual's
        """A blank, the heading, and as many picks as may be."""
        return 2 + min(len(self._picks), self._most)

    def lines(self, width: int, height: int) -> Sequence[Line]:
        """The picks in sight, the one under the cursor on a ground of its own."""
        ink = self.ink
        room = max(1, height - 2)
        self._first = max(min(self._first, self._at), self._at - room + 1)
        unseen = len(self._picks) - self._first - room
        more = f"  ↓ {unseen} more" if unseen > 0 else ""
        lines: list[Line] = [[], [(self._heading, ink.strong), (more, ink.accent)]]
        names = max((len(pick.name) for pick in self._picks), default=0) + 2
        names = max(names, _NAME) if any(pick.more for pick in self._picks) else width
        for place, pick in enumerate(self._picks[self._first : self._first + room], self._first):
            here = place == self._at and self.has_focus
            ground = ink.cursor if here else ink.text
            line = [
                ("▸ " if here else "  ", ink.accent + ground),
                (padded(clean(pick.name), min(names, width - 2)), ink.accent + ground),
                (padded(clean(pick.more), max(0, width - names - 2)), ink.dim + ground),
            ]
            lines.append(cut(line, width))
        return lines

    def action_move(self, by: int) -> None:
        """The cursor; over the top it leaves for what is above."""
        if by == -1 and self._at == 0:
            self.screen.focus_previous()
        self._at = max(0, min(self._at + by, len(self._picks) - 1))
        self.redraw()

    def action_pick(self) -> None:
        """The one under the cursor."""
        if self._picks:
            self._picks[self._at].then()

    def on_focus(self) -> None:
        """The cursor is seen."""
        self.redraw()

    def on_blur(self) -> None:
        """The cursor is not."""
        self.redraw()

    def on_click(self, event: events.Click) -> None:
        """The line that was hit."""
        event.stop()
        place = self._first + event.y - 2
        if event.y >= 2 and place < len(self._picks):
            self._at = place
            self.action_pick()

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        """The wheel."""
        event.stop()
        self.action_move(-1)

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        """The wheel."""
        event.stop()
        self.action_move(1)
