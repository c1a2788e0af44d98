"""The default strategy: climbs until an objective breaks, closes in on where, and confirms below it.

    WARM     one user, until its times are steady
    CLIMB    up to four times as many, until a load fails
    ZOOM     where the break most likely is, until that is narrow
    CONFIRM  a load below it, for long enough
    CHECK    what failed, a second time; after a long search, an early load again

What to do next follows from the evidence alone, so a hand may take the load at any time and give it back.
"""

from msgspec import Struct

from llmprobe.control.changes import drift_of, reference_done, reference_load, suspicious
from llmprobe.control.ending import ending, refusal, too_wide
from llmprobe.control.evidence import Evidence
from llmprobe.control.guesses import climb, hint_of
from llmprobe.control.refusals import WINDOW_S, descend
from llmprobe.control.visits import Stay
from llmprobe.core.finding import Finding
from llmprobe.core.tick import Action, Goal, Move, Tick

_NARROW, _NARROWER = 1.15, 1.08
"""High over low of an interval that is narrow enough; while it is early, narrower still."""
_EARLY_S = 60.0
_CANDIDATE = 0.35
"""The quantile of the break at which a capacity is confirmed."""
_RAMP_MOST_S = 15.0
_LATE_S, _LATE = 220.0, 30
"""From when on it closes in no more, and confirms: seconds, or residences where those are longer."""
_OVER_S, _OVER = 400.0, 50
"""From when on it says what it has."""
_CLIMB_N, _BATCH_N, _CONFIRM_N, _REFERENCE_N = 20, 40, 40, 8
_LONG_N = 120
"""Verdicts after which a load is either within its budgets or not, clear or not."""
_CONFIRM_S = 10.0
_REFERENCE_AFTER_S = 110.0
"""A search that was shorter leaves no time for a drift worth a visit."""
_APART_S = 12.0
"""Between two failures that are not one bad moment."""


class _Plan(Struct, frozen=True):
    """What a stay is for, and what it must bring."""

    load: float
    n: int
    says: str
    held_s: float = 0.0
    eager: bool = False
    """Whether fewer verdicts do while the bounds are far."""


