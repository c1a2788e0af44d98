"""The default strategy: climbs until an objective breaks, closes in on where, and confirms below it.

WARM     one user, until its times are steady
CLIMB    up to four times as many, until a load fails
ZOOM     where the break most likely is, until that is narrow
CONFIRM  a load below it, for long enough
CHECK    what failed, a second time
LOOK     an early load again, at times and before anything is claimed: whether the endpoint has changed
"""

from llmprobe.control.changes import drift_of, reference_done, reference_load, undecided
from llmprobe.control.ending import ending, refusal, too_wide
from llmprobe.control.evidence import Evidence
from llmprobe.control.guesses import climb, guessed, hint_of
from llmprobe.control.refusals import interval_of, under_limit
from llmprobe.control.search import Plan
from llmprobe.core.finding import Finding
from llmprobe.core.tick import Goal

_NARROW, _NARROWER = 1.2, 1.12
"""High over low of an interval that is narrow enough; while it is early, narrower still."""
_EARLY_S = 40.0
_CLOSE = 0.15
"""How near, as a share, the load that failed is to the one that holds where none between is needed."""
_CANDIDATE, _TRY = 0.35, 0.4
"""The quantiles of the break at which a capacity is confirmed, and the next load is tried."""
_LATE_S, _LATE = 220.0, 30
"""From when on it closes in no more, and confirms: seconds, or residences where those are longer."""
_OVER_S, _OVER = 700.0, 80
"""From when on it says what it has."""
_WARM_N, _CLIMB_N, _BATCH_N, _CONFIRM_N, _REFERENCE_N = 8, 20, 40, 80, 5
_CONFIRM_S, _CONFIRM = 30.0, 4
"""How long a load is held to confirm it: seconds, and turnovers."""
_LOOK_AFTER_S = 90.0
"""From when on it looks back in the middle of a search: lest it close in on a break that moves."""
_COLD_S = 60.0
"""Before that, what fails at the least load may be a cold start."""
_CHANGED = "the endpoint changed while it was measured"
_LOOK_S = 5.0
_APART_S = 12.0
"""Between two failures that are not one bad moment."""


