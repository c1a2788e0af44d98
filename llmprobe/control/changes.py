"""Whether the endpoint itself changed while it was measured: an early load, visited again late."""

from llmprobe.control.evidence import Evidence

_DRIFT = 1.15
"""How much the pace of tokens may move between two visits to one load."""
_HINT = 1.06
"""A change so large is worth a longer look."""
_WATCH_S, _WATCH_LONG_S = 60.0, 120.0
"""How long that look is: where it is a drift already, and where it may become one."""
_FRESH_S = 120.0
_APART_S = 45.0
"""Between the first answers and those that may differ from them."""
_SPELL_S = 75.0
"""Longer than a neighbour's spell: noise shows both its paces in it."""
_AT_TIMES = 6
"""Of so many answers one is as fast as before, where it is at times."""
_PACES, _ENOUGH = 5, 12
"""Answers that tell a pace, and that tell it well."""
_ODD = 1.08
"""How far off that line a pace may be."""


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


def suspicious(evidence: Evidence) -> bool:
    """Whether a later stay's pace is off the straight line through the climb: reason to look again."""
    known = [(s.load, _middle(s.pace())) for s in evidence.stays if s.held and len(s.pace()) >= 3]
    rising = 1
    while rising < len(known) and known[rising][0] > known[rising - 1][0]:
        rising += 1
    if rising < 2 or rising == len(known):
        return False
    (first, first_s), (top, top_s) = known[0], known[rising - 1]
    slope = (top_s - first_s) / (top - first)
    return any(
        not 1 / _ODD <= pace_s / (first_s + slope * (load - first)) <= _ODD
        for load, pace_s in known[rising:]
        if load <= 2 * top
    )


def undecided(evidence: Evidence) -> bool:
    """Whether the reference moved so far that it must be watched on: a drift goes on, noise comes back."""
    load, moved = reference_load(evidence), _moved(evidence)
    if moved < _HINT:
        return False
    _, *again = [stay for stay in evidence.stays if stay.load == load and stay.held]
    seconds = sum(stay.held_s for stay in again) * evidence.goal.speed
    return seconds < (_WATCH_S if moved >= _DRIFT else _WATCH_LONG_S)


def drift_of(evidence: Evidence) -> str | None:
    """How the pace at the reference moved for good, if it did."""
    if _moved(evidence) < _DRIFT:
        return None
    early, late = (sorted(paces) for paces in _ends(evidence))
    if late[len(late) // _AT_TIMES] <= early[-1 - len(early) // 4]:
        # At times it is as fast as it was.
        return None
    longer = _middle(late) / _middle(early) - 1
    return f"a token took {longer:.0%} longer than before, at the same load of {reference_load(evidence):g}"


def _moved(evidence: Evidence) -> float:
    """The pace of the last answers at the reference over that of the first; 1 if too few.

    What has become faster, as from a cold start or with more replicas, holds what it held all the more.
    """
    early, late = _ends(evidence)
    if min(len(early), len(late)) < _PACES:
        return 1.0
    return _middle(late) / _middle(early)


def _ends(evidence: Evidence) -> tuple[list[float], list[float]]:
    """The first paces at the reference, and those of its last minute, where that came well after."""
    paces, late = _paces(evidence), _late(evidence)
    early = paces[: min(_ENOUGH, len(paces) - len(late))]
    late = [one for one in late if one[0] >= paces[-1][0] - _SPELL_S / evidence.goal.speed]
    return [pace_s for _, pace_s in early], [pace_s for _, pace_s in late]


def _late(evidence: Evidence) -> list[tuple[float, float]]:
    paces = _paces(evidence)
    first = paces[:_PACES]
    return [one for one in paces if one[0] >= first[-1][0] + _APART_S / evidence.goal.speed]


def _paces(evidence: Evidence) -> list[tuple[float, float]]:
    """When each answer at the reference was asked for, and its time per token."""
    load = reference_load(evidence)
    stays = [stay for stay in evidence.stays if stay.load == load and stay.held]
    return sorted(one for stay in stays for one in stay.paced())


def noise(evidence: Evidence) -> str | None:
    """A load that failed once and held another time."""
    both = set(evidence.failed()) & set(evidence.held())
    return f"{min(both):g} failed at one time and held at another" if both else None


def _middle(values: list[float]) -> float:
    """The median, the upper of two."""
    return sorted(values)[len(values) // 2]
