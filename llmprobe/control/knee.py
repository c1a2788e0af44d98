"""The default strategy: climbs until an objective breaks, closes in on where, and confirms below it.

What to do next follows from the evidence alone, so a hand may take the load at any time and give it back:

    too little known -> one user    nothing failed -> CLIMB    interval wide -> ZOOM    below it -> CONFIRM
"""

import math

from msgspec import Struct

from llmprobe.control.evidence import Evidence
from llmprobe.control.visits import Stay
from llmprobe.core.finding import Finding
from llmprobe.core.tick import Action, Goal, Move, Tick

_NARROW = 1.15
_RAMP_MOST_S = 15.0
_LONG_S = 240.0
_CONFIRM_N = 60
_CONFIRM_S = 20.0
_BATCH_N = 40


class Plan(Struct, frozen=True):
    """What a stay is for, and what it must bring."""

    load: float
    n: int
    held_s: float
    why: str
    eager: bool = False
    """Whether it may end with fewer, where the bounds are far."""


class Knee:
    """See the module."""

    def __init__(self, goal: Goal) -> None:
        self._goal = goal
        self._evidence = Evidence(goal)
        self._plan: Plan | None = None
        self._asked: float | None = None

    def step(self, tick: Tick) -> Action:
        """Take in what happened, and say what to do."""
        evidence = self._evidence
        evidence.take(tick)
        if not tick.armed:
            self._plan = self._asked = None
            return Action("watching: the hand has the load")
        if self._asked is not None and tick.load != self._asked:
            return Action(self._says())
        self._asked = None
        stay = evidence.stay
        if stay is not None and self._plan is not None:
            failing = evidence.failing(stay)
            if not failing and not self._enough(stay, self._plan):
                return Action(self._says(), toward=self._toward())
            stay.held = not failing
        return self._decide(tick)

    def _decide(self, tick: Tick) -> Action:
        evidence = self._evidence
        evidence.fit()
        plan = self._next(tick)
        if isinstance(plan, Finding):
            return Action("done", finding=plan)
        self._plan = plan
        if plan.load == tick.load:
            return Action(self._says(), toward=self._toward())
        self._asked = plan.load
        over_s = min(evidence.residence_s, _RAMP_MOST_S / self._goal.speed) if plan.load > tick.load else 0.0
        return Action(self._says(), Move(plan.load, over_s), self._toward())

    def _next(self, tick: Tick) -> Plan | Finding:
        evidence, goal = self._evidence, self._goal
        held = [stay.load for stay in evidence.stays if stay.held]
        failed = [stay.load for stay in evidence.stays if stay.held is False]
        if not held and not failed:
            return Plan(evidence.least, 20, 0.0, "one user first", eager=True)
        if not failed:
            top = max(held)
            if top >= goal.most:
                return self._confirm(top) or self._found(top, "none")
            return Plan(evidence.rounded(evidence.climb(top)), 20, 0.0, "climbing", eager=True)
        low, middle, high = (evidence.posterior.quantile(q) for q in (0.05, 0.4, 0.95))
        if evidence.posterior.holds(evidence.least) < 0.05 and evidence.least in failed:
            return self._found(0.0, "zero")
        late = tick.at_s > _LONG_S / goal.speed
        narrow = high <= low * _NARROW or math.floor(high) - math.floor(low) <= 1
        if not narrow and not late:
            lowest = min(failed)
            hint = evidence.hint()
            load = evidence.rounded(middle)
            if hint is not None and low < hint < high and evidence.rounded(hint) not in held:
                load = evidence.rounded(hint)
            load = max(evidence.least, load)
            return Plan(load, _BATCH_N, 1.5 * evidence.residence_s, f"closing in between {low:.0f} and {high:.0f}")
        candidate = max(evidence.least, evidence.rounded(evidence.posterior.quantile(0.3)))
        confirmed = evidence.confirmed(_CONFIRM_N, _CONFIRM_S / goal.speed)
        good = [load for load in confirmed if candidate - load <= max(1.0, 0.05 * candidate) and load <= evidence.posterior.quantile(0.7)]
        if good:
            return self._found(max(good), None)
        return self._confirm(candidate) or self._found(candidate, None)

    def _confirm(self, load: float) -> Plan | None:
        if load in self._evidence.confirmed(_CONFIRM_N, _CONFIRM_S / self._goal.speed):
            return None
        seconds = max(_CONFIRM_S / self._goal.speed, 3 * self._evidence.residence_s)
        return Plan(load, _CONFIRM_N, seconds, "confirming")

    def _found(self, load: float, cause: str | None) -> Finding:
        evidence = self._evidence
        return Finding(
            capacity=load, estimate=evidence.posterior.quantile(0.5), low=evidence.posterior.quantile(0.05), high=evidence.posterior.quantile(0.95),
            cause=cause or evidence.cause(), visits=evidence.visits(),
        )

    def _enough(self, stay: Stay, plan: Plan) -> bool:
        if not stay.settled:
            return False
        n = min(self._evidence.count(stay))
        if plan.eager and n >= min(8, 2 + plan.load) and self._evidence.easy(stay):
            return True
        return n >= plan.n and stay.held_s >= plan.held_s

    def _says(self) -> str:
        return "" if self._plan is None else f"{self._plan.why}: {self._plan.load:g}"

    def _toward(self) -> float | None:
        return None
