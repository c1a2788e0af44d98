"""Stays at a load, and what the requests that were sent there show. Fed by ticks, whoever moves the load."""

import math
from collections.abc import Iterable, Iterator

from llmprobe.control.verdicts import Constraint, Verdicts, of_ended, of_open
from llmprobe.core.finding import Visit
from llmprobe.core.load import LoadKind
from llmprobe.core.outcome import TIMEOUTS, Outcome
from llmprobe.core.record import RequestRecord
from llmprobe.core.tick import Tick

_GONE = 0.1
"""The share that may be left of the requests that were under way at a fall."""
_SHUT_N, _SHUT = 8, 0.98
_FULL_TICKS, _FULL = 8, 0.85
_PRIOR_BLOCKS = 4
USUAL = 2.0
"""How much more violations in a row vary than independent ones do: what is believed before it is measured."""
_MOST = 8.0


class Sample:
    """A request, as evidence."""

    __slots__ = ("e2e_s", "outcome", "started_s", "tokens", "tpot_s", "values", "verdicts")

    def __init__(self, started_s: float, verdicts: Verdicts) -> None:
        self.started_s = started_s
        self.verdicts = verdicts
        self.values: tuple[float | None, ...] = ()
        self.outcome: Outcome | None = None
        self.e2e_s = math.nan
        self.tokens = 0
        self.tpot_s: float | None = None

    @property
    def completed(self) -> bool:
        """Whether the answer came whole."""
        return self.outcome is not None and self.outcome.completed


