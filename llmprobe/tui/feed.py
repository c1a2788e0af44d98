"""What the screen knows of a session: the newest view, what the hand wants, and what happened.

The screen asks `look` a few times a second and keeps only the newest answer.
"""

from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from llmprobe.core.engine import TestReply, Watch
from llmprobe.core.finding import Finding
from llmprobe.core.load import LoadKind, Stage
from llmprobe.core.scenario import Scenario
from llmprobe.session.view import State, View
from llmprobe.tui.chronicle import LONGEST, Happening, happenings

if TYPE_CHECKING:
    # With the reports; a first frame does not wait for them.
    from llmprobe.report.result import Result
    from llmprobe.session.recorder import Saved

POLL_EVERY_S = 0.25
_HAND_LOOKS = 4
"""So many looks after a hand's move, the load must have arrived."""


class ProbeSession(Protocol):
    """What the screen asks of `llmprobe.session.session.Session`."""

    def view(self) -> View:
        """Everything to show, as of now."""

    async def start(self) -> None:
        """Begin, or go on after a stop."""

    async def stop(self, *, now: bool = False) -> None:
        """Start nothing more; `now` cancels what is in flight."""

    async def set_load(self, load: float, kind: LoadKind, /) -> None:
        """The hand on the slider."""

    async def arm(self) -> None:
        """Let the autopilot have the load; begin if nothing runs."""

    async def disarm(self) -> None:
        """Take the load back where it is."""

    async def follow(self, stages: Sequence[Stage], /) -> None:
        """Go through a load over time; begin if nothing runs."""

    async def watch(self, watch: Watch) -> None:
        """Which rows the view holds."""

    async def test(self) -> TestReply:
        """One request outside the run."""

    def mark(self, text: str) -> None:
        """Write a note beside the figures of this moment."""

    def save(self, name: str, path: Path | None = None) -> "Saved":
        """Write the scenario that repeats this session."""

    async def result(self) -> "Result":
        """What was measured until now, with its verdict."""

    async def raise_caps(self, max_requests: int | None, max_usd: float | None) -> None:
        """Let a capped run go on."""

    def consent(self) -> str | None:
        """What to agree to before the first start."""

    async def close(self) -> object:
        """End all processes and finish the run folder."""


Opener = Callable[[Scenario], Awaitable[ProbeSession]]


@dataclass(frozen=True, slots=True)
class Sight:
    """One look: everything the panes draw."""

    scenario: Scenario
    view: View | None
    """None while nothing is open."""
    opening: bool
    trouble: str | None
    """Why nothing is open, or what a person's last act ran into."""
    load: float
    """What the hand wants, of this kind."""
    kind: LoadKind
    by: str
    """Who set the load: `by hand`, `by autopilot`, `by plan`, or nobody yet."""
    draining_of: int
    """Requests in flight when the stop began."""
    events: tuple[Happening, ...]
    """Newest last."""


class Feed:
    """Folds views into sights."""

    def __init__(self, scenario: Scenario) -> None:
        self.scenario = scenario
        self.session: ProbeSession | None = None
        self.opening = True
        self.trouble: str | None = None
        self.load, self.kind = scenario.load.first_target, scenario.load.first_kind
        self._by_hand = False
        self._hand_rests = 0
        self._view: View | None = None
        self._draining_of = 0
        self._events: deque[Happening] = deque(maxlen=LONGEST)

    def reopen(self, scenario: Scenario) -> None:
        """Forget the session of before: another one is being opened."""
        if scenario.load != self.scenario.load:
            self.load, self.kind = scenario.load.first_target, scenario.load.first_kind
        self.scenario, self.session, self._view = scenario, None, None
        self.opening, self.trouble, self._by_hand = True, None, False
        self._events.clear()

    def opened(self, session: ProbeSession | None, trouble: str | None = None) -> None:
        """The session is there, or why it isn't."""
        self.session, self.opening, self.trouble = session, False, trouble

    def hand(self, load: float, kind: LoadKind | None = None) -> None:
        """A person moved the load, or made it one of another kind."""
        self.load, self.kind = load, kind or self.kind
        self._by_hand, self._hand_rests = True, _HAND_LOOKS

    def note(self, glyph: str, text: str) -> None:
        """A person's own act, for the events."""
        self._events.append(Happening(self._view.elapsed_s if self._view else 0.0, glyph, text))

    def look(self) -> Sight:
        """The newest sight. Just after a hand moved, what it wants is not overruled by the load in force."""
        self._hand_rests = max(0, self._hand_rests - 1)
        if self.session is not None:
            view = self.session.view()
            self._events.extend(happenings(self._view, view))
            before = self._view.state if self._view is not None else State.IDLE
            if view.state is State.STOPPING and before is not State.STOPPING:
                self._draining_of = view.snapshot.in_flight
            in_force = view.state in {State.RUNNING, State.CAPPED} and view.snapshot.target > 0
            if in_force and not self._hand_rests:
                self.load, self.kind = view.snapshot.target, view.snapshot.kind
            if (found := _finding(view)) and found.capacity and found != _finding(self._view):
                # Whoever starts again goes on with what was found.
                self.load, self._by_hand = found.capacity, False
            self._view, self.scenario = view, view.scenario
        return Sight(
            scenario=self.scenario, view=self._view, opening=self.opening, trouble=self.trouble,
            load=self.load, kind=self.kind, by=self._by(), draining_of=self._draining_of,
            events=tuple(self._events),
        )  # fmt: skip

    def _by(self) -> str:
        search = self._view.search if self._view is not None else None
        if search is not None and search.armed:
            return "by autopilot"
        if self._by_hand:
            return "by hand"
        return "by plan" if len(self.scenario.load.stages) > 1 else ""


def _finding(view: View | None) -> Finding | None:
    return view.search.finding if view is not None and view.search is not None else None
