"""Whether tokens take longer as time passes, at the same load: a line through all paces, with its error."""

import math
from collections import defaultdict

from msgspec import Struct

from llmprobe.control.evidence import Evidence

_SPELL_S = 20.0
"""What happens so near in time is believed to have one cause, and counts as one."""
_FEW = 5
_SPELLS = 3


class Trend(Struct, frozen=True):
    """How the time per token moved from the first answer to the last; 0 where too little is known."""

    log: float = 0.0
    """The natural logarithm of last over first, by the slope of the line."""
    z: float = 0.0
    """The same over its standard error."""


def trend_of(evidence: Evidence) -> Trend:
    """The least-squares slope of ln(time per token) over time, each load with a mean of its own.

    Answers of a spell err together, so the error is the cluster-robust one (Liang and Zeger, 1986): with x
    the times, e the residuals and g spells,  var = g / (g - 1) * sum_spells (sum x e)^2 / (sum x^2)^2.
    """
    rows = [row for load in set(evidence.held()) for row in _centred(evidence, load)]
    squares = sum(x * x for _, x, _ in rows)
    if not squares:
        return Trend()
    slope = sum(x * y for _, x, y in rows) / squares
    spells: dict[int, float] = defaultdict(float)
    for at_s, x, y in rows:
        spells[int(at_s * evidence.goal.speed // _SPELL_S)] += x * (y - slope * x)
    if len(spells) < _SPELLS:
        return Trend()
    variance = sum(both * both for both in spells.values()) * len(spells) / (len(spells) - 1) / squares**2
    times = [at_s for at_s, _, _ in rows]
    return Trend(slope * (max(times) - min(times)), slope / max(math.sqrt(variance), 1e-9))


def _centred(evidence: Evidence, load: float) -> list[tuple[float, float, float]]:
    """Of each answer at a load: its time, and time and logarithm of its pace less their means."""
    paced = [one for stay in evidence.stays if stay.load == load and stay.held for one in stay.paced()]
    if len(paced) < _FEW:
        return []
    middle_s = sum(at_s for at_s, _ in paced) / len(paced)
    mean = sum(math.log(pace_s) for _, pace_s in paced) / len(paced)
    return [(at_s, at_s - middle_s, math.log(pace_s) - mean) for at_s, pace_s in paced]
