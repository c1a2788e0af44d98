"""What a single stay shows, as the objectives judge it: enough or too little, broken or clearly kept."""

import math

from llmprobe.control.verdicts import Constraint
from llmprobe.control.visits import USUAL, Stay

_PASSES = 3.0
"""The log-likelihood ratio at which a load has failed."""
_DOUBT = 1.5
"""The same, the other way: from there on a load is kept beyond much doubt."""
_RAMPING_N, _RAMPING = 5, 0.3
"""The share of violations that is too much even while users come, or half as much again as the budget."""
_NEVER_SHOWN_N = 8
"""Whole answers without a verdict on an objective, from which on there is none to wait for."""
_BEHIND = 0.6
"""The share of the most verdicts that an objective with fewer must have."""
_EASY = 0.7
"""The share of a bound that all durations keep at a load that needs no closer look."""
_STRAY = 8
"""Of so many durations, one may be longer."""


class Judge:
    """The objectives, and what each says of a stay."""

    def __init__(self, rules: tuple[Constraint, ...]) -> None:
        self.rules = rules

    def tally(self, stay: Stay, k: int) -> tuple[int, float]:
        """Verdicts and violations of the requests that count.

        What the answers never show (the time per token, where all are short) is kept by each of them.
        """
        rule = self.rules[k]
        waits = rule.slo.metric in {"ttft", "ttfo", "e2e"}
        n, bad = stay.tally(k, rule.slo.bound if waits else 0.0)
        if not n and (whole := sum(sample.completed for sample in stay.counting())) >= _NEVER_SHOWN_N:
            return whole, 0.0
        return n, bad

    def count(self, stay: Stay) -> int:
        """Verdicts so far: of the objective with the most, as long as that with the fewest isn't far behind.

        What shows late, at the end of an answer, would else hold up what is clear at its beginning.
        """
        counts = [self.tally(stay, k)[0] for k in range(len(self.rules))]
        return min(max(counts), int(min(counts) / _BEHIND))

    def failing(self, stay: Stay) -> bool:
        """Whether it is clear enough that an objective breaks here; then `why` tells which."""
        for k, rule in enumerate(self.rules):
            n, bad = self.tally(stay, k) if stay.settled else (0, 0.0)
            broken = bad >= 2 and _ratio(n, bad, rule.budget) >= _PASSES * self.effect(stay, k)
            if rule.latency and not stay.fell and n < _RAMPING_N:
                # Users who all wait send nothing that is sent after the ramp.
                n, bad = stay.tally(k, 0.0, ramping=True)
                broken = n >= 8 and bad >= 5 and bad > max(_RAMPING, 1.5 * rule.budget) * n
            if broken:
                stay.why = k
                return True
        return False

    def clear(self, stay: Stay) -> bool:
        """Whether every objective is kept here beyond much doubt."""
        for k, rule in enumerate(self.rules):
            n, bad = self.tally(stay, k)
            # A budget of 1 % can't be told from twice as much within minutes.
            doubt = rule.latency or bad > max(1.0, rule.budget * n)
            if doubt and _ratio(n, bad, rule.budget) > -_DOUBT * self.effect(stay, k):
                return False
        return True

    def over_budget(self, stay: Stay) -> bool:
        """Whether it violates more than an objective allows, clear or not; then `why` tells which."""
        for k, rule in enumerate(self.rules):
            n, bad = self.tally(stay, k)
            # A few failures more are chance: they come alone.
            chance = 0.0 if rule.latency else math.sqrt(rule.budget * n)
            if bad > rule.budget * n + chance:
                stay.why = k
                return True
        return False

    def refused(self, stay: Stay, since_s: float) -> bool:
        """Whether more requests got a 429 since then than may fail; then `why` tells of what objective."""
        n, bad = stay.refused(since_s)
        for k, rule in enumerate(self.rules):
            if rule.slo.metric in {"errors", "goodput"} and bad > max(1.0, rule.budget * n):
                stay.why = k
                return True
        return False

    def easy(self, stay: Stay) -> bool:
        """Whether all durations stay far below their bounds."""
        for k, rule in enumerate(self.rules):
            values = stay.values(k)
            if rule.latency and (not values or values[-1 - len(values) // _STRAY] > _EASY * rule.slo.bound):
                return False
        return True

    def effect(self, stay: Stay, k: int) -> float:
        """The design effect; failures come alone, unless they are 429s."""
        return stay.dispersion(k, 1.0 if self.rules[k].slo.metric == "errors" else USUAL)


def _ratio(n: float, bad: float, budget: float) -> float:
    """Log-likelihood ratio of twice the budget against half of it."""
    high, low = min(2 * budget, 0.95), budget / 2
    return bad * math.log(high / low) + (n - bad) * math.log((1 - high) / (1 - low))
