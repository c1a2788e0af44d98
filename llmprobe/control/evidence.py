"""All stays so far and what follows from them: which loads hold, where the break lies, what causes it."""

import math

from llmprobe.control.judge import Judge
from llmprobe.control.posterior import Posterior
from llmprobe.control.verdicts import Constraint, constraints
from llmprobe.control.visits import Stay, as_evidence, limited_share
from llmprobe.core.finding import Visit
from llmprobe.core.load import WARMUP_LEVEL
from llmprobe.core.tick import Goal, Tick

_CLEAR = 0.15
_CLEAR_N = 15.0
"""The weight, in verdicts, of a stay far beyond its budget."""
_LIMITED = 0.6
"""The share of 429s among failures, here and over all stays that failed, that makes a rate limit of them."""
_FAR_LONGER, _OVERTURNED_N = 3, 40
"""How many times as long a load must have held, and on how many verdicts, for its failure not to count."""
_SHOWN_N = 100
"""Verdicts that show that a load holds, whatever the curve says."""
_STAYS = 120
"""As many are remembered, and the first: a soak goes on for days."""
_FEW = 10
"""Answers that tell a residence; of fewer, the short ones come first."""
_LEARN_S = 8.0
_FAR = 4
_REFUSALS = 60
"""Failures of a stay that are enough, whatever more could tell."""
_COLD = 1.8
"""How many times as long as now an answer of a cold endpoint took, a token."""
_COLD_S = 60.0
"""The longest wait for a cold endpoint to become warm."""
WINDOW_S = 60.0
"""The longest window that a rate limit is believed to count in."""
_PATIENCE_S = 30.0
"""The longest wait for a load to settle after a fall, or three residences."""


