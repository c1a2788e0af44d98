"""Requests by the load at which they started, without those that started while it settled.

A level is settled once as many requests have ended as are in flight at it: by Little's law that takes one
residence. At a number of users it is that number; at a rate, the rate times the mean time of what ended.
After a fall of the load it is twice as many, since users leave only after their request. It waits no longer
than 15 s (30 s after a fall). The same fold serves the live curve and, afterwards, the report.
"""

import math
from collections.abc import Iterable

from llmprobe.core.events import LoadChanged
from llmprobe.core.histogram import Histogram, merged
from llmprobe.core.load import WARMUP_LEVEL, LoadKind
from llmprobe.core.outcome import Outcome
from llmprobe.core.record import RequestRecord
from llmprobe.core.slo import LATENCIES, Slo
from llmprobe.metrics.health import Health
from llmprobe.metrics.moments import Moment
from llmprobe.metrics.ordered import Ordered
from llmprobe.metrics.snapshot import LevelFigures

SETTLE_UP_S = 15.0
SETTLE_DOWN_S = 30.0
RATED_FROM_S = 3.0
"""Time at a level from which its tokens a second are told: answers come whole, and in bursts."""
TPOT_TOKENS = 8
"""Output tokens from which TPOT is judged."""
_OURS = frozenset({Outcome.CANCELLED, Outcome.LOST})


def breaks(record: RequestRecord, slos: tuple[Slo, ...]) -> bool | None:
    """Whether a request broke a latency bound or failed; None where it ended by our side before either.

    Gaps between tokens have no figure of one request, so an ITL bound is not among them.
    """
    ours = record.outcome in _OURS
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


class _Place:
    """All visits to one load together."""

    def __init__(self, health: Health) -> None:
        self.health = health
        self.visits: list[_Visit] = []
        self.n = 0
        self.failed = 0
        self.judged = 0
        self.good = 0
        self.settling = 0
        self.output_tokens = 0
        """Of requests that ended here, wherever they started: what goes out in a time, not what comes in."""
        self.ttft_s = Ordered()
        self.tpot_s = Ordered()
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
        self.health.finish(record)
        if record.outcome.failed:
            self.failed += 1
            return
        if record.ttft_s is not None:
            self.ttft_s.add(record.ttft_s)
        if record.tpot_s is not None and (record.output_tokens or 0) >= TPOT_TOKENS:
            self.tpot_s.add(record.tpot_s)


class _Visit:
    """One stay at a load; `place` is None for the warm-up and for a pause."""

    def __init__(self, change: LoadChanged, *, fell: bool, place: _Place | None) -> None:
        self.kind = change.kind
        self.target = change.target
        self.start_s = change.at_s + change.over_s
        self.end_s: float | None = None
        self.place = place
        self._residences = 2 if fell else 1
        self._settle_by_s = self.start_s + (SETTLE_DOWN_S if fell else SETTLE_UP_S)
        self._settled_s: float | None = None
        self._ended = 0
        self._took_s = 0.0

    @property
    def settled_s(self) -> float:
        """When it is settled, or at the latest will be."""
        return self._settle_by_s if self._settled_s is None else self._settled_s

    def ended(self, record: RequestRecord) -> None:
        """A request ended while the load was this one, and not by our side."""
        at_s = record.ended_s
        if self.place is not None and at_s > self.settled_s:
            self.place.output_tokens += record.output_tokens or 0
        if self._settled_s is None and at_s >= self.start_s:
            self._ended += 1
            self._took_s += record.e2e_s
            if self._ended >= self._residences * self._in_flight() or at_s >= self._settle_by_s:
                self._settled_s = min(at_s, self._settle_by_s)

    def seconds(self, now_s: float) -> float:
        """Spent here after settling."""
        return max(0.0, (now_s if self.end_s is None else self.end_s) - self.settled_s)

    def _in_flight(self) -> float:
        return self.target if self.kind == "users" else self.target * self._took_s / self._ended


