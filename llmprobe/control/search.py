"""The step machine that all strategies share: it sits a stay out, then asks its policy what comes next.

    tick -> evidence -> [a hand has the load | on the way there | too little so far] -> stay
                     -> the stay is judged -> policy -> go there | end

A policy answers from the evidence alone, so that a hand may take the load at any time and give it back.
"""

from typing import Protocol

from msgspec import Struct
from msgspec.structs import replace

from llmprobe.control.evidence import Evidence
from llmprobe.control.throughput import hold_s, unknown_load
from llmprobe.control.told import Told
from llmprobe.control.visits import Stay
from llmprobe.core.finding import Finding
from llmprobe.core.tick import Action, Goal, Move, Tick

_RAMP_MOST_S = 15.0
_NEW = 0.4
"""The least part of a turnover that a rise takes, since a queue takes time to build up."""
_PATIENCE_S = 120.0
"""The longest that a load is held for its throughput."""
_EAGER_N = 8
_WATCHED_N = 20
"""Verdicts that decide a load which a hand chose."""
_LONG_N = 240
"""Verdicts after which a load is either within its budgets or not, clear or not."""


class Plan(Struct, frozen=True):
    """What a stay is for, and what it must bring."""

    load: float
    n: int
    says: str
    held_s: float = 0.0
    eager: bool = False
    """Whether fewer verdicts do while the bounds are far."""
    sure: bool = False
    """Whether it takes more verdicts where these are not clear."""
    counts_refusals: bool = False
    """Whether no more of the last requests may be refused than the errors that are allowed."""


class Policy(Protocol):
    """What tells one strategy from another."""

    def next(self, evidence: Evidence, now_s: float) -> Plan | Finding:
        """Where to go, now that the last stay is judged; the same load is to stay on."""

    def last(self, evidence: Evidence) -> Finding:
        """What can be said when nothing more may be done."""

    def toward(self, evidence: Evidence) -> float | None:
        """Where it expects to end."""


class Search:
    """A strategy: evidence, and a policy that decides on it."""

    def __init__(self, goal: Goal, policy: Policy) -> None:
        self._goal = goal
        self._policy = policy
        self._evidence = Evidence(goal)
        self._plan: Plan | None = None
        self._asked: float | None = None
        self._measured: set[float] = set()
        """Loads that were held for their throughput."""
        self._told = Told()

    def recall(self, tick: Tick) -> None:
        """Take in what happened before it was begun."""
        self._evidence.take(tick)
        self._told.take(tick.ended, tick.rate_limits, {})
        if not tick.armed:
            self._watch()

    def step(self, tick: Tick) -> Action:
        """Take in what happened, and say what to do."""
        self.recall(tick)
        if not tick.armed:
            self._plan = self._asked = None
            return Action("watches: a hand has the load, and what it shows counts")
        if self._asked is not None and tick.load != self._asked:
            return self._stays()
        self._asked = None
        spent = tick.requests_left is not None and tick.requests_left <= 0
        if not spent and not self._judged():
            return self._stays()
        return self._decide(tick)

    def finding(self) -> Finding:
        """What can be said by now."""
        self._evidence.fit()
        return self._with_limits(self._policy.last(self._evidence))

    def _with_limits(self, finding: Finding) -> Finding:
        """Where 429s end the climb, with the limit that they tell of."""
        return replace(finding, limits=self._told.binding()) if finding.cause == "rate_limit" else finding

    def _judged(self) -> bool:
        """Whether the stay under way is over; then it is judged. Without one there is nothing to wait for."""
        stay, plan, evidence = self._evidence.stay, self._plan, self._evidence
        if stay is None or plan is None or stay.load != plan.load:
            return True
        if stay.spoiled:
            return True
        failing = evidence.judge.failing(stay)
        if failing and stay.lingers(evidence.lingering_s(stay)):
            return False
        if not (evidence.learned(stay) if failing else self._enough(stay, plan)):
            return False
        long = evidence.judge.count(stay) >= _LONG_N
        stay.held = not (
            failing
            or (long and evidence.judge.over_budget(stay))
            or (plan.counts_refusals and evidence.judge.refused(stay, stay.to_s - 0.75 * plan.held_s))
        )
        return True

    def _enough(self, stay: Stay, plan: Plan) -> bool:
        if not stay.settled:
            return False
        n = self._evidence.judge.count(stay)
        if plan.eager and n >= min(_EAGER_N, 1 + plan.load):
            shown = n >= plan.n or self._evidence.judge.easy(stay)
            return shown and self._evidence.steady(stay) and self._evidence.turned_over(stay)
        enough = n >= plan.n and stay.held_s >= plan.held_s
        return enough and (not plan.sure or n >= _LONG_N or self._evidence.judge.clear(stay))

    def _watch(self) -> None:
        """Judge a load that a hand chose, as soon as it has shown enough."""
        stay = self._evidence.stay
        if stay is None:
            return
        if self._evidence.judge.failing(stay):
            stay.held = False
        elif stay.settled and self._evidence.judge.count(stay) >= _WATCHED_N:
            stay.held = True

    def _decide(self, tick: Tick) -> Action:
        self._evidence.fit()
        plan = self._policy.next(self._evidence, tick.at_s)
        if isinstance(plan, Finding) and plan.capacity == self._goal.most:
            plan = self._throughput() or plan
        if isinstance(plan, Finding):
            return Action(_last_words(plan), finding=self._with_limits(plan))
        if tick.requests_left is not None and tick.requests_left < plan.load:
            return Action("ends: the requests are spent", finding=self.finding())
        self._plan = plan
        if plan.load == tick.load:
            return self._stays()
        self._asked = plan.load
        return Action(
            plan.says, Move(plan.load, self._ramp_s(plan, tick.load)), self._policy.toward(self._evidence)
        )

    def _throughput(self) -> Plan | None:
        """Nothing broke up to the most: a load whose throughput is to be measured, to see its bend."""
        load = unknown_load(self._evidence, self._measured)
        if load is None or (held_s := hold_s(self._evidence, load)) > _PATIENCE_S / self._goal.speed:
            return None
        stay = self._evidence.stay
        if stay is not None and stay.load == load and stay.held_s >= held_s:
            self._measured.add(load)
            return self._throughput()
        says = f"measures the throughput of {self._evidence.called(load)}: nothing broke"
        return Plan(load, 0, says, held_s=held_s)

    def _ramp_s(self, plan: Plan, load: float) -> float:
        """New users begin about as often as others ask, lest they ask in step; faster when it is eager."""
        if plan.load <= max(load, self._evidence.least):
            return 0.0
        turnover_s = self._evidence.turnover_at(plan.load) * (0.5 if plan.eager else 1.0)
        new = max(_NEW, 1 - load / plan.load)
        return min(new * turnover_s, _RAMP_MOST_S / self._goal.speed)

    def _stays(self) -> Action:
        if self._plan is None:
            return Action("begins")
        return Action(
            self._plan.says + self._progress(self._plan), toward=self._policy.toward(self._evidence)
        )

    def _progress(self, plan: Plan) -> str:
        stay = self._evidence.stay
        if stay is None or stay.load != plan.load:
            return ""
        if not stay.settled:
            return ", settling"
        if not plan.n:
            return f", {stay.held_s:.0f} of {plan.held_s:.0f} s"
        return f", {min(self._evidence.judge.count(stay), plan.n)} of {plan.n} verdicts"


def _last_words(finding: Finding) -> str:
    if finding.refused is not None:
        return f"ends without an answer: {finding.refused}"
    return f"is done: {finding.capacity:g} hold"
