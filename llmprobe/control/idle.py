"""Objectives relative to one user: that one is measured first, then the search has its bounds in seconds.

    tick -> [a hand has the load | go to one user | too few answers] -> bounds -> the search, told all so far

In an open load, one user is the lowest rate of the search.
"""

from collections.abc import Callable

from msgspec.structs import replace

from llmprobe.control.evidence import Evidence
from llmprobe.control.search import Policy, Search
from llmprobe.control.strategy import Strategy
from llmprobe.core.finding import Finding
from llmprobe.core.record import RequestRecord
from llmprobe.core.tick import Action, Goal, Move, Tick
from llmprobe.metrics.durations import ENOUGH, idle_of

_N = 12
"""Answers of one user; fewer do where they take long, down to what a median is read from."""
_LONG_S = 60.0
_HOPELESS_N = 20
"""Failures without the answers it takes, from which on there is nothing to wait for."""


def begin(goal: Goal, policy: Callable[[Goal], Policy]) -> Strategy:
    """The strategy of a policy, one user first where an objective is relative to one."""
    relative = any(slo.unmeasured for slo in goal.slos)
    return OneUserFirst(goal, policy) if relative else Search(goal, policy(goal))


class OneUserFirst:
    """A strategy: see the module."""

    def __init__(self, goal: Goal, policy: Callable[[Goal], Policy]) -> None:
        self._goal = goal
        self._policy = policy
        self._evidence = Evidence(goal)
        self._past: list[Tick] = []
        self._idle: dict[str, float] = {}
        self._search: Search | None = None

    def step(self, tick: Tick) -> Action:
        """Take in what happened, and say what to do."""
        if self._search is None:
            self._evidence.take(tick)
            self._past.append(tick)
            action = self._measure(tick)
            if action is not None:
                return action
            self._begin()
            self._past.clear()
        assert self._search is not None
        action = self._search.step(tick)
        finding = None if action.finding is None else replace(action.finding, idle=self._idle)
        return replace(action, finding=finding, idle=self._idle)

    def finding(self) -> Finding:
        """What can be said by now."""
        if self._search is None:
            return _nothing("it ended before one user was measured")
        return replace(self._search.finding(), idle=self._idle)

    def _measure(self, tick: Tick) -> Action | None:
        """What to do until one user is known; None once it is."""
        least, stay = self._evidence.least, self._evidence.stay
        if not tick.armed:
            return Action("watches: a hand has the load, and what it shows counts")
        if tick.requests_left is not None and tick.requests_left <= 0:
            return Action("ends: the requests are spent", finding=self.finding())
        says = f"measures {self._evidence.called(least)} first, which the objectives are relative to"
        if tick.load != least or stay is None:
            return Action(says, Move(least))
        answers = self._answers()
        wanted = {slo.metric for slo in self._goal.slos if slo.unmeasured}
        idle = idle_of(answers)
        if wanted <= idle.keys() and self._evidence.steady(stay):
            if len(answers) >= _N or stay.held_s >= _LONG_S / self._goal.speed:
                self._idle = {metric: idle[metric] for metric in sorted(wanted)}
                return None
        elif len(stay.ended()) >= _HOPELESS_N + len(answers) or len(answers) >= 2 * _N + ENOUGH:
            why = f"no {' or '.join(sorted(wanted - idle.keys()))} of one user could be measured"
            return Action(f"ends without an answer: {why}", finding=_nothing(why))
        return Action(f"{says}, {min(len(answers), _N)} of {_N} answers")

    def _answers(self) -> list[RequestRecord]:
        """Those of one user that count: sent after it had settled and the endpoint was warm."""
        stay = self._evidence.stay
        if stay is None:
            return []
        ended = (record for tick in self._past for record in tick.ended)
        return [
            r
            for r in ended
            if r.level_id == stay.level_id and r.started_s >= stay.settled_s and r.outcome.completed
        ]

    def _begin(self) -> None:
        """The search proper, told what was seen so far."""
        slos = tuple(slo.measured(self._idle) for slo in self._goal.slos)
        goal = replace(self._goal, slos=slos)
        self._search = Search(goal, self._policy(goal))
        for tick in self._past[:-1]:
            self._search.recall(tick)


def _nothing(why: str) -> Finding:
    return Finding(capacity=None, estimate=None, low=None, high=None, cause=None, refused=why)