class Stay:
    """One visit: a load from when it was set until the next change."""

    def __init__(
        self,
        tick: Tick,
        *,
        before: "Stay | None",
        by: str,
        kind: LoadKind,
        residence_s: float,
        patience_s: float,
    ) -> None:
        self._kind = kind
        self.load = tick.load
        self.level_id = tick.level_id
        self.by = by
        self.from_s = tick.since_s
        self.to_s = tick.at_s
        self.samples: dict[int, Sample] = {}
        self.spoiled = False
        """Whether the probe was the bottleneck at some time."""
        self.held: bool | None = None
        self.why = 0
        """Which constraint failed."""
        self.streaming = 0.0
        """Answers under way that had begun, at the most."""
        self.fell = before is not None and before.load > self.load
        self._left_over: int | None = None
        self._anew = False
        """Whether it began to count a second time."""
        self._ramp_s = tick.over_s
        self._residence_s = residence_s
        self._patience_s = patience_s
        self.settled_s = math.inf
        self._in_flight: list[int] = []
        """At each tick since it settled, without what is about to be refused."""
        self.refused_s = 0.0
        """The longest that a refusal took."""

        self._tallies: dict[tuple[int, float, float, bool], tuple[int, float]] = {}
        """What was counted since the last request was told."""

    def take(self, tick: Tick, rules: tuple[Constraint, ...]) -> None:
        """The requests of this level that the tick tells of."""
        self.to_s = tick.at_s
        self._tallies.clear()
        self.spoiled |= tick.bound is not None
        for request in tick.open:
            if request.level_id == self.level_id:
                verdicts = of_open(rules, request, tick.at_s)
                if (sample := self.samples.get(request.index)) is None:
                    self.samples[request.index] = Sample(request.started_s, verdicts)
                else:
                    sample.verdicts = verdicts
        begun = sum(request.first_token_s is not None for request in tick.open)
        self.streaming = max(self.streaming, float(begun))
        if self.settled_s == math.inf:
            self._settle(tick)
        elif tick.at_s >= self.settled_s:
            young = (
                one.first_token_s is None and tick.at_s - one.started_s <= self.refused_s for one in tick.open
            )
            self._in_flight.append(tick.in_flight - sum(young))

    def end(self, record: RequestRecord, rules: tuple[Constraint, ...]) -> None:
        """A request of this level ended."""
        self._tallies.clear()
        due_s = record.started_s if record.scheduled_s is None else record.scheduled_s
        sample = self.samples.setdefault(record.index, Sample(due_s, ()))
        sample.verdicts = of_ended(rules, record)
        sample.values = tuple(rule.value(record) for rule in rules)
        sample.outcome = record.outcome
        sample.e2e_s = record.e2e_s
        sample.tokens = record.output_tokens or 0
        sample.tpot_s = record.tpot_s
        if record.outcome is Outcome.RATE_LIMITED:
            self.refused_s = max(self.refused_s, record.e2e_s)

    def _settle(self, tick: Tick) -> None:
        """After a rise, with its ramp; after a fall, once those are gone who were too many.

        At a rate there is no such number: there it takes until hardly a request is left that was sent before.
        """
        if not self.fell:
            self.settled_s = self.from_s + self._ramp_s
            return
        gone = tick.in_flight <= self.load
        if self._kind == "rate":
            old = sum(request.level_id != self.level_id for request in tick.open)
            if self._left_over is None:
                self._left_over = max(old, 1)
            gone = old <= _GONE * self._left_over
        gone &= tick.at_s >= self.from_s + self._residence_s / 2
        if gone or tick.at_s >= self.from_s + self._patience_s:
            self.settled_s = tick.at_s

    def lingers(self, seconds: float) -> bool:
        """Whether what fails here may be what a fall left behind; after so long it counts anew, once."""
        if not self.fell or self._anew:
            return False
        if self.held_s >= seconds:
            self._anew = True
            self.settled_s = self.to_s
        return True

    @property
    def settled(self) -> bool:
        """Whether what is sent now counts."""
        return self.to_s >= self.settled_s

    @property
    def held_s(self) -> float:
        """How long it has lasted since it settled."""
        return max(0.0, self.to_s - self.settled_s)

    @property
    def in_flight(self) -> float | None:
        """On average since it settled; of a short stay, in the later half."""
        long = self.held_s >= self._patience_s
        late = self._in_flight if long else self._in_flight[len(self._in_flight) // 2 :]
        return sum(late) / len(late) if late else None

    @property
    def full(self) -> int | None:
        """A cap on what is under way, if about as many were nearly all the time; None for no such thing."""
        most = max(self._in_flight, default=0)
        if len(self._in_flight) < _FULL_TICKS:
            return None
        near = sum(count >= most - 1 - most // 16 for count in self._in_flight)
        return most if near >= _FULL * len(self._in_flight) else None

    @property
    def shut(self) -> bool:
        """Whether nearly everything of late was refused: a limit whose window has not passed yet."""
        since_s, few = (self.settled_s, 2) if self.fell else ((self.settled_s + self.to_s) / 2, _SHUT_N)
        n, refused = self.refused(since_s)
        return n >= few and refused >= _SHUT * n

    @property
    def grew(self) -> bool:
        """Whether what is in flight kept growing: a queue without end."""
        third = len(self._in_flight) // 3
        early, late = self._in_flight[:third], self._in_flight[-third:] if third else []
        return third >= 2 and sum(late) > 1.3 * sum(early)

    def counting(self) -> Iterator[Sample]:
        """Those that were sent after it settled."""
        return (sample for sample in self.samples.values() if sample.started_s >= self.settled_s)

    def tally(self, rule: int, bound_s: float, *, ramping: bool = False) -> tuple[int, float]:
        """Verdicts and violations of a constraint; with `bound_s`, of requests older than that alone.

        A request that is younger could have shown only a pass: to count it would flatter.
        """
        key = (rule, bound_s, self.settled_s, ramping)
        if (known := self._tallies.get(key)) is not None:
            return known
        n, violations = 0, 0.0
        by_s = self.to_s - bound_s
        for sample in self.samples.values():
            if sample.started_s <= by_s and (ramping or sample.started_s >= self.settled_s):
                verdict = sample.verdicts[rule]
                if verdict is not None:
                    n += 1
                    violations += verdict
        self._tallies[key] = n, violations
        return n, violations

    def refused(self, since_s: float) -> tuple[int, int]:
        """Of the requests sent since then that ended, how many there are, and how many got a 429."""
        outcomes = [s.outcome for s in self.counting() if s.started_s >= since_s and s.outcome is not None]
        return len(outcomes), outcomes.count(Outcome.RATE_LIMITED)

    def values(self, rule: int) -> list[float]:
        """What the requests that count showed of a bounded duration."""
        return sorted(
            value
            for sample in self.counting()
            if sample.values and (value := sample.values[rule]) is not None
        )

    def dispersion(self, rule: int, usual: float = USUAL) -> float:
        """How much more the violations vary than independent ones would: Pearson's, over blocks in time."""
        verdicts = [
            sample.verdicts[rule]
            for sample in sorted(self.counting(), key=lambda sample: sample.started_s)
            if sample.verdicts[rule] is not None
        ]
        return dispersion([v for v in verdicts if v is not None], max(4, round(self.load)), usual)

    def pace(self) -> list[float]:
        """Time per token of the answers that count."""
        return [pace_s for _, pace_s in self.paced()]

    def paced(self) -> list[tuple[float, float]]:
        """The same, with when each was asked for."""
        return [(s.started_s, s.tpot_s) for s in self.counting() if s.completed and s.tpot_s is not None]

    def completed(self) -> tuple[int, int]:
        """Answers and output tokens that came since it settled, whenever they were asked for."""
        came = [s for s in self.samples.values() if s.completed and s.started_s + s.e2e_s >= self.settled_s]
        return len(came), sum(sample.tokens for sample in came)

    def ended(self) -> list[Sample]:
        """The requests of it that came to an end, those of the ramp too."""
        return [sample for sample in self.samples.values() if sample.outcome is not None]


def dispersion(verdicts: list[float], block: int, usual: float = USUAL) -> float:
    """Pearson's chi-square a degree of freedom, drawn toward what is usual."""
    share = sum(verdicts) / len(verdicts) if verdicts else 0.0
    blocks = [verdicts[k : k + block] for k in range(0, len(verdicts) - block + 1, block)]
    if len(blocks) < 2 or not 0 < share < 1:
        return usual
    chi = sum((sum(b) - len(b) * share) ** 2 / (len(b) * share * (1 - share)) for b in blocks)
    return min(max((usual * _PRIOR_BLOCKS + chi) / (_PRIOR_BLOCKS + len(blocks) - 1), 1.0), _MOST)


def limited_share(samples: Iterable[Sample]) -> float:
    """Of the failures, how many were 429s; a timeout is a queue's doing, and no rival of theirs."""
    ended = [sample.outcome for sample in samples if sample.outcome is not None]
    failed = [outcome for outcome in ended if outcome.failed and outcome not in TIMEOUTS]
    return failed.count(Outcome.RATE_LIMITED) / len(failed) if failed else 0.0


def as_evidence(stay: Stay, rules: tuple[Constraint, ...], *, held: bool | None) -> Visit:
    """A stay as a finding tells it."""
    tallies = [stay.tally(k, rule.slo.bound if rule.latency else 0.0) for k, rule in enumerate(rules)]
    violations = {
        rule.name: round(count) for rule, (_, count) in zip(rules, tallies, strict=True) if count > 0
    }
    return Visit(stay.load, stay.from_s, stay.to_s, max(n for n, _ in tallies), violations, held, stay.by)
