"""The hand on the load: a slider on a logarithmic scale.

A stray scroll must not send load, so the wheel does nothing here. `moved` is called for a person's acts only:
a plan that changes the load is shown and hears no echo. It is called at once, so that no look comes between.
"""

import math
from collections.abc import Callable, Sequence

from textual import events
from textual.timer import Timer

from llmprobe.core.load import LEAST_RATE, LoadKind
from llmprobe.tui.widgets.drawn import Drawn
from llmprobe.tui.widgets.spans import Line, Span, spread, width_of

DRAG_EVERY_S = 0.1
"""A drag changes the load at most this often."""
Moved = Callable[[float], None]
"""Takes the value that a person chose."""
STEPS: dict[LoadKind, float] = {"users": 1.0, "rate": LEAST_RATE}
"""The least of each kind of load, and what it moves by."""
_LONGEST_NUMBER = 6


def cell_of(value: float, least: float, maximum: float, cells: int) -> int:
    """Where on a track of `cells` a value from `least` to `maximum` lies."""
    if maximum <= least or cells <= 1:
        return 0
    share = math.log(min(max(value, least), maximum) / least) / math.log(maximum / least)
    return round(share * (cells - 1))


def value_at(cell: int, least: float, maximum: float, cells: int) -> float:
    """The value whose place is `cell`, in whole steps of `least`; the ends are exact."""
    if maximum <= least or cells <= 1:
        return least
    share = min(max(cell / (cells - 1), 0.0), 1.0)
    return in_steps(least * (maximum / least) ** share, least)


def in_steps(value: float, step: float) -> float:
    """The nearest multiple, without the dust of binary fractions."""
    return round(round(value / step) * step, 6)


