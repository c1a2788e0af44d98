"""Folds a run's events into what a face shows of it. Pure, and the only writer of snapshots.

Live figures are over the last `WINDOW_S`; early in a run, over what there was of it.
"""

import math
from collections import Counter, deque
from collections.abc import Iterable, Mapping

from llmprobe.core.events import (
    Event,
    FirstToken,
    Interval,
    LoadChanged,
    RequestFinished,
    RequestStarted,
    Row,
    Rows,
    WorkerLost,
)
from llmprobe.core.histogram import Histogram
from llmprobe.core.load import WARMUP_LEVEL
from llmprobe.core.outcome import TIMEOUTS, Outcome
from llmprobe.core.rate_limit import RateLimit
from llmprobe.core.record import RequestRecord
from llmprobe.core.slo import Slo
from llmprobe.metrics.levels import TPOT_TOKENS, Levels
from llmprobe.metrics.moments import Moments
from llmprobe.metrics.percentiles import percentiles
from llmprobe.metrics.recent import Recent
from llmprobe.metrics.seconds import Seconds
from llmprobe.metrics.snapshot import LOG_LENGTH, WINDOW_S, Finished, Snapshot
from llmprobe.metrics.worth import ChunkWorth

_NO_LOAD = LoadChanged(WARMUP_LEVEL, 0.0, 0.0)
"""In force before the first change."""


class _Open:
    """A request under way."""

    __slots__ = ("level_id", "started_s", "waiting")

    def __init__(self, level_id: int, started_s: float) -> None:
        self.level_id = level_id
        self.started_s = started_s
        self.waiting = True


