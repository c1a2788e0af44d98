"""How a search goes on where 429s end the climb: down, and never up again.

A limit lets a full bucket through at first. So a load is only believed when it was reached from above,
with the bucket empty; and what is let through at too high a load tells where the limit is (Little's law: the
requests accepted and under way, on average, are the users that it has room for).
"""

from msgspec import Struct

from llmprobe.control.evidence import Evidence
from llmprobe.control.visits import Stay

WINDOW_S = 60.0
"""How long a load is held to confirm it: limits count by the minute."""
_STEP = 0.93
"""The next load over one that failed, at the most."""
_PLUNGE = 0.7
"""The same at the least: an estimate may be poor."""


class Descent(Struct, frozen=True):
    """Where to go next, or where the search has ended."""

    load: float
    waits: bool = False
    """Whether nothing at all is let through, so that a new window must be waited for."""
    done: bool = False


def descend(evidence: Evidence) -> Descent:
    """The next load under a rate limit."""
    last = refused(evidence)[-1]
    since = evidence.stays[evidence.stays.index(last) + 1 :]
    seconds = WINDOW_S / evidence.goal.speed
    held = [stay for stay in since if stay.held and stay.held_s >= seconds]
    if held:
        return Descent(max(stay.load for stay in held), done=True)
    if since and since[-1].held is not False:
        return Descent(since[-1].load)
    if last.shut and last.held_s < seconds and last.load <= 2 * _best_before(evidence, last):
        return Descent(last.load, waits=True)
    step = evidence.step(last.load)
    room = last.in_flight or 0.0
    load = min(room, _STEP * last.load, last.load - step)
    return Descent(max(evidence.least, evidence.rounded(max(load, _PLUNGE * last.load))))


def _best_before(evidence: Evidence, last: Stay) -> float:
    return max((stay.load for stay in evidence.stays if stay.held and stay.from_s < last.from_s), default=1.0)


def refused(evidence: Evidence) -> list[Stay]:
    """Stays that failed by 429s, in order."""
    return [stay for stay in evidence.stays if stay.held is False and evidence.limited_at(stay)]
