"""Requests by the load at which they started, without those that started while it settled.

A level is settled once as many requests have ended as it has users (twice as many after a fall of the load):
by Little's law N endings take one residence. It waits no longer than 15 s (30 s after a fall). The same fold
serves the live curve and, afterwards, the report.
"""

from bisect import insort

from msgspec import Struct

from llmprobe.core.events import LoadChanged
from llmprobe.core.load import WARMUP_LEVEL, LoadKind
from llmprobe.core.outcome import Outcome
from llmprobe.core.record import RequestRecord
from llmprobe.core.slo import LATENCIES, Slo
from llmprobe.metrics.percentiles import percentiles
from llmprobe.metrics.snapshot import LevelFigures

SETTLE_UP_S = 15.0
SETTLE_DOWN_S = 30.0
TPOT_TOKENS = 8
"""Output tokens from which TPOT is judged."""


def breaks(record: RequestRecord, slos: tuple[Slo, ...]) -> bool | None:
    """Whether a request broke a latency bound or failed; None where it ended by our side before either."""
    ours = not (record.outcome.completed or record.outcome.failed)
    if record.outcome.failed:
        return True
    for slo in slos:
        if slo.metric not in LATENCIES or slo.metric == "itl":
            continue
        value: float | None = getattr(record, f"{slo.metric}_s")
        if slo.metric == "tpot" and (record.output_tokens or 0) < TPOT_TOKENS:
            continue
        if value is None and slo.metric == "ttft" and ours:
            value = record.e2e_s
        if value is not None and value > slo.bound:
            return True
    return None if ours else False


class _Visit:
    """One stay at a level."""

    def __init__(self, change: LoadChanged, fell: bool) -> None:
        self.target = change.target
        self.level_id = change.level_id
        self.start_s = change.at_s + change.over_s
        self.settle_by_s = self.start_s + (SETTLE_DOWN_S if fell else SETTLE_UP_S)
        self.endings_left = max(1, round(change.target)) * (2 if fell else 1)
        self.settled_s: float | None = None
        self.end_s: float | None = None

    def ended(self, at_s: float) -> None:
        """A request ended while the load was this level's."""
        if self.settled_s is None and at_s >= self.start_s:
            self.endings_left -= 1
            if self.endings_left <= 0 or at_s >= self.settle_by_s:
                self.settled_s = min(at_s, self.settle_by_s)

    def counts(self, started_s: float) -> bool:
        """Whether a request that started then is past the settling."""
        if self.settled_s is None:
            return started_s >= self.settle_by_s
        return started_s >= self.settled_s

    def seconds(self, now_s: float) -> float:
        """Spent here after settling."""
        end_s = now_s if self.end_s is None else self.end_s
        settled_s = self.settle_by_s if self.settled_s is None else self.settled_s
        return max(0.0, end_s - settled_s)


class _Place:
    """All visits to one load together."""

    def __init__(self) -> None:
        self.visits: list[_Visit] = []
        self.n = 0
        self.failed = 0
        self.judged = 0
        self.good = 0
        self.settling = 0
        self.output_tokens = 0
        self.ttft_s: list[float] = []
        self.tpot_s: list[float] = []
        self.overdue = 0
        """Requests that still wait for their first token beyond the bound: violations now."""

    def count(self, record: RequestRecord, slos: tuple[Slo, ...]) -> None:
        """A request that started after settling."""
        broke = breaks(record, slos)
        if broke is not None:
            self.judged += 1
            self.good += not broke
        if record.outcome in _OURS:
            return
        self.n += 1
        if record.outcome.failed:
            self.failed += 1
            return
        self.output_tokens += record.output_tokens or 0
        if record.ttft_s is not None:
            insort(self.ttft_s, record.ttft_s)
        if record.tpot_s is not None and (record.output_tokens or 0) >= TPOT_TOKENS:
            insort(self.tpot_s, record.tpot_s)


_OURS = frozenset({Outcome.CANCELLED, Outcome.LOST})


class Settled(Struct, frozen=True):
    """What a record turned out to be."""

    level: bool
    """It belongs to a level (not to the warm-up, nor to a pause)."""
    counts: bool
    """It started after its level had settled."""


class Levels:
    """Folds changes of load and finished requests, in order of their end."""

    def __init__(self, slos: tuple[Slo, ...], kind: LoadKind = "users") -> None:
        self._slos = slos
        self._kind = kind
        self._visits: dict[int, _Visit] = {}
        self._places: dict[float, _Place] = {}
        self._current: _Visit | None = None
        self._last_target = 0.0
        self._ttft_bound_s = min((slo.bound for slo in slos if slo.metric == "ttft"), default=None)

    def change(self, event: LoadChanged) -> None:
        """A level begins; told again by a second worker it changes nothing."""
        if event.level_id in self._visits:
            return
        if self._current is not None:
            self._current.end_s = event.at_s
        visit = _Visit(event, fell=event.target < self._last_target)
        self._visits[event.level_id] = self._current = visit
        self._last_target = event.target
        if event.level_id != WARMUP_LEVEL and event.target > 0:
            self._places.setdefault(event.target, _Place()).visits.append(visit)

    def finish(self, record: RequestRecord) -> Settled:
        """A request ended."""
        if self._current is not None and record.outcome not in _OURS:
            self._current.ended(record.ended_s)
        visit = self._visits.get(record.level_id)
        if visit is None or record.level_id == WARMUP_LEVEL or visit.target <= 0:
            return Settled(level=False, counts=False)
        place = self._places[visit.target]
        if not visit.counts(record.started_s):
            place.settling += 1
            return Settled(level=True, counts=False)
        place.count(record, self._slos)
        return Settled(level=True, counts=True)

    def close(self, at_s: float) -> None:
        """The load is over."""
        if self._current is not None and self._current.end_s is None:
            self._current.end_s = at_s

    def note_overdue(self, waiting: list[tuple[int, float]], now_s: float) -> None:
        """Requests without a first token, as `(level_id, started_s)`: those past the bound are violations."""
        for place in self._places.values():
            place.overdue = 0
        if self._ttft_bound_s is None:
            return
        for level_id, started_s in waiting:
            visit = self._visits.get(level_id)
            late = now_s - started_s > self._ttft_bound_s
            if visit is not None and late and visit.counts(started_s) and visit.target in self._places:
                self._places[visit.target].overdue += 1

    def figures(self, now_s: float) -> tuple[LevelFigures, ...]:
        """By load, lowest first."""
        return tuple(self._figures(target, now_s) for target in sorted(self._places))

    def _figures(self, target: float, now_s: float) -> LevelFigures:
        place = self._places[target]
        seconds = sum(visit.seconds(now_s) for visit in place.visits)
        judged = place.judged + place.overdue
        return LevelFigures(
            users=int(target) if self._kind == "users" else 0,
            rate=target if self._kind == "rate" else None,
            n=place.n,
            settling=place.settling,
            seconds=seconds,
            ttft=percentiles(place.ttft_s),
            tpot=percentiles(place.tpot_s),
            output_tokens_per_s=place.output_tokens / seconds if seconds and place.n else None,
            error_rate=place.failed / place.n if place.n else None,
            goodput=place.good / judged if judged else None,
            visits=len(place.visits),
            current=self._current in place.visits,
        )
