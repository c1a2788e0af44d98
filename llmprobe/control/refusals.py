"""How a search goes on where 429s end the climb: down, and up again only where it went too far.

A limit lets a full bucket through at first. So a load is only believed when it was reached from above,
with the bucket empty; and what is let through at too high a load tells where the limit is (Little's law: the
requests accepted and under way, on average, are the users that it has room for).
"""

import math

from msgspec import Struct

from llmprobe.control.allowance import allowance_of
from llmprobe.control.evidence import WINDOW_S, Evidence
from llmprobe.control.search import Plan
from llmprobe.control.visits import Stay

_HOLD, _HOLD_N = 2, 30
"""How long a load is held: windows, so that one of them is whole, and requests."""
_WAIT_N = 40
_STEP = 0.93
"""The next load over one that failed, at the most."""
_PLUNGE = 0.3
"""The same at the least: an estimate may be poor, unless it is of a whole window."""
_SURE = 0.2
_CLOSE, _AGAIN = 1.5, 3
"""Failed over held that needs no visit between them, and how many visits there may be."""
_NEAR, _SPREAD = 1.08, 0.08
"""The same by what the limit lets through, and how well that tells the break at the best."""
_LITTLE = 0.96
"""Of a load that held, what is claimed where even that asked for more than is let through."""
_FREE = 0.97
"""The share of what a limit lets through that may be asked for: at all of it, chance brings refusals."""
_FLOOD = 250
"""Requests of a stay that are enough, however little was let through."""


class Descent(Struct, frozen=True):
    """Where to go next, or where the search has ended."""

    load: float
    waits: bool = False
    """Whether nothing at all is let through, so that a new window must be waited for."""
    done: bool = False


def under_limit(evidence: Evidence) -> Plan | float:
    """The next stay under a rate limit, or the load at which the search has ended."""
    descent = descend(evidence)
    load = evidence.called(descent.load)
    if descent.done:
        return descent.load
    if descent.waits:
        return Plan(descent.load, _WAIT_N, f"waits at {load} for the rate limit to let something through")
    return Plan(
        descent.load,
        _HOLD_N,
        f"holds {load} under the rate limit",
        held_s=_HOLD * WINDOW_S / evidence.goal.speed,
        counts_refusals=True,
    )


def descend(evidence: Evidence) -> Descent:
    """The next load under a rate limit."""
    failing = refused(evidence)
    last, first = failing[-1], evidence.stays.index(failing[0])
    seconds = WINDOW_S / evidence.goal.speed
    held = [stay for stay in evidence.stays[first:] if stay.held and stay.held_s >= seconds]
    if held:
        best = max(held, key=lambda stay: stay.load)
        return _beside(evidence, best, len(evidence.stays) - evidence.stays.index(held[0]))
    if evidence.stays[-1].held is not False and evidence.stays[-1].load < last.load:
        return Descent(evidence.stays[-1].load)
    patient = last.load <= 2 * _best_before(evidence, last) and len(last.samples) < _FLOOD
    if last.shut and patient and last.held_s < seconds:
        return Descent(last.load, waits=True)
    room, sure = _room(evidence, last)
    load = min(room, _STEP * last.load, last.load - evidence.step(last.load))
    return Descent(max(evidence.least, evidence.rounded(max(load, (_SURE if sure else _PLUNGE) * last.load))))


def _beside(evidence: Evidence, best: Stay, visits: int) -> Descent:
    """Near the best load that was held: its requests may be fewer than the limit lets through, or more."""
    below = best.load
    failed = [stay.load for stay in refused(evidence) if stay.load > below]
    above = min(failed, default=below)
    allowance = allowance_of(evidence)
    fits = evidence.rounded(
        math.sqrt(below * above) if allowance is None else _FREE * allowance.per_s / _sent_per_s(best) * below
    )
    if allowance is not None and fits < below:
        # It held as long as the bucket did. A little less is enough: under a cap users who back off make the
        # allowance seem smaller than it is.
        return Descent(max(fits, evidence.rounded(_LITTLE * below)), done=True)
    near = above <= max(_CLOSE * below, below + 1) if allowance is None else fits <= _NEAR * below
    between = min(max(fits, below + evidence.step(below)), above - evidence.step(above))
    if near or visits > _AGAIN or between <= below:
        return Descent(below, done=True)
    return Descent(between)


def interval_of(evidence: Evidence, capacity: float) -> tuple[float, float] | None:
    """Of the break, by what the limit lets through; None where that isn't known."""
    allowance = allowance_of(evidence)
    stays = [stay for stay in evidence.stays if stay.held and stay.load >= capacity and _sent_per_s(stay)]
    if allowance is None or not stays:
        return None
    stay = min(stays, key=lambda stay: (stay.load, -stay.held_s))
    fits = allowance.per_s / _sent_per_s(stay) * stay.load
    spread = max(_SPREAD, 2 / math.sqrt(allowance.n))
    return min(capacity, fits / (1 + spread)), max(capacity + evidence.step(capacity), fits * (1 + spread))


def _sent_per_s(stay: Stay) -> float:
    return sum(1 for _ in stay.counting()) / stay.held_s if stay.held_s else 0.0


def _room(evidence: Evidence, last: Stay) -> tuple[float, bool]:
    """Users that the limit has room for, and whether that is known well."""
    if last.full is not None:
        return last.full, True
    allowance = allowance_of(evidence)
    took = [s.e2e_s for stay in evidence.stays if stay.held for s in stay.ended() if s.completed]
    if allowance is not None and took:
        return allowance.per_s * sum(took) / len(took), True
    n, bad = last.refused(last.settled_s)
    return max(last.in_flight or 0.0, last.load * (1 - bad / n) if n else 0.0), False


def _best_before(evidence: Evidence, last: Stay) -> float:
    return max((stay.load for stay in evidence.stays if stay.held and stay.from_s < last.from_s), default=1.0)


def refused(evidence: Evidence) -> list[Stay]:
    """Stays that failed by 429s, in order."""
    return [stay for stay in evidence.stays if stay.held is False and evidence.limited_at(stay)]