class Slider(Drawn, can_focus=True):
    """Shows `value` up to `maximum`, a ghost mark, and a number while it is typed."""

    def __init__(
        self, moved: Moved, end_asked: Moved, turned: Callable[[], None], ident: str | None = None
    ) -> None:
        super().__init__(ident)
        self.value = 1.0
        self.maximum = 1
        self.kind: LoadKind = "users"
        self._moved = moved
        self._end_asked = end_asked
        self._turned = turned
        """Told of a click on the unit: users, or requests a second."""
        self.ghost: float | None = None
        """Where something else would put the load."""
        self.by = ""
        """Who moved it last, shown behind the number."""
        self._typed = ""
        self._resting: Timer | None = None
        self._owed = False

    @property
    def least(self) -> float:
        """The lower end, and what one step is."""
        return STEPS[self.kind]

    def show(self, value: float, maximum: int, kind: LoadKind, *, by: str) -> None:
        """Put the mark where the load is; tells nobody."""
        if self._resting is None or kind != self.kind:
            self.value = value
        self.maximum, self.kind, self.by = maximum, kind, by
        self.redraw()

    def step(self, by: int) -> None:
        """One up or down."""
        self.go(self.value + by * self.least)

    def double(self) -> None:
        """Twice as much."""
        self.go(self.value * 2)

    def halve(self) -> None:
        """Half as much."""
        steps = round(self.value / self.least)
        self.go(steps // 2 * self.least)

    def go(self, value: float) -> None:
        """To a value, in whole steps, within the ends."""
        bounded = min(max(in_steps(value, self.least), self.least), self.maximum)
        if bounded != self.value:
            self.value = bounded
            self.redraw()
            self._moved(self.value)

    def ask_end(self) -> None:
        """To the maximum, once it is confirmed."""
        if self.value != self.maximum:
            self._end_asked(self.maximum)

    # Typing a number

    def check_consume_key(self, key: str, character: str | None) -> bool:
        """Digits are mine, and what edits them; a point where there are parts of one."""
        editing = bool(self._typed) and key in {"enter", "escape", "backspace"}
        if character == ".":
            return self.kind == "rate" and bool(self._typed) and "." not in self._typed
        return editing or (character is not None and character.isascii() and character.isdigit())

    def on_key(self, event: events.Key) -> None:
        """Collect a number; Enter sends it."""
        if not self.check_consume_key(event.key, event.character):
            return
        event.stop()
        match event.key:
            case "enter":
                typed, self._typed = float(self._typed), ""
                self.go(typed)
            case "escape":
                self._typed = ""
            case "backspace":
                self._typed = self._typed[:-1]
            case _:
                self._typed = (self._typed + (event.character or ""))[:_LONGEST_NUMBER]
        self.redraw()

    def on_blur(self) -> None:
        """A number half typed is dropped."""
        self._typed = ""
        self.redraw()

    # The mouse

    def on_mouse_down(self, event: events.MouseDown) -> None:
        """Jump to the place, and follow from there; on the unit, turn to the other one."""
        event.stop()
        if event.x >= self.size.width - width_of(self._right(self.size.width)[-1:]):
            self._turned()
            return
        self.capture_mouse()
        self._drag_to(event.x)

    def on_mouse_move(self, event: events.MouseMove) -> None:
        """Follow while the button is down."""
        if self.app.mouse_captured is self:
            self._drag_to(event.x)

    def on_mouse_up(self, event: events.MouseUp) -> None:
        """Let go; where it stands counts."""
        event.stop()
        if self.app.mouse_captured is not self:
            return
        self.release_mouse()
        if self._resting is not None:
            self._resting.stop()
            self._rested()

    def _drag_to(self, cell: int) -> None:
        value = value_at(cell, self.least, self.maximum, self._track_cells())
        if value == self.value:
            return
        self.value = value
        self.redraw()
        if self._resting is None:
            self._moved(self.value)
            self._resting = self.set_timer(DRAG_EVERY_S, self._rested)
        else:
            self._owed = True

    def _rested(self) -> None:
        """The pause since the last change is over: tell where it stands by now."""
        self._resting = None
        if self._owed:
            self._owed = False
            self._moved(self.value)
            if self.app.mouse_captured is self:
                self._resting = self.set_timer(DRAG_EVERY_S, self._rested)

    # Drawing

    def lines(self, width: int, height: int) -> Sequence[Line]:  # noqa: ARG002 - it is one line
        """Track, end of the scale, number."""
        ink = self.ink
        right = self._right(width)
        cells = max(1, width - width_of(right))
        knob = cell_of(self.value, self.least, self.maximum, cells)
        track: list[Span] = [
            ("━" * knob, ink.accent), ("●", ink.strong), ("─" * (cells - knob - 1), ink.faint)
        ]  # fmt: skip
        if self.ghost is not None:
            ghost = cell_of(self.ghost, self.least, self.maximum, cells)
            track = _with_mark(track, ghost, ("◇", ink.dim)) if ghost != knob else track
        return [
            spread(track, right, width, ink.text)
            if width_of(track) + width_of(right) < width
            else [*track, *right]
        ]

    def _right(self, width: int) -> list[Span]:
        """End of the scale and number, in cells that don't move while the value does."""
        ink = self.ink
        digits = len(str(self.maximum)) + (2 if self.kind == "rate" else 0)
        end: list[Span] = [(f" {self.maximum}", ink.dim)] if width >= 40 else []
        if self._typed:
            return [*end, (f"  {self._typed:>{digits}}▏", ink.accent), ("Enter ", ink.dim)]
        by = f"  {self.by}" if self.by and width >= 56 else ""
        value = f"{self.value:.0f}" if self.kind == "users" else f"{self.value:g}"
        return [*end, (f"  {value:>{digits}}", ink.strong), (f" {self._unit}{by}", ink.dim)]

    @property
    def _unit(self) -> str:
        return "req/s" if self.kind == "rate" else "user" if self.value == 1 else "users"

    def _track_cells(self) -> int:
        return max(1, self.size.width - width_of(self._right(self.size.width)))


def _with_mark(track: Line, cell: int, mark: Span) -> list[Span]:
    """`track` with one cell replaced."""
    marked: list[Span] = []
    at = 0
    for text, style in track:
        if at <= cell < at + len(text):
            place = cell - at
            marked += [(text[:place], style), mark, (text[place + 1 :], style)]
        else:
            marked.append((text, style))
        at += len(text)
    return marked
