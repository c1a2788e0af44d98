"""All stays so far and what follows from them: which loads hold, where the break lies, what causes it."""

import math

from llmprobe.control.posterior import Posterior
from llmprobe.control.verdicts import Constraint, constraints
from llmprobe.control.visits import Stay, as_evidence, limited_share
from llmprobe.core.finding import Cause, Visit
from llmprobe.core.load import WARMUP_LEVEL
from llmprobe.core.slo import QUANTILES
from llmprobe.core.tick import Goal, Tick

_PASSES = 3.0
_EASY = 0.6


class Evidence:
    """Folds ticks into stays."""

    def __init__(self, goal: Goal) -> None:
        self.goal = goal
        self.rules: tuple[Constraint, ...] = constraints(goal.slos)
        self.least = 1.0 if goal.kind == "users" else max(0.05, goal.most / 512)
        self.stays: list[Stay] = []
        self.posterior = Posterior([rule.budget for rule in self.rules], self.least, goal.most)
        self.residence_s = 5.0 / goal.speed

    @property
    def stay(self) -> Stay | None:
        """The one under way."""
        return self.stays[-1] if self.stays else None

    def take(self, tick: Tick) -> None:
        """Fold a tick in."""
        stay = self.stay
        if tick.level_id != WARMUP_LEVEL and tick.load > 0 and (stay is None or stay.level_id != tick.level_id):
            by = "autopilot" if tick.armed else "hand"
            stay = Stay(tick, before=stay, by=by, residence_s=2 * self.residence_s)
            self.stays.append(stay)
        if stay is None:
            return
        by_level = {stay.level_id: stay for stay in self.stays[-3:]}
        for record in tick.ended:
            if (home := by_level.get(record.level_id)) is not None:
                home.end(record, self.rules)
        stay.take(tick, self.rules)
        for recent in reversed(self.stays):
            took = sorted(s.e2e_s for s in recent.ended() if s.outcome is not None and s.outcome.completed)
            if len(took) >= 3:
                self.residence_s = took[len(took) // 2]
                break

    def wait_s(self, k: int) -> float:
        """From when on a verdict of this constraint is sure to be out."""
        rule = self.rules[k]
        return rule.slo.bound if rule.slo.metric in {"ttft", "ttfo", "e2e"} else 0.0

    def count(self, stay: Stay) -> list[int]:
        """Verdicts so far for each constraint that has any."""
        return [stay.tally(k, self.wait_s(k))[0] for k in range(len(self.rules))]

    def failing(self, stay: Stay) -> bool:
        """Whether it is clear enough that an objective breaks here."""
        for k, rule in enumerate(self.rules):
            if rule.latency and not stay.settled:
                n, bad = stay.tally(k, 0.0, ramping=True)
                if n >= 8 and bad >= 5 and bad > 0.3 * n:
                    stay.why = k
                    return True
            if stay.settled:
                n, bad = stay.tally(k, self.wait_s(k))
                if bad >= 2 and _ratio(n, bad, rule.budget) / stay.dispersion(k) >= _PASSES:
                    stay.why = k
                    return True
        return False

    def easy(self, stay: Stay) -> bool:
        """Whether all durations stay far below their bounds."""
        for k, rule in enumerate(self.rules):
            values = stay.values(k)
            if rule.latency and (not values or values[-1] > _EASY * rule.slo.bound):
                return False
        return True

    def fit(self) -> None:
        """Weigh everything anew."""
        rows = []
        for k in range(len(self.rules)):
            mine = []
            for stay in self.stays:
                if stay.spoiled:
                    continue
                n, bad = stay.tally(k, self.wait_s(k)) if stay.settled else (0, 0.0)
                if not n and stay.held is False and stay.why == k:
                    n, bad = stay.tally(k, 0.0, ramping=True)
                if n:
                    effect = stay.dispersion(k)
                    mine.append((stay.load, n / effect, bad / effect))
            rows.append(mine)
        self.posterior.fit(rows)

    def _quantile(self, stay: Stay, k: int) -> float | None:
        values = stay.values(k)
        q = QUANTILES[self.rules[k].slo.quantile or "p95"]
        return values[min(len(values) - 1, math.ceil(q * len(values)) - 1)] if values else None

    def climb(self, top: float) -> float:
        """The next load above one that holds."""
        rows = sorted((s for s in self.stays if s.held and not s.spoiled), key=lambda s: s.load)
        factor = 4.0
        for k, rule in enumerate(self.rules):
            if not rule.latency or len(rows) < 2:
                continue
            (a, b) = rows[-2:]
            va, vb = self._quantile(a, k), self._quantile(b, k)
            if va is None or vb is None or vb <= va or b.load <= a.load:
                continue
            slope = (vb - va) / (b.load - a.load)
            factor = min(factor, max(2.0, (b.load + (rule.slo.bound - vb) / slope) / b.load))
        return min(self.goal.most, top * factor)

    def hint(self) -> float | None:
        """Where physics puts the break, out of the lowest failing stay."""
        failing = min((s for s in self.stays if s.held is False), key=lambda s: s.load)
        rule = self.rules[failing.why]
        if rule.slo.metric in {"errors", "goodput"}:
            return failing.in_flight if limited_share(failing.ended()) > 0.5 else None
        if rule.slo.metric in {"ttft", "ttfo"}:
            return failing.streaming
        return None

    def confirmed(self, n: int, seconds: float) -> list[float]:
        """Loads that held for long enough with enough verdicts."""
        loads = []
        for load in {s.load for s in self.stays}:
            here = [s for s in self.stays if s.load == load and s.held and not s.spoiled]
            total = sum(min(self.count(s)) for s in here)
            if total >= n and sum(s.held_s for s in here) >= seconds:
                loads.append(load)
        return loads

    def cause(self) -> Cause:
        """What binds at the lowest failing load."""
        failing = min((s for s in self.stays if s.held is False), key=lambda s: s.load)
        rule = self.rules[failing.why]
        if rule.slo.metric in {"errors", "goodput"} and limited_share(failing.ended()) > 0.5:
            return "rate_limit"
        return rule.slo.metric

    def rounded(self, load: float) -> float:
        """A load that can be asked for."""
        if self.goal.kind == "users":
            return max(1.0, float(math.floor(load + 1e-9))) if math.isfinite(load) else self.goal.most
        return min(self.goal.most, float(f"{load:.3g}"))

    def visits(self) -> tuple[Visit, ...]:
        """As a finding tells them."""
        return tuple(as_evidence(s, self.rules, held=s.held) for s in self.stays)


def _ratio(n: float, bad: float, budget: float) -> float:
    """Log-likelihood ratio of twice the budget against half of it."""
    high, low = min(2 * budget, 0.95), budget / 2
    return bad * math.log(high / low) + (n - bad) * math.log((1 - high) / (1 - low))