class Knee:
    """See the module."""

    def __init__(self, goal: Goal) -> None:
        self._goal = goal
        self._evidence = Evidence(goal)
        self._plan: _Plan | None = None
        self._asked: float | None = None
        self._now_s = 0.0

    def step(self, tick: Tick) -> Action:
        """Take in what happened, and say what to do."""
        self._now_s = tick.at_s
        self._evidence.take(tick)
        if not tick.armed:
            self._plan = self._asked = None
            self._watch()
            return Action("watches: a hand has the load, and what it shows counts")
        if self._asked is not None and tick.load != self._asked:
            return self._stays()
        self._asked = None
        stay = self._evidence.stay
        if stay is not None and self._plan is not None and stay.load == self._plan.load:
            failing = self._evidence.failing(stay)
            if not failing and not self._enough(stay, self._plan):
                if tick.requests_left is None or tick.requests_left > 0:
                    return self._stays()
            elif not failing or self._evidence.learned(stay):
                long = self._evidence.count(stay) >= _LONG_N
                stay.held = not (failing or (long and self._evidence.over_budget(stay)))
            else:
                return self._stays()
        return self._decide(tick)

    def _watch(self) -> None:
        """Judge a load that a hand chose, as soon as it has shown enough."""
        stay = self._evidence.stay
        if stay is None or not stay.load:
            return
        if self._evidence.failing(stay):
            stay.held = False
        elif stay.settled and self._evidence.count(stay) >= _CLIMB_N:
            stay.held = True

    def finding(self) -> Finding:
        """What can be said by now."""
        self._evidence.fit()
        if self._evidence.failed() and self._evidence.zero():
            return ending(self._evidence, 0.0)
        confirmed = self._evidence.confirmed(_CONFIRM_N, self._seconds(_CONFIRM_S))
        if not confirmed:
            return refusal(self._evidence, "too few requests counted to confirm any load")
        if max(confirmed) < self._goal.most and max(self._evidence.failed(), default=0.0) <= max(confirmed):
            return refusal(
                self._evidence, f"it ended before anything broke: {self._called(max(confirmed))} held"
            )
        return ending(self._evidence, max(confirmed))

    def _seconds(self, seconds: float) -> float:
        return seconds / self._goal.speed

    def _is_past(self, seconds: float, residences: int) -> bool:
        return self._now_s >= max(self._seconds(seconds), residences * self._evidence.residence_s)

    def _stays(self) -> Action:
        if self._plan is None:
            return Action("begins")
        return Action(self._plan.says + self._progress(), toward=self._toward())

    def _progress(self) -> str:
        stay, plan = self._evidence.stay, self._plan
        if stay is None or plan is None or stay.load != plan.load:
            return ""
        if not stay.settled:
            return ", settling"
        if not plan.n:
            return f", {stay.held_s:.0f} of {plan.held_s:.0f} s"
        return f", {min(self._evidence.count(stay), plan.n)} of {plan.n} verdicts"

    def _toward(self) -> float | None:
        return self._evidence.candidate(_CANDIDATE) if self._evidence.failed() else None

    def _enough(self, stay: Stay, plan: _Plan) -> bool:
        if not stay.settled:
            return False
        n = self._evidence.count(stay)
        if plan.eager and n >= min(8, 2 + plan.load):
            return self._evidence.steady(stay) and (n >= plan.n or self._evidence.easy(stay))
        return n >= plan.n and stay.held_s >= plan.held_s

    # What comes next

    def _decide(self, tick: Tick) -> Action:
        self._evidence.fit()
        plan = self._next(tick)
        if isinstance(plan, Finding):
            return Action(_last_words(plan), finding=plan)
        if tick.requests_left is not None and tick.requests_left < plan.load:
            return Action("ends: the requests are spent", finding=self.finding())
        self._plan = plan
        if plan.load == tick.load:
            return self._stays()
        self._asked = plan.load
        over_s = 0.0
        if plan.load > max(tick.load, self._evidence.least):
            residence_s = self._evidence.residence_s
            over_s = min(residence_s * (0.5 if plan.eager else 1.0), self._seconds(_RAMP_MOST_S))
        return Action(plan.says, Move(plan.load, over_s), self._toward())

    def _next(self, tick: Tick) -> _Plan | Finding:
        evidence = self._evidence
        if evidence.bound is not None and (
            not evidence.failed() or evidence.spoiled_at <= min(evidence.failed())
        ):
            return refusal(evidence, f"the probe was the bottleneck ({evidence.bound})")
        held = evidence.held()
        if not held and not evidence.failed():
            return _Plan(
                evidence.least,
                _CLIMB_N,
                f"learns how fast {self._called(evidence.least)} is answered",
                eager=True,
            )
        if self._is_past(_OVER_S, _OVER):
            return self.finding()
        if not evidence.failed():
            return self._climb(max(held))
        if evidence.limited and max(evidence.failed()) > evidence.least:
            return self._descend()
        if evidence.zero():
            return ending(evidence, 0.0)
        return self._zoom(tick) or self._confirm() or self._check() or self._conclude()

    def _climb(self, top: float) -> _Plan | Finding:
        if top < self._goal.most:
            load = self._evidence.rounded(climb(self._evidence, top))
            return _Plan(
                load, _CLIMB_N, f"climbs to {self._called(load)}: nothing has broken yet", eager=True
            )
        return self._confirmation(top) or ending(self._evidence, top)

    def _descend(self) -> _Plan | Finding:
        descent = descend(self._evidence)
        load = self._called(descent.load)
        if descent.done:
            return ending(self._evidence, descent.load)
        if descent.waits:
            return _Plan(
                descent.load, _CONFIRM_N, f"waits at {load} for the rate limit to let something through"
            )
        says = f"holds {load} under the rate limit"
        return _Plan(descent.load, 0, says, held_s=self._seconds(WINDOW_S))

    def _zoom(self, tick: Tick) -> _Plan | None:
        evidence = self._evidence
        low, high = evidence.interval()
        below, above = evidence.bracket()
        step = evidence.step(above)
        wanted = _NARROWER if tick.at_s < self._seconds(_EARLY_S) else _NARROW
        narrow = high <= low * wanted or evidence.rounded(high) - evidence.rounded(low) <= step
        late = self._is_past(_LATE_S, _LATE) and not too_wide(evidence, low, high)
        if narrow or late or above - below <= step * 1.001:
            return None
        middle = evidence.posterior.quantile(0.45)
        hint = hint_of(evidence)
        if hint is not None and below < hint < above:
            middle = hint
        load = min(max(evidence.rounded(middle), below + step), above - step)
        between = f"between {self._called(below, bare=True)} and {self._called(above)}"
        says = f"closes in {between}, tries {self._called(load, bare=True)}"
        return _Plan(load, _BATCH_N, says, held_s=1.5 * evidence.residence_s)

    def _confirm(self) -> _Plan | None:
        evidence = self._evidence
        candidate = max(evidence.least, evidence.candidate(_CANDIDATE))
        if self._confirmed_near(candidate):
            return None
        return self._confirmation(candidate)

    def _confirmed_near(self, candidate: float) -> float | None:
        slack = max(self._evidence.step(candidate), 0.04 * candidate)
        near = [
            load
            for load in self._evidence.confirmed(_CONFIRM_N, self._seconds(_CONFIRM_S))
            if candidate - load <= slack and load <= self._evidence.posterior.quantile(0.75)
        ]
        return max(near, default=None)

    def _confirmation(self, load: float) -> _Plan | None:
        seconds = max(self._seconds(_CONFIRM_S), 2.5 * self._evidence.residence_s)
        if load in self._evidence.confirmed(_CONFIRM_N, self._seconds(_CONFIRM_S)):
            return None
        return _Plan(load, _CONFIRM_N, f"holds {self._called(load)} to confirm", held_s=seconds)

    def _check(self) -> _Plan | None:
        """A second failure apart from the first; and after a long search, a low level again."""
        evidence = self._evidence
        if not evidence.failed_apart(self._seconds(_APART_S)):
            load = min(evidence.failed())
            return _Plan(
                load,
                _BATCH_N,
                f"checks {self._called(load)} a second time: it failed once",
                held_s=evidence.residence_s,
            )
        short = self._now_s < self._seconds(_REFERENCE_AFTER_S)
        if reference_done(evidence) or (short and not suspicious(evidence)):
            return None
        load = reference_load(evidence)
        return _Plan(
            load, _REFERENCE_N, f"goes back to {self._called(load)} to see whether the endpoint has changed"
        )

    def _conclude(self) -> Finding:
        evidence = self._evidence
        if (drift := drift_of(evidence)) is not None:
            return refusal(evidence, "the endpoint changed while it was measured", drift=drift)
        candidate = evidence.candidate(_CANDIDATE)
        return ending(evidence, self._confirmed_near(candidate) or candidate)

    def _called(self, load: float, *, bare: bool = False) -> str:
        if self._goal.kind == "rate":
            return f"{load:.3g}" if bare else f"{load:.3g} requests/s"
        return f"{load:g}" if bare else f"{load:g} user{'' if load == 1 else 's'}"


def _last_words(finding: Finding) -> str:
    if finding.refused is not None:
        return f"ends without an answer: {finding.refused}"
    return f"is done: {finding.capacity:g} hold"
