"""What happened, told from one view to the next: the lines of the events pane. Pure."""

from dataclasses import dataclass

from llmprobe.core.load import LoadKind
from llmprobe.core.outcome import Outcome
from llmprobe.session.view import State, View
from llmprobe.tui.wording import figure

LONGEST = 200
"""Events kept."""
_STATES = {
    State.RUNNING: ("▶", "started"),
    State.STOPPING: ("◌", "stopping: what is in flight finishes"),
    State.STOPPED: ("■", "stopped"),
    State.CAPPED: ("$", "a cap is reached"),
    State.FAILED: ("✖", "failed"),
}


@dataclass(frozen=True, slots=True)
class Happening:
    """One line: when since the run's start, a glyph, and words."""

    at_s: float
    glyph: str
    text: str


def happenings(before: View | None, after: View) -> list[Happening]:
    """What changed between two looks at a session, in order."""
    if before is None:
        return []
    return [
        Happening(after.elapsed_s, glyph, text)
        for glyph, text in (*_state(before, after), *_load(before, after), *_outcomes(before, after))
    ]


def _state(before: View, after: View) -> list[tuple[str, str]]:
    told: list[tuple[str, str]] = []
    if before.state is not after.state and after.state in _STATES:
        told.append(_STATES[after.state])
    if after.note and after.note != before.note:
        told.append(("✖" if after.state is State.FAILED else "·", after.note))
    if after.endpoint_down and not before.endpoint_down:
        told.append(("↯", "the endpoint can't be reached"))
    if before.endpoint_down and not after.endpoint_down:
        told.append(("✓", "the endpoint answers again"))
    return told


def _load(before: View, after: View) -> list[tuple[str, str]]:
    now, was = after.snapshot, before.snapshot
    if not now.target or (now.target, now.kind) == (was.target, was.kind):
        return []
    glyph = "·" if was.target and now.kind != was.kind else "▲" if now.target > was.target else "↓"
    return [(glyph, load_words(now.target, now.kind))]


def load_words(target: float, kind: LoadKind) -> str:
    """`4 users`, `1 user`, `2.50 req/s`."""
    if kind == "rate":
        return f"{figure(target)} req/s"
    return f"{target:.0f} user" + ("" if target == 1 else "s")


def _outcomes(before: View, after: View) -> list[tuple[str, str]]:
    """The first time that requests end in a way they never did before in this run."""
    known, now = before.snapshot.outcomes, after.snapshot.outcomes
    return [
        ("✖", f"first {outcome}" + (f": {after.snapshot.last_error}" if after.snapshot.last_error else ""))
        for outcome in Outcome
        if outcome.failed and now.get(outcome) and not known.get(outcome)
    ]
