"""Whether the endpoint itself changed while it was measured: an early load, visited again late."""

from llmprobe.control.evidence import Evidence
from llmprobe.control.visits import Stay

_DRIFT = 1.15
"""How much the pace of tokens may move between two visits to one load."""
_HINT = 1.07
"""A change so large is worth a longer look."""
_WATCH_S, _WATCH_LONG_S = 45.0, 120.0
"""How long that look is: where it is a drift already, and where it may become one."""
_FRESH_S = 120.0
_PACES = 5
"""Answers that tell the pace of a stay."""
_ODD = 1.08
"""How far off that line a pace may be."""


def reference_load(evidence: Evidence) -> float:
    """An early, low load whose pace is known."""
    held = evidence.held()
    known = [s for s in evidence.stays if s.load in held and s.held and len(s.pace()) >= _PACES]
    return min(known, key=lambda s: s.from_s).load if known else evidence.least


def reference_done(evidence: Evidence, now_s: float) -> bool:
    """Whether it was visited again of late."""
    references = _references(evidence)
    return len(references) > 1 and now_s - references[-1].to_s < _FRESH_S / evidence.goal.speed


def suspicious(evidence: Evidence) -> bool:
    """Whether a later stay's pace is off the straight line through the climb: reason to look again."""
    paced = [(s.load, _median(s.pace())) for s in evidence.stays if s.held and len(s.pace()) >= 3]
    known = [(load, pace) for load, pace in paced if pace is not None]
    rising = 1
    while rising < len(known) and known[rising][0] > known[rising - 1][0]:
        rising += 1
    (first, first_s), (top, top_s) = known[0], known[rising - 1]
    if rising < 2 or rising == len(known):
        return False
    slope = (top_s - first_s) / (top - first)
    return any(
        not 1 / _ODD <= pace_s / (first_s + slope * (load - first)) <= _ODD
        for load, pace_s in known[rising:]
        if load <= 2 * top
    )


def undecided(evidence: Evidence) -> bool:
    """Whether the reference moved so far that it must be watched on: a drift goes on, noise comes back."""
    references = _references(evidence)
    if len(references) < 2 or _moved(references) < _HINT:
        return False
    seconds = sum(stay.held_s for stay in references[1:]) * evidence.goal.speed
    return seconds < (_WATCH_S if _moved(references) >= _DRIFT else _WATCH_LONG_S)


def drift_of(evidence: Evidence) -> str | None:
    """How the pace at the reference moved for good, if it did."""
    references = _references(evidence)
    if len(references) < 2 or _moved(references) < _DRIFT:
        return None
    before, after = _quartiles(references[0]), _quartiles(references[-1])
    if before[0] <= after[2] and after[0] <= before[2]:
        # The middle halves overlap: at times it is as fast as it was.
        return None
    ratio = after[1] / before[1]
    change = f"{ratio - 1:.0%} longer" if ratio > 1 else f"{1 - ratio:.0%} less long"
    return f"a token took {change} than before, at the same load of {references[0].load:g}"


def _moved(references: list[Stay]) -> float:
    """The larger pace over the smaller, of the first and the last visit."""
    before, after = _quartiles(references[0])[1], _quartiles(references[-1])[1]
    return max(before / after, after / before)


def _quartiles(stay: Stay) -> tuple[float, float, float]:
    pace = sorted(stay.pace())
    return pace[len(pace) // 4], pace[len(pace) // 2], pace[-1 - len(pace) // 4]


def _references(evidence: Evidence) -> list[Stay]:
    load = reference_load(evidence)
    return [s for s in evidence.stays if s.load == load and s.held and len(s.pace()) >= _PACES]


def noise(evidence: Evidence) -> str | None:
    """A load that failed once and held another time."""
    both = set(evidence.failed()) & set(evidence.held())
    return f"{min(both):g} failed at one time and held at another" if both else None


def _median(values: list[float]) -> float | None:
    """The middle one, the upper of two."""
    return sorted(values)[len(values) // 2] if values else None
