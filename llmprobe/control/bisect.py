"""Bisection with a sequential test: doubles until a load fails, then halves what lies between, in ratio.

At each load Wald's sequential likelihood ratio decides (twice the budget of violations against half of it,
over the design effect: verdicts on neighbouring requests are not independent), so that a clear load takes few
requests. The last load that held is confirmed, and what failed must fail a second time.
"""

import math

from llmprobe.control.ending import ending, refusal
from llmprobe.control.evidence import Evidence
from llmprobe.control.refusals import interval_of, under_limit
from llmprobe.control.search import Plan
from llmprobe.core.finding import Finding
from llmprobe.core.tick import Goal

_N = 30
"""Verdicts of a load before the test may pass it."""
_CONFIRM_N, _CONFIRM_S = 60, 15.0
_NARROW = 1.04
"""Failed over held that needs no load between them."""
_APART_S = 12.0
_OVER_S, _OVER = 700.0, 80
"""From when on it says what it has: seconds, or residences where those are longer."""


class Bisect:
    """The policy; see the module."""

    def __init__(self, goal: Goal) -> None:
        self._goal = goal

    def next(self, evidence: Evidence, now_s: float) -> Plan | Finding:
        """Double, halve, confirm, check."""
        if evidence.bound is not None:
            return refusal(evidence, f"the probe was the bottleneck ({evidence.bound})")
        failed = evidence.failed()
        if now_s >= max(_OVER_S / self._goal.speed, _OVER * evidence.residence_s):
            return self.last(evidence)
        if not failed:
            return self._double(evidence)
        if evidence.limited and max(failed) > evidence.least:
            plan = under_limit(evidence)
            if isinstance(plan, Plan):
                return plan
            return ending(evidence, plan, between=interval_of(evidence, plan))
        held, above = evidence.bracket()
        if held:
            return self._halve(evidence, held, above) or ending(evidence, held)
        if failed.count(evidence.least) > 1 and evidence.zero():
            return ending(evidence, 0.0)
        return self._stay(evidence, evidence.least, "tries")

    def _double(self, evidence: Evidence) -> Plan | Finding:
        top = max(evidence.held(), default=0.0)
        if top >= self._goal.most:
            return self._confirm(evidence, top) or ending(evidence, top)
        load = evidence.rounded(2 * top) if top else evidence.least
        says = f"doubles to {evidence.called(load)}: nothing has failed yet"
        return Plan(load, _N, says if top else f"begins with {evidence.called(load)}", eager=True)

    def _halve(self, evidence: Evidence, held: float, above: float) -> Plan | None:
        step = evidence.step(above)
        if above > held * _NARROW and above - held > step * 1.001:
            load = min(max(evidence.rounded(math.sqrt(held * above)), held + step), above - step)
            return self._stay(
                evidence, load, f"halves {evidence.called(held, bare=True)} to {above:.3g}, tries"
            )
        if (plan := self._confirm(evidence, held)) is not None:
            return plan
        if not evidence.failed_apart(_APART_S / self._goal.speed):
            return self._stay(evidence, above, "checks a second time")
        return None

    def _confirm(self, evidence: Evidence, load: float) -> Plan | None:
        seconds = _CONFIRM_S / self._goal.speed
        if load in evidence.confirmed(_CONFIRM_N, seconds):
            return None
        says = f"holds {evidence.called(load)} to confirm"
        return Plan(load, _CONFIRM_N, says, held_s=max(seconds, evidence.turnover_s), sure=True)

    def _stay(self, evidence: Evidence, load: float, verb: str) -> Plan:
        return Plan(load, _N, f"{verb} {evidence.called(load)}", held_s=evidence.turnover_s, sure=True)

    def last(self, evidence: Evidence) -> Finding:
        """The largest load that held below what failed."""
        if not evidence.failed():
            return refusal(evidence, "it ended before anything broke")
        held, above = evidence.bracket()
        if not held:
            zero = evidence.zero()
            return ending(evidence, 0.0) if zero else refusal(evidence, "no load was held for long enough")
        return ending(evidence, held, between=(held, above))

    def toward(self, evidence: Evidence) -> float | None:
        """The middle of what is left."""
        if not evidence.failed():
            return None
        held, above = evidence.bracket()
        return evidence.rounded(math.sqrt(max(held, evidence.least) * above))
