"""Where the next load might best be: guesses by physics. The posterior decides; they save time."""

import math

from llmprobe.control.evidence import Evidence
from llmprobe.control.visits import Stay
from llmprobe.core.slo import QUANTILES

_FIRST, _MOST = 8.0, 4.0
"""How many times as many the next load may be: from the least, and later."""


def climb(evidence: Evidence, top: float) -> float:
    """The next load above one that holds: where a straight line meets a bound, within 1.5 to 4 times."""
    rows = sorted((s for s in evidence.stays if s.held and not s.spoiled), key=lambda s: s.load)
    last = rows[-1]
    factor = _FIRST if last.load == evidence.least else _MOST
    for k, rule in enumerate(evidence.rules):
        value = _quantile(evidence, last, k)
        for lower in (rows[0], rows[max(0, len(rows) - 2)]):
            below = _quantile(evidence, lower, k)
            if value is None or below is None or value <= below or last.load <= lower.load:
                continue
            slope = (value - below) / (last.load - lower.load)
            factor = min(factor, max(1.5, (last.load + (rule.slo.bound - value) / slope) / last.load))
    return min(evidence.goal.most, top * factor)


def hint_of(evidence: Evidence) -> float | None:
    """Where the lowest failing stay puts the break, until that was tried."""
    guess = _guess(evidence)
    return None if guess is None or any(_near(stay.load, guess) for stay in evidence.stays) else guess


def guessed(evidence: Evidence, load: float) -> bool:
    """Whether it is where the lowest failing stay puts the break."""
    guess = _guess(evidence)
    return guess is not None and _near(load, guess)


def _guess(evidence: Evidence) -> float | None:
    """Under a rate limit, what is let through; with a queue, the answers under way when it was fullest."""
    failing = evidence.lowest_failed()
    if evidence.limited_at(failing):
        return failing.in_flight
    if evidence.rules[failing.why].slo.metric in {"ttft", "ttfo"}:
        return failing.streaming
    return None


def _near(load: float, guess: float) -> bool:
    return abs(load - guess) <= max(0.5, 0.04 * guess)


def _quantile(evidence: Evidence, stay: Stay, k: int) -> float | None:
    values = stay.values(k)
    q = QUANTILES[evidence.rules[k].slo.quantile or "p95"]
    return values[min(len(values) - 1, math.ceil(q * len(values)) - 1)] if values else None
