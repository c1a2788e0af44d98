"""Where throughput stops growing with load: a curve with a bend, fitted to what the stays let through.

    X(N) = m / (a + b m),  m = min(N, knee)

Up to the knee it is Gunther's Universal Scalability Law without its retrograde term (a = (1 - sigma) / lambda
and b = sigma / lambda), beyond it is flat. It is fitted to answers a second: their lengths vary too much to
count tokens within seconds. The interval is the profile likelihood's; there is no knee where a curve without
a bend explains the stays nearly as well.
"""

from collections.abc import Container, Sequence
from statistics import fmean

from msgspec import Struct

from llmprobe.control.evidence import Evidence
from llmprobe.control.visits import Stay
from llmprobe.core.finding import Knee

_LEAST_N = 8
"""Answers that tell a throughput."""
_LEAST_LOADS = 4
"""A curve with a bend has three unknowns."""
_STEPS = 200
_WITHIN, _SHOWN = 2.71, 3.84
"""Chi-squared, one degree of freedom: 90 % for the interval, 95 % for that there is a knee at all."""
_RISING = 0.6
"""Of the throughput at the most: what is less is below the bend."""
_RESIDENCES = 2.6
"""How long a load is held for its throughput; the first of them still shows the load before."""


class Rate(Struct, frozen=True):
    """What one load let through, all stays together."""

    load: float
    n: int
    """Answers."""
    per_s: float


def knee_of(evidence: Evidence) -> Knee | None:
    """The knee that the stays show, if they show one."""
    tokens = [s.tokens for stay in evidence.stays for s in stay.ended() if s.completed]
    return fit(rates(evidence), sum(tokens) / len(tokens) if tokens else 0.0)


def rates(evidence: Evidence) -> list[Rate]:
    """By load, lowest first; of stays that lasted for two residences, without the first of these."""
    gathered: dict[float, tuple[int, float]] = {}
    for stay in evidence.stays:
        if stay.spoiled or (stay.held is False and evidence.limited_at(stay)):
            continue
        n, seconds = _let_through(stay)
        before = gathered.get(stay.load, (0, 0.0))
        gathered[stay.load] = before[0] + n, before[1] + seconds
    return [Rate(load, n, n / seconds) for load, (n, seconds) in sorted(gathered.items()) if n >= _LEAST_N]


def _let_through(stay: Stay) -> tuple[int, float]:
    """Answers, and the seconds in which they came."""
    whole = [sample for sample in stay.ended() if sample.completed]
    if not whole or not stay.settled:
        return 0, 0.0
    residence_s = fmean(sample.e2e_s for sample in whole)
    from_s = stay.settled_s + residence_s
    if stay.to_s - from_s < residence_s:
        return 0, 0.0
    return sum(sample.started_s + sample.e2e_s >= from_s for sample in whole), stay.to_s - from_s


def fit(points: Sequence[Rate], tokens: float) -> Knee | None:
    """The knee of these, or None: see the module. `tokens` is the mean of an answer."""
    if len(points) < _LEAST_LOADS:
        return None
    least, top = points[0].load, points[-1].load
    grid = [least * (top / least) ** (k / _STEPS) for k in range(_STEPS + 1)]
    misfits = [_misfit(points, at) for at in grid]
    best = min(misfits)
    # Where even the best curve is further off than answers scatter, so is all that it says.
    unit = max(1.0, best / max(1, len(points) - 3))
    if misfits[-1] < best + _SHOWN * unit:
        return None
    within = [at for at, misfit in zip(grid, misfits, strict=True) if misfit <= best + _WITHIN * unit]
    at = grid[misfits.index(best)]
    a, b = _line(points, at)
    return Knee(at, within[0], within[-1], tokens * at / (a + b * at))


def _misfit(points: Sequence[Rate], knee: float) -> float:
    """Chi-squared of the best curve that bends here."""
    a, b = _line(points, knee)
    bent = [min(point.load, knee) for point in points]
    return sum(
        point.n * (m / (a + b * m) / point.per_s - 1) ** 2 for point, m in zip(points, bent, strict=True)
    )


def _line(points: Sequence[Rate], knee: float) -> tuple[float, float]:
    """`a` and `b`: m / X is a straight line over m, by least squares weighed for equal relative errors."""
    rows = []
    for point in points:
        m = min(point.load, knee)
        y = m / point.per_s
        rows.append((m, y, point.n / y**2))
    total = sum(w for _, _, w in rows)
    mean_m, mean_y = sum(w * m for m, _, w in rows) / total, sum(w * y for _, y, w in rows) / total
    spread = sum(w * (m - mean_m) ** 2 for m, _, w in rows)
    slope = sum(w * (m - mean_m) * (y - mean_y) for m, y, w in rows) / spread if spread else 0.0
    b = min(max(slope, 0.0), mean_y / mean_m)
    return mean_y - b * mean_m, b


def unknown_load(evidence: Evidence, tried: Container[float]) -> float | None:
    """Where throughput is to be measured next, from the most downward by halves.

    None once two of them let clearly less through than the most, or where one was `tried` in vain.
    """
    known = {rate.load: rate for rate in rates(evidence)}
    load, below = evidence.goal.most, 0
    while load >= evidence.least and below < 2:
        if load not in known:
            return None if load in tried else load
        below += known[load].per_s < _RISING * known[evidence.goal.most].per_s
        load = evidence.rounded(load / 2) if load > evidence.least else 0.0
    return None


def hold_s(evidence: Evidence, load: float) -> float:
    """Seconds to hold a load for its throughput: by its answers so far, else by Little's law."""
    known = {rate.load: rate for rate in rates(evidence)}
    top, stay = known.get(evidence.goal.most), evidence.stay
    if stay is not None and stay.load == load and (took_s := _mean_s(stay)) is not None:
        return _RESIDENCES * took_s
    queued_s = load / top.per_s if top is not None and evidence.goal.kind == "users" else 0.0
    return _RESIDENCES * max(queued_s, _mean_s(evidence.stays[0]) or evidence.turnover_s)


def _mean_s(stay: Stay) -> float | None:
    """The mean time of its answers; of few the short ones come first."""
    took = [sample.e2e_s for sample in stay.ended() if sample.completed]
    return fmean(took) if len(took) >= _LEAST_N else None
