"""The last line: what the keys do right now, the most important first. Each can be clicked."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from rich.cells import cell_len
from textual import events
from textual.message import Message

from llmprobe.session.view import State
from llmprobe.tui.feed import Sight
from llmprobe.tui.keys import BY_ACTION, Key
from llmprobe.tui.layout import Pane
from llmprobe.tui.widgets.drawn import Drawn
from llmprobe.tui.widgets.spans import Line, Span

_TOGGLE = {
    State.IDLE: "Start", State.RUNNING: "Stop", State.STOPPING: "Stop now", State.STOPPED: "Start",
    State.CAPPED: "Raise cap",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Choice:
    """Keys that belong together, and the word for what they do."""

    actions: tuple[str, ...]
    label: str

    def cells(self, keys: Mapping[str, Key]) -> int:
        """Width with the gap behind it."""
        return sum(cell_len(keys[action].shown) + 1 for action in self.actions) + len(self.label) + 2


_ALWAYS = (Choice(("help",), "Help"), Choice(("quit",), "Quit"))


class Footer(Drawn):
    """Keys and words, as many as fit; help and quit always."""

    class Pressed(Message):
        """A key was clicked."""

        def __init__(self, action: str) -> None:
            super().__init__()
            self.action = action

    def __init__(self, ident: str | None = None) -> None:
        super().__init__(ident)
        self._wanted: list[Choice] = []
        self._keys: Mapping[str, Key] = BY_ACTION
        self._places: list[tuple[range, str]] = []

    def show(
        self,
        sight: Sight,
        focus: Pane | None,
        keys: Mapping[str, Key],
        *,
        past: bool,
        reading: bool,
        zoomed: bool,
        can_open: bool,
    ) -> None:
        """Choose what to say from where things stand."""
        self._keys = keys
        self._wanted = choices(sight, focus, past=past, reading=reading, zoomed=zoomed, can_open=can_open)
        self.redraw()

    def on_click(self, event: events.Click) -> None:
        """As if its key were pressed."""
        event.stop()
        action = next((action for cells, action in self._places if event.x in cells), None)
        if action is not None:
            self.post_message(self.Pressed(action))

    def lines(self, width: int, height: int) -> Sequence[Line]:  # noqa: ARG002 - it is one line
        """The keys that fit."""
        ink, keys = self.ink, self._keys
        line: list[Span] = [(" ", ink.text)]
        self._places = []
        at, kept = 1, sum(choice.cells(keys) for choice in _ALWAYS)
        for choice in [*self._wanted, *_ALWAYS]:
            if choice not in _ALWAYS and at + choice.cells(keys) + kept > width:
                continue
            end = at + choice.cells(keys)
            for action in choice.actions:
                shown = keys[action].shown
                line += [(shown, ink.accent), (" ", ink.dim)]
                last = action == choice.actions[-1]
                self._places.append((range(at, end if last else at + cell_len(shown) + 1), action))
                at += cell_len(shown) + 1
            line.append((f"{choice.label}  ", ink.dim))
            at = end
        return [line]


def choices(
    sight: Sight, focus: Pane | None, *, past: bool, reading: bool, zoomed: bool, can_open: bool
) -> list[Choice]:
    """What to offer, most important first. Pure."""
    if sight.view is None:
        return [] if sight.opening else [Choice(("endpoint",), "Endpoint")]
    toggle = _TOGGLE.get(sight.view.state)
    first = [Choice(("start_stop",), toggle)] if toggle else []
    if toggle and sight.view.state is not State.STOPPING:
        search = sight.view.search
        armed = search is not None and search.armed
        first.append(Choice(("autopilot",), "By hand" if armed else "Autopilot"))
    first.append(Choice(("halve", "double"), "÷2 \N{MULTIPLICATION SIGN}2"))
    save = Choice(("save",), "Save")
    session = [
        Choice(("endpoint",), "Endpoint"),
        Choice(("results",), "Results"),
        Choice(("test",), "Test"),
    ]
    # Where the load rests, there is something to keep.
    rests = sight.view.state in {State.CAPPED, State.STOPPED}
    (first if rests else session).insert(1 if rests else 0, save)
    streams = [Choice(("log",), "Live" if past else "Log")]
    if focus is Pane.STREAMS and can_open:
        streams.insert(0, Choice(("follow",), "Back" if reading else "Open" if past else "Follow"))
    if past:
        streams.append(Choice(("filter",), "Filter"))
    rest = [
        Choice(("turn_load",), "Users" if sight.kind == "rate" else "Rate"),
        Choice(("profile",), "Profile"),
        Choice(("zoom",), "Back" if zoomed else "Zoom"),
        Choice(("mark",), "Mark"),
        Choice(("open",), "Open"),
        Choice(("settings",), "Settings"),
        Choice(("less", "more"), "±1"),
    ]
    return [*first, *(streams + session if focus is Pane.STREAMS else session + streams), *rest]