class Knee:
    """The policy; see the module."""

    def __init__(self, goal: Goal) -> None:
        self._goal = goal
        self._now_s = 0.0

    def next(self, evidence: Evidence, now_s: float) -> Plan | Finding:
        """See the module."""
        self._now_s = now_s
        if evidence.bound is not None and (
            not evidence.failed() or evidence.spoiled_at <= min(evidence.failed())
        ):
            return refusal(evidence, f"the probe was the bottleneck ({evidence.bound})")
        if not evidence.held() and not evidence.failed():
            return Plan(
                evidence.least,
                _WARM_N,
                f"learns how fast {evidence.called(evidence.least)} is answered",
                eager=True,
            )
        if self._is_past(evidence, _OVER_S, _OVER):
            return self.last(evidence)
        plan = self._search(evidence)
        if isinstance(plan, Finding) and plan.capacity != 0:
            return self._look_back(evidence, late=True) or self._unless_changed(evidence, plan)
        return plan

    def _search(self, evidence: Evidence) -> Plan | Finding:
        if not evidence.failed():
            return self._climb(evidence, max(evidence.held()))
        if evidence.limited and max(evidence.failed()) > evidence.least:
            plan = under_limit(evidence)
            if isinstance(plan, Plan):
                return plan
            if evidence.keeps_latency(plan):
                return ending(evidence, plan, between=interval_of(evidence, plan))
        if (look := self._look_back(evidence)) is not None:
            return look
        if (drift := drift_of(evidence)) is not None:
            return refusal(evidence, _CHANGED, drift=drift)
        if evidence.zero():
            return self._none(evidence)
        return (
            self._hold_guess(evidence)
            or self._zoom(evidence)
            or self._confirm(evidence)
            or self._check(evidence)
            or self._conclude(evidence)
        )

    def _climb(self, evidence: Evidence, top: float) -> Plan | Finding:
        if top < self._goal.most:
            load = evidence.rounded(climb(evidence, top))
            return Plan(
                load, _CLIMB_N, f"climbs to {evidence.called(load)}: nothing has broken yet", eager=True
            )
        return self._confirmation(evidence, top) or ending(evidence, top)

    def _none(self, evidence: Evidence) -> Plan | Finding:
        if self._now_s < self._seconds(_COLD_S):
            least = evidence.called(evidence.least)
            return Plan(evidence.least, 0, f"waits whether {least} is answered faster once it is warm")
        return ending(evidence, 0.0)

    def _hold_guess(self, evidence: Evidence) -> Plan | None:
        """A guess by physics that holds is most likely the answer: it is confirmed before anything else."""
        stay = evidence.stays[-1]
        if stay.held and guessed(evidence, stay.load):
            return self._confirmation(evidence, stay.load)
        return None

    def _zoom(self, evidence: Evidence) -> Plan | None:
        low, high = evidence.interval()
        below, above = evidence.bracket()
        step = evidence.step(above)
        wanted = _NARROWER if self._now_s < self._seconds(_EARLY_S) else _NARROW
        narrow = high <= low * wanted or evidence.rounded(high) - evidence.rounded(low) <= step
        late = self._is_past(evidence, _LATE_S, _LATE) and not too_wide(evidence, low, high)
        if narrow or late or above - below <= max(step * 1.001, _CLOSE * above):
            return None
        middle = evidence.posterior.quantile(_TRY)
        hint = hint_of(evidence)
        if hint is not None and below < hint < above:
            middle = hint
        load = min(max(evidence.rounded(middle), below + step), above - step)
        between = f"between {evidence.called(below, bare=True)} and {evidence.called(above)}"
        says = f"closes in {between}, tries {evidence.called(load, bare=True)}"
        return Plan(load, _BATCH_N, says, held_s=1.5 * evidence.turnover_s)

    def _confirm(self, evidence: Evidence) -> Plan | None:
        candidate = max(evidence.least, evidence.candidate(_CANDIDATE))
        if self._confirmed_near(evidence, candidate):
            return None
        # What was held a while already, little below, is confirmed sooner than a new load.
        begun = [
            load for load in evidence.held() if 0 <= candidate - load <= self._slack(evidence, candidate)
        ]
        return self._confirmation(evidence, max(begun, default=candidate))

    def _slack(self, evidence: Evidence, candidate: float) -> float:
        return max(evidence.step(candidate), 0.04 * candidate)

    def _confirmed_near(self, evidence: Evidence, candidate: float) -> float | None:
        slack = self._slack(evidence, candidate)
        near = [
            load
            for load in self._confirmed(evidence)
            if candidate - load <= slack and load <= evidence.posterior.quantile(0.75)
        ]
        return max(near, default=None)

    def _confirmed(self, evidence: Evidence) -> list[float]:
        return evidence.confirmed(_CONFIRM_N, self._seconds(_CONFIRM_S))

    def _confirmation(self, evidence: Evidence, load: float) -> Plan | None:
        seconds = max(self._seconds(_CONFIRM_S), _CONFIRM * evidence.turnover_s)
        if load in self._confirmed(evidence):
            return None
        # A stay under way at this load goes on and brings what it has; one that is over need not be repeated.
        before = [
            stay for stay in evidence.stays if stay.load == load and stay.held and stay is not evidence.stay
        ]
        n = max(_REFERENCE_N, _CONFIRM_N - sum(evidence.judge.count(stay) for stay in before))
        held_s = max(evidence.residence_s, seconds - sum(stay.held_s for stay in before))
        return Plan(load, n, f"holds {evidence.called(load)} to confirm", held_s=held_s, sure=True)

    def _check(self, evidence: Evidence) -> Plan | None:
        """A second failure apart from the first."""
        if evidence.failed_apart(self._seconds(_APART_S)):
            return None
        load = min(evidence.failed())
        says = f"checks {evidence.called(load)} a second time: it failed once"
        return Plan(load, _BATCH_N, says, held_s=evidence.residence_s)

    def _look_back(self, evidence: Evidence, *, late: bool = False) -> Plan | None:
        """An early load again, to see whether the endpoint has changed; longer where it seems so.

        It is visited before a claim, and in a long search at times.
        """
        load, stay = reference_load(evidence), evidence.stay
        here = stay is not None and stay.load == load
        if (here or late) and undecided(evidence):
            says = f"watches {evidence.called(load)}: the endpoint is not what it was"
            so_far_s = stay.held_s if stay is not None and here else 0.0
            return Plan(load, 0, says, held_s=so_far_s + self._seconds(_LOOK_S))
        late = late or self._now_s >= self._seconds(_LOOK_AFTER_S)
        if reference_done(evidence, self._now_s) or not late:
            return None
        says = f"goes back to {evidence.called(load)} to see whether the endpoint has changed"
        return Plan(load, _REFERENCE_N, says)

    def _conclude(self, evidence: Evidence) -> Plan | Finding:
        candidate = max(evidence.least, evidence.candidate(_CANDIDATE))
        low, high = evidence.interval()
        if too_wide(evidence, low, high):
            _, above = evidence.bracket()
            load = above if high > above * _NARROW and evidence.stays[-1].load != above else candidate
            says = f"visits {evidence.called(load)} again: too little is known"
            return Plan(load, _BATCH_N, says, held_s=3 * evidence.residence_s)
        return ending(evidence, self._confirmed_near(evidence, candidate) or candidate)

    def _unless_changed(self, evidence: Evidence, finding: Finding) -> Finding:
        drift = drift_of(evidence)
        return finding if drift is None else refusal(evidence, _CHANGED, drift=drift)

    def last(self, evidence: Evidence) -> Finding:
        """The largest load that was confirmed."""
        if evidence.failed() and evidence.zero():
            return ending(evidence, 0.0)
        return self._unless_changed(evidence, self._by_now(evidence))

    def _by_now(self, evidence: Evidence) -> Finding:
        confirmed = self._confirmed(evidence) or evidence.confirmed(_CLIMB_N, self._seconds(_CONFIRM_S / 2))
        if not confirmed:
            return refusal(evidence, "too few requests counted to confirm any load")
        if max(confirmed) < self._goal.most and max(evidence.failed(), default=0.0) <= max(confirmed):
            return refusal(
                evidence, f"it ended before anything broke: {evidence.called(max(confirmed))} held"
            )
        return ending(evidence, max(confirmed))

    def toward(self, evidence: Evidence) -> float | None:
        """The load that it would confirm."""
        return evidence.candidate(_CANDIDATE) if evidence.failed() else None

    def _seconds(self, seconds: float) -> float:
        return seconds / self._goal.speed

    def _is_past(self, evidence: Evidence, seconds: float, residences: int) -> bool:
        return self._now_s >= max(self._seconds(seconds), residences * evidence.residence_s)