class Aggregator:
    """`fold` what happened, ask for a `snapshot` a few times a second."""

    def __init__(
        self,
        slos: tuple[Slo, ...],
        speed: float = 1.0,
        max_users: float = math.inf,
    ) -> None:
        self._levels = Levels(slos, speed, max_users)
        self._moments = Moments()
        self._ttft = Recent[float]()
        self._tpot = Recent[float]()
        self._answers = Recent[Outcome]()
        self._chunks = Recent[float]()
        self._seconds = Seconds()
        self._intervals: dict[int, Interval] = {}
        self._rows: dict[int, tuple[Row, ...]] = {}
        self._followed: Row | None = None
        self._open: dict[int, _Open] = {}
        self._log: deque[Finished] = deque(maxlen=LOG_LENGTH)
        self._outcomes: Counter[Outcome] = Counter()
        self._sources: Counter[str] = Counter()
        self._worth = ChunkWorth()
        self._stamps: Counter[str] = Counter()
        self._stamp_error = Histogram()
        self._input_tokens = 0
        self._output_tokens = 0
        self._usd: float | None = None
        self._started = 0
        self._load = _NO_LOAD
        self._last_error: str | None = None
        self._rate_limit: RateLimit | None = None

    def measured(self, idle: Mapping[str, float]) -> None:
        """What one user alone was answered in is known: from now on objectives relative to that count."""
        self._levels.slos = tuple(slo.measured(idle) for slo in self._levels.slos)

    def fold(self, events: Iterable[Event]) -> None:
        """Take in a batch, in order."""
        for event in events:
            self._watch_probe(event)
            match event:
                case FirstToken():
                    self._first_token(event)
                case RequestStarted():
                    self._started += 1
                    self._open[event.index] = _Open(event.level_id, event.at_s)
                case RequestFinished():
                    self._finish(event.record, event.text or "")
                    self._rate_limit = event.rate_limit or self._rate_limit
                case Interval():
                    self._intervals[event.worker] = event
                    self._stamp_error.merge(event.stamp_error)
                    self._chunks.add(event.at_s, event.text_chunks)
                    self._seconds.chunks(event.at_s, event.text_chunks)
                case LoadChanged():
                    if self._levels.change(event):
                        self._load = event
                        self._seconds.load(event)
                case Rows():
                    self._take_rows(event)
                case WorkerLost():
                    self._intervals.pop(event.worker, None)
                    self._rows.pop(event.worker, None)
                case _:
                    pass

    def snapshot(self, at_s: float) -> Snapshot:
        """Everything as of `at_s`, seconds since the run's start."""
        for recent in (self._ttft, self._tpot, self._answers, self._chunks):
            recent.forget_before(at_s - WINDOW_S)
        span_s = min(max(at_s, 1e-9), WINDOW_S)
        self._levels.note_overdue(((o.level_id, o.started_s) for o in self._open.values() if o.waiting), at_s)
        counts = Counter(self._answers.values)
        answers = sum(counts.values())
        newest = self._intervals.values()
        tokens_per_s = (
            sum(self._chunks.values) * self._worth.tokens_per_chunk / span_s if self._started else None
        )
        tpot = percentiles(self._tpot.values)
        timeouts = sum(counts[outcome] for outcome in TIMEOUTS)
        waits = (interval.backing_off_until_s for interval in newest)
        limited, server = counts[Outcome.RATE_LIMITED], counts[Outcome.SERVER_ERROR]
        return Snapshot(
            at_s=at_s,
            target=self._load.target,
            kind=self._load.kind,
            active=sum(interval.active for interval in newest),
            draining=sum(interval.draining for interval in newest),
            in_flight=len(self._open),
            backing_off=sum(interval.backing_off for interval in newest),
            backing_off_until_s=max((until_s for until_s in waits if until_s is not None), default=None),
            ended_10s=answers,
            requests_per_s=_completed(counts) / span_s if self._started else None,
            ttft=percentiles(self._ttft.values),
            tpot=tpot,
            tokens_per_s=tokens_per_s,
            tokens_estimated=not self._worth.known,
            tokens_per_s_per_user=1 / tpot.p50 if tpot.p50 else None,
            rate_limited_share=limited / answers if answers else None,
            server_errors_10s=server,
            timeouts_10s=timeouts,
            other_failures_10s=_failed(counts) - limited - server - timeouts,
            seconds=self._seconds.until(at_s, self._worth.tokens_per_chunk),
            levels=self._levels.figures(at_s),
            outcomes=dict(self._outcomes),
            started=self._started,
            completed=_completed(self._outcomes),
            failed=_failed(self._outcomes),
            cancelled=self._outcomes[Outcome.CANCELLED],
            input_tokens=self._input_tokens,
            output_tokens=self._output_tokens,
            usd=self._usd,
            token_source="+".join(sorted(self._sources)) or None,
            last_error=self._last_error,
            rate_limit=self._rate_limit,
            rows=tuple(sorted((r for rows in self._rows.values() for r in rows), key=lambda row: row.user)),
            followed=self._followed,
            log=tuple(self._log),
            probe_cpu_share=max((interval.cpu_share for interval in newest), default=0.0),
            probe_lag_s=max((interval.lag_s for interval in newest), default=0.0),
            probe_bound=self._levels.bound,
            stamps=dict(self._stamps),
            stamp_error_p99_s=self._stamp_error.quantile(0.99),
        )

    @property
    def bound(self) -> str | None:
        """Why the probe is the bottleneck at the present load, if it is."""
        return self._levels.bound

    def _watch_probe(self, event: Event) -> None:
        if (moment := self._moments.fold(event)) is not None:
            self._levels.observe(moment)

    def _first_token(self, event: FirstToken) -> None:
        self._ttft.add(event.at_s, event.ttft_s)
        self._seconds.first_token(event.at_s, event.ttft_s)
        if (open_ := self._open.get(event.index)) is not None:
            open_.waiting = False

    def _finish(self, record: RequestRecord, text: str) -> None:
        self._open.pop(record.index, None)
        self._outcomes[record.outcome] += 1
        self._count_tokens(record)
        self._stamps.update(record.stamps)
        self._levels.finish(record)
        self._log.appendleft(_line(record, text))
        if record.outcome in {Outcome.CANCELLED, Outcome.LOST}:
            return
        at_s = record.ended_s
        self._answers.add(at_s, record.outcome)
        self._seconds.answer(at_s, record.outcome)
        if record.outcome.failed:
            self._last_error = record.error or record.outcome.value
            return
        if record.tpot_s is not None and (record.output_tokens or 0) >= TPOT_TOKENS:
            self._tpot.add(at_s, record.tpot_s)

    def _count_tokens(self, record: RequestRecord) -> None:
        self._input_tokens += record.input_tokens or 0
        self._output_tokens += record.output_tokens or 0
        if record.token_source is not None:
            self._sources[record.token_source] += 1
        self._worth.add(record)
        if record.usd is not None:
            self._usd = (self._usd or 0.0) + record.usd

    def _take_rows(self, event: Rows) -> None:
        self._rows[event.worker] = event.rows
        if event.followed is not None:
            self._followed = event.followed
        elif self._followed is not None and event.follows is None:
            self._followed = None


def _completed(outcomes: Counter[Outcome]) -> int:
    return sum(n for outcome, n in outcomes.items() if outcome.completed)


def _failed(outcomes: Counter[Outcome]) -> int:
    return sum(n for outcome, n in outcomes.items() if outcome.failed)


def _line(record: RequestRecord, text: str) -> Finished:
    return Finished(
        index=record.index, user=record.user, users=record.users, at_s=record.ended_s,
        prompt_id=record.prompt_id, outcome=record.outcome, status=record.status, ttft_s=record.ttft_s,
        tpot_s=record.tpot_s, e2e_s=record.e2e_s, output_tokens=record.output_tokens, error=record.error,
        retry_after_s=record.retry_after_s, text=text,
    )  # fmt: skip