class Evidence:
    """Folds ticks into stays."""

    def __init__(self, goal: Goal) -> None:
        self.goal = goal
        self.rules: tuple[Constraint, ...] = constraints(goal.slos)
        self.judge = Judge(self.rules)
        self.least = 1.0 if goal.kind == "users" else max(0.05, goal.most / 512)
        self.stays: list[Stay] = []
        self.posterior = Posterior(
            [(rule.budget, not rule.latency) for rule in self.rules], self.least, goal.most
        )
        self.residence_s = 5.0 / goal.speed
        """The median time of a request, at the load in force or the last that showed some."""
        self.bound: str | None = None
        """Why the probe was the bottleneck, if it was."""
        self.spoiled_at = math.inf
        """The smallest load at which it was."""

    @property
    def stay(self) -> Stay | None:
        """The one under way."""
        return self.stays[-1] if self.stays else None

    def take(self, tick: Tick) -> None:
        """Fold a tick in."""
        stay = self.stay
        if (
            tick.level_id != WARMUP_LEVEL
            and tick.load > 0
            and (stay is None or stay.level_id != tick.level_id)
        ):
            by = "autopilot" if tick.armed else "hand"
            patience_s = max(_PATIENCE_S / self.goal.speed, 3 * self.residence_s)
            stay = Stay(
                tick,
                before=stay,
                by=by,
                kind=self.goal.kind,
                residence_s=self.residence_s,
                patience_s=patience_s,
            )
            self.stays.append(stay)
            del self.stays[1 : len(self.stays) - _STAYS]
        if stay is None:
            return
        by_level = {stay.level_id: stay for stay in self.stays[-3:]}
        for record in tick.ended:
            home = by_level.get(record.level_id)
            # What ends after the load has changed shows the new load too.
            if home is not None and (home is stay or record.ended_s <= stay.from_s):
                home.end(record, self.rules)
        stay.take(tick, self.rules)
        if stay is self.stays[0]:
            self._warm_up(stay)
        if tick.bound is not None:
            self.bound, self.spoiled_at = tick.bound, min(self.spoiled_at, stay.load)
        for recent in reversed(self.stays):
            took = sorted(s.e2e_s for s in recent.ended() if s.outcome is not None and s.outcome.completed)
            if len(took) >= max(3.0, min(recent.load, _FEW)):
                self.residence_s = took[len(took) // 2]
                break

    @property
    def turnover_s(self) -> float:
        """The mean time of a request. Where a few answers are long, a load takes as long to show itself."""
        return self.residence_s * self._skew()

    def turnover_at(self, load: float) -> float:
        """The same at a load, by the stay nearest to it that showed some."""
        took = {
            stay.load: sum(times) / len(times)
            for stay in self.stays
            if len(times := [s.e2e_s for s in stay.ended() if s.completed]) >= min(stay.load, _FEW)
        }
        near = min(took, key=lambda known: abs(math.log(known / load)), default=None)
        return self.turnover_s if near is None else max(self.turnover_s, took[near])

    def _skew(self) -> float:
        took = [s.e2e_s for stay in self.stays for s in stay.ended() if s.completed]
        return 1.0 if len(took) < _FEW else max(1.0, sum(took) / len(took) / sorted(took)[len(took) // 2])

    # What a stay shows

    def learned(self, stay: Stay) -> bool:
        """Whether a failing stay has told what it can: under a rate limit, how much is let through."""
        if not self.limited_at(stay) or stay.held_s >= max(3 * self.residence_s, _LEARN_S / self.goal.speed):
            return True
        # What got through before the limit was reached is gone after a residence.
        return self.judge.tally(stay, stay.why)[1] > _REFUSALS and stay.held_s >= self.residence_s

    def lingering_s(self, stay: Stay) -> float:
        """How long a load above this one may still be felt here: a residence, or a limit's window."""
        window_s = WINDOW_S / self.goal.speed if self.limited_at(stay) and stay.shut else 0.0
        return max(self.residence_s, window_s)

    def turned_over(self, stay: Stay) -> bool:
        """Whether it lasted as long as a request does on average: what ends before that is what is short."""
        return stay is self.stays[0] or stay.held_s >= self.turnover_s

    def _warm_up(self, first: Stay) -> None:
        """What a cold endpoint answered before it was warm doesn't count."""
        pace = sorted((s.started_s, s.e2e_s / max(1, s.tokens)) for s in first.counting() if s.completed)
        if len(pace) < 3 or first.held_s > _COLD_S / self.goal.speed:
            return
        warm = sorted(per for _, per in pace[-3:])[1]
        cold = [started_s for started_s, per in pace[:-2] if per > _COLD * warm]
        if cold:
            first.settled_s = next(started_s for started_s, _ in pace if started_s > cold[-1])

    def steady(self, stay: Stay) -> bool:
        """Whether the first stay is warm: its times no longer fall."""
        if stay is not self.stays[0]:
            return True
        pace = sorted((s.started_s, s.e2e_s / max(1, s.tokens)) for s in stay.counting() if s.completed)
        return len(pace) >= 2 and pace[-1][1] > pace[-2][1] / _COLD

    def limited_at(self, stay: Stay) -> bool:
        """Whether it failed by 429s."""
        metric = self.rules[stay.why].slo.metric
        if metric not in {"errors", "goodput"} or limited_share(stay.ended()) <= _LIMITED:
            return False
        failed = (one for one in self.stays if one is stay or one.held is False)
        return limited_share(sample for one in failed for sample in one.ended()) > _LIMITED

    # What all stays show

    def fit(self) -> None:
        """Weigh everything anew."""
        self.posterior.fit([self._rows(k) for k in range(len(self.rules))], sharp=self._sharp())

    def _rows(self, k: int) -> list[tuple[float, float, float]]:
        rows = []
        empty_s = min(
            (stay.from_s for stay in self.stays if self._refused(stay) and stay.why == k), default=-math.inf
        )
        for stay in self.stays:
            n, bad = self.judge.tally(stay, k) if stay.settled else (0, 0.0)
            if stay.held is False and stay.why == k and bad <= self.rules[k].budget * n:
                # It failed while users still came: those who came after say nothing of it yet.
                n, bad = stay.tally(k, 0.0, ramping=True)
            # What a bucket let through while it was full says nothing of its limit.
            wrong = self._refuted(stay) or self._overturned(stay)
            if n and not stay.spoiled and stay.to_s > empty_s and not wrong:
                weight = 1 / self.judge.effect(stay, k)
                if bad > max(3 * self.rules[k].budget, _CLEAR) * n:
                    # Far beyond the budget the curve's shape would count for more than where it crosses it.
                    weight = min(weight, _CLEAR_N / n)
                rows.append((stay.load, n * weight, bad * weight))
        return rows

    def _refuted(self, stay: Stay) -> bool:
        """Whether it held, but a longer stay at no more load failed later: a queue takes time to build up."""
        return stay.held is True and any(
            later.held is False
            and later.load <= stay.load
            and later.from_s > stay.from_s
            and later.held_s > stay.held_s
            for later in self.stays
        )

    def _overturned(self, stay: Stay) -> bool:
        """Whether it failed, but no smaller load held later for far longer: a bad moment, or a rough ramp."""
        if stay.held is not False or self.limited_at(stay):
            return False
        return any(
            later.held is True
            and later.load >= stay.load
            and later.from_s > stay.from_s
            and later.held_s > _FAR_LONGER * stay.held_s
            and self.judge.count(later) >= _OVERTURNED_N
            for later in self.stays
        )

    def _refused(self, stay: Stay) -> bool:
        return stay.held is False and self.limited_at(stay)

    def _sharp(self) -> list[bool]:
        """Which objectives break at once where they break: what a rate limit refuses."""
        limited = {stay.why for stay in self.stays if self._refused(stay)}
        return [k in limited for k in range(len(self.rules))]

    def held(self) -> list[float]:
        """Loads that held and are still believed to."""
        return [
            stay.load
            for stay in self.stays
            if stay.held
            and (not self.failed() or stay.load == self.least or self.posterior.holds(stay.load) > 0.5)
        ]

    def failed(self) -> list[float]:
        """Loads that failed and are still believed to."""
        return [stay.load for stay in self.failures()]

    def failures(self) -> list[Stay]:
        """The stays at them."""
        return [stay for stay in self.stays if stay.held is False and not self._overturned(stay)]

    def interval(self) -> tuple[float, float]:
        """Of the break, 90 % sure."""
        return self.posterior.quantile(0.05), self.posterior.quantile(0.95)

    def bracket(self) -> tuple[float, float]:
        """The largest load that is believed to hold, and the next above it that failed."""
        below = max((load for load in self.held() if load < max(self.failed())), default=0.0)
        return below, min(load for load in self.failed() if load > below)

    def candidate(self, share: float) -> float:
        """A load that can be asked for, at this quantile of the break; below what failed and held no more."""
        judged = [stay for stay in self.stays if stay.held is not None]
        failing = [
            stay.load - self.step(stay.load)
            for k, stay in enumerate(judged)
            if not stay.held and not any(later.held and later.load >= stay.load for later in judged[k:])
        ]
        return max(self.least, self.rounded(min([self.posterior.quantile(share), *failing])))

    def step(self, load: float) -> float:
        """The finest difference of loads that matters."""
        return 1.0 if self.goal.kind == "users" else 0.03 * load

    def zero(self) -> bool:
        """Whether not even the least load holds; not where lower ones than failed have shown otherwise."""
        lowest = self.lowest_failed()
        below = [stay for stay in self.stays if stay.settled and stay.load < lowest.load]
        for k, rule in enumerate(self.rules):
            if self.posterior.holds_alone(k, self.least) >= 0.05:
                continue
            # Latencies broke only far above the least load; now they seem to there: the endpoint changed.
            far = rule.latency and lowest.load > _FAR * self.least
            tallies = [self.judge.tally(stay, k) for stay in below]
            n, bad = sum(n for n, _ in tallies), sum(bad for _, bad in tallies)
            if not far and (n < _SHOWN_N or bad > rule.budget * n):
                return True
        return False

    def keeps_latency(self, load: float) -> bool:
        """Whether a load that a rate limit lets through is likelier than not to keep the other objectives."""
        rules = [k for k, rule in enumerate(self.rules) if rule.latency]
        return all(self.posterior.holds_alone(k, load) >= 0.5 for k in rules)

    @property
    def limited(self) -> bool:
        """Whether it is 429s that stop the lowest load that failed."""
        return self.limited_at(self.lowest_failed())

    def lowest_failed(self) -> Stay:
        """The first stay at the lowest load that failed."""
        return min(self.failures(), key=lambda s: (s.load, s.from_s))

    def confirmed(self, n: int, seconds: float) -> list[float]:
        """Loads that held for long enough with enough verdicts, and are still believed to."""
        loads = []
        for load in sorted(set(self.held())):
            here = [s for s in self.stays if s.load == load and s.held and not s.spoiled]
            if sum(self.judge.count(s) for s in here) >= n and sum(s.held_s for s in here) >= seconds:
                loads.append(load)
        return loads

    def failed_apart(self, seconds: float) -> bool:
        """Whether loads failed at two times, so far apart that it isn't one bad moment."""
        times = [stay.to_s for stay in self.failures()]
        return times[-1] - times[0] >= seconds

    # Small things

    def rounded(self, load: float) -> float:
        """A load that can be asked for."""
        load = min(self.goal.most, load)
        if self.goal.kind == "users":
            return max(1.0, float(math.floor(load + 1e-9)))
        return max(self.least, float(f"{load:.3g}"))

    def called(self, load: float, *, bare: bool = False) -> str:
        """A load in words."""
        if self.goal.kind == "rate":
            return f"{load:.3g}" if bare else f"{load:.3g} requests/s"
        return f"{load:g}" if bare else f"{load:g} user{'' if load == 1 else 's'}"

    def visits(self) -> tuple[Visit, ...]:
        """As a finding tells them."""
        return tuple(as_evidence(s, self.rules, held=s.held) for s in self.stays)
