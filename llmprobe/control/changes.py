"""Whether the endpoint itself changed while it was measured: an early load, visited again late."""

import math

from llmprobe.control.evidence import Evidence
from llmprobe.control.trend import trend_of
from llmprobe.control.visits import Stay

_DRIFT, _SURE = 0.10, 2.5
"""How much the time per token must have grown in all, as a logarithm, and over its standard error."""
_SEEN = 1.05
"""How many times as long it must take at the reference by itself."""
_HINT, _MOVED = 0.03, 1.06
"""The same, overall and at the reference, to be worth a longer look."""
_WATCH_S, _WATCH_LONG_S = 60.0, 120.0
"""How long that look is: where it is a drift already, and where it may become one."""
_FRESH_S = 120.0
_APART_S = 45.0
"""Between the first answers and those that may differ from them."""
_LATE_S = 75.0
"""Longer than a neighbour's spell: noise shows both its paces in it."""
_PACES, _ENOUGH = 5, 12
"""Answers that tell a pace, and that tell it well."""


def reference_load(evidence: Evidence) -> float:
    """An early, low load whose pace is known; the least takes long to visit again."""
    held = evidence.held()
    known = [s for s in evidence.stays if s.load in held and s.held and len(s.pace()) >= _PACES]
    above = [stay for stay in known if stay.load > evidence.least]
    return min(above or known, key=lambda s: s.from_s).load if known else evidence.least


def reference_done(evidence: Evidence, now_s: float) -> bool:
    """Whether it was visited again of late."""
    since_s = now_s - _FRESH_S / evidence.goal.speed
    return sum(started_s >= since_s for started_s, _ in _late(evidence)) >= _PACES


def undecided(evidence: Evidence) -> bool:
    """Whether the reference moved so far that it must be watched on: a drift goes on, noise comes back."""
    if not _seen_late(evidence):
        return False
    trend = trend_of(evidence)
    if _moved(evidence) < _MOVED and not (trend.z >= _SURE and trend.log >= _HINT):
        return False
    first, *again = (stay.held_s * evidence.goal.speed for stay in _at_reference(evidence))
    watched_s = max(0.0, first - _APART_S) + sum(again)
    return watched_s < (_WATCH_S if drift_of(evidence) is not None else _WATCH_LONG_S)


def drift_of(evidence: Evidence) -> str | None:
    """How the pace of tokens moved for good, if it did: over all loads, and at the reference too."""
    trend = trend_of(evidence)
    if trend.z < _SURE or trend.log < _DRIFT or _moved(evidence) < _SEEN:
        return None
    return f"a token took {math.expm1(trend.log):.0%} longer than at the beginning, at the same load"


def _moved(evidence: Evidence) -> float:
    """The pace of the last answers at the reference over that of the first; 1 if too few.

    What has become faster, as from a cold start or with more replicas, holds what it held all the more.
    """
    early, late = _ends(evidence)
    return _middle(late) / _middle(early) if _seen_late(evidence) else 1.0


def _seen_late(evidence: Evidence) -> bool:
    return min(map(len, _ends(evidence))) >= _PACES


def _ends(evidence: Evidence) -> tuple[list[float], list[float]]:
    """The first paces at the reference, and those of its last minute, where that came well after."""
    paces, late = _paces(evidence), _late(evidence)
    early = paces[: min(_ENOUGH, len(paces) - len(late))]
    late = [one for one in late if one[0] >= paces[-1][0] - _LATE_S / evidence.goal.speed]
    return [pace_s for _, pace_s in early], [pace_s for _, pace_s in late]


def _late(evidence: Evidence) -> list[tuple[float, float]]:
    paces = _paces(evidence)
    first = paces[:_PACES]
    return [one for one in paces if one[0] >= first[-1][0] + _APART_S / evidence.goal.speed]


def _paces(evidence: Evidence) -> list[tuple[float, float]]:
    """When each answer at the reference was asked for, and its time per token."""
    return sorted(one for stay in _at_reference(evidence) for one in stay.paced())


def _at_reference(evidence: Evidence) -> list[Stay]:
    load = reference_load(evidence)
    return [stay for stay in evidence.stays if stay.load == load and stay.held]


def noise(evidence: Evidence) -> str | None:
    """A load that failed once and held another time."""
    both = {s.load for s in evidence.stays if s.held is False} & set(evidence.held())
    return f"{min(both):g} failed at one time and held at another" if both else None


def _middle(values: list[float]) -> float:
    """The median, the upper of two."""
    return sorted(values)[len(values) // 2]