class Levels:
    """Folds changes of load and finished requests, in order of their end."""

    def __init__(
        self,
        slos: tuple[Slo, ...],
        speed: float = 1.0,
        max_users: float = math.inf,
    ) -> None:
        """`slos` are scaled to an endpoint whose clock runs `speed` times faster than real.

        They may be set anew, once the bounds relative to one user are known.
        """
        self.slos = slos
        self._speed = speed
        self._max_users = max_users
        self._visits: dict[int, _Visit] = {}
        self._places: dict[tuple[LoadKind, float], _Place] = {}
        self._current: _Visit | None = None

    def change(self, event: LoadChanged) -> bool:
        """A level begins; false when another worker told of it already."""
        if event.level_id in self._visits:
            return False
        before = self._current
        # Whether the other kind of load is less nobody knows; the longer time to settle is the safe one.
        fell = before is not None and (
            event.target < before.target if event.kind == before.kind else before.target > 0
        )
        self.close(event.at_s)
        place = None
        if event.level_id != WARMUP_LEVEL and event.target > 0:
            place = self._places.get((event.kind, event.target))
            if place is None:
                place = _Place(Health(self.slos, self._speed, self._max_users))
                self._places[event.kind, event.target] = place
        visit = _Visit(event, fell=fell, place=place)
        if place is not None:
            place.visits.append(visit)
        self._visits[event.level_id] = self._current = visit
        return True

    def finish(self, record: RequestRecord) -> bool:
        """A request ended; whether it counts: it started at a level, after that had settled."""
        if self._current is not None and record.outcome not in _OURS:
            self._current.ended(record)
        visit = self._visits.get(record.level_id)
        if visit is None or visit.place is None:
            return False
        if record.started_s < visit.settled_s:
            visit.place.settling += 1
            return False
        visit.place.count(record, self.slos)
        return True

    def observe(self, moment: Moment) -> None:
        """A second of the probe's is over; it counts where all that ended in it has been folded."""
        visit, middle_s = self._current, moment.at_s - 0.5
        if visit is None or visit.place is None or middle_s < visit.settled_s:
            return
        if visit.end_s is None or middle_s <= visit.end_s:
            visit.place.health.observe(moment)

    @property
    def bound(self) -> str | None:
        """Why the probe is the bottleneck at the present load, if it is."""
        place = self._current.place if self._current is not None else None
        return None if place is None else place.health.why()

    def close(self, at_s: float) -> None:
        """The present level is over."""
        if self._current is not None and self._current.end_s is None:
            self._current.end_s = at_s

    def note_overdue(self, waiting: Iterable[tuple[int, float]], now_s: float) -> None:
        """Requests without a first token, as `(level_id, started_s)`: those past the bound are violations."""
        for place in self._places.values():
            place.overdue = 0
        bound_s = min((slo.bound for slo in self.slos if slo.metric == "ttft"), default=None)
        if bound_s is None:
            return
        for level_id, started_s in waiting:
            visit = self._visits.get(level_id)
            if visit is None or visit.place is None or now_s - started_s <= bound_s:
                continue
            visit.place.overdue += started_s >= visit.settled_s

    def figures(self, now_s: float) -> tuple[LevelFigures, ...]:
        """Those of users, then those of a rate, each by load, lowest first."""
        loads = sorted(self._places, key=lambda load: (load[0] == "rate", load[1]))
        return tuple(self._figures(kind, target, now_s) for kind, target in loads)

    @property
    def itl(self) -> Histogram:
        """Gaps between tokens in the settled time of all visits."""
        return merged(place.health.itl for place in self._places.values())

    @property
    def chunk_gaps(self) -> Histogram:
        """Gaps between reads that brought text, in the same time."""
        return merged(place.health.chunk_gaps for place in self._places.values())

    def _figures(self, kind: LoadKind, target: float, now_s: float) -> LevelFigures:
        place = self._places[kind, target]
        seconds = math.fsum(visit.seconds(now_s) for visit in place.visits)
        judged = place.judged + place.overdue
        rated = seconds >= RATED_FROM_S / self._speed
        return LevelFigures(
            users=int(target) if kind == "users" else 0,
            rate=target if kind == "rate" else None,
            n=place.n,
            settling=place.settling,
            seconds=seconds,
            ttft=place.ttft_s.percentiles(),
            tpot=place.tpot_s.percentiles(),
            output_tokens_per_s=place.output_tokens / seconds if rated and place.n else None,
            error_rate=place.failed / place.n if place.n else None,
            goodput=place.good / judged if judged else None,
            visits=len(place.visits),
            current=self._current is not None and self._current.place is place,
            probe_bound=place.health.why(),
            probe_cpu_share=place.health.cpu_share,
            ttft_p95_around=place.ttft_s.around("p95"),
        )
