"""Folds events into the ticks that a strategy steps on, request by request. Pure."""

from collections.abc import Iterable

from msgspec.structs import replace

from llmprobe.core.events import (
    Event,
    FirstToken,
    Interval,
    LoadChanged,
    RequestFinished,
    RequestStarted,
    WorkerLost,
)
from llmprobe.core.histogram import Histogram
from llmprobe.core.load import WARMUP_LEVEL
from llmprobe.core.rate_limit import RateLimit
from llmprobe.core.record import RequestRecord
from llmprobe.core.tick import OpenRequest, Tick

_NO_LOAD = LoadChanged(WARMUP_LEVEL, 0.0, 0.0)
"""In force before the first change."""


class Ticks:
    """`fold` what happened, then ask for the `tick`; what one tick told as ended, the next doesn't."""

    def __init__(self) -> None:
        self._change = _NO_LOAD
        self._loads: dict[int, float] = {}
        """Targets by level: each worker tells of a level, one sooner than the other."""
        self._open: dict[int, OpenRequest] = {}
        self._ended: list[RequestRecord] = []
        self._rate_limits: dict[int, RateLimit] = {}
        self._itl = Histogram()
        self._intervals: dict[int, Interval] = {}

    def fold(self, events: Iterable[Event]) -> None:
        """Take in a batch, in order."""
        for event in events:
            match event:
                case RequestStarted():
                    load = self._loads.get(event.level_id, self._change.target)
                    self._open[event.index] = OpenRequest(event.index, event.level_id, load, event.at_s)
                case FirstToken():
                    if (request := self._open.get(event.index)) is not None:
                        first_s = request.started_s + event.ttft_s
                        self._open[event.index] = replace(request, first_token_s=first_s)
                case RequestFinished():
                    self._finish(event)
                case Interval():
                    self._intervals[event.worker] = event
                    self._itl.merge(event.itl)
                case LoadChanged():
                    if event.level_id not in self._loads:
                        self._loads[event.level_id] = event.target
                        self._change = event
                case WorkerLost():
                    self._intervals.pop(event.worker, None)
                case _:
                    pass

    def tick(
        self, at_s: float, *, armed: bool = True, requests_left: int | None = None, bound: str | None = None
    ) -> Tick:
        """Everything as of `at_s`, seconds since the run's start."""
        ended, self._ended = self._ended, []
        rate_limits, self._rate_limits = self._rate_limits, {}
        itl, self._itl = self._itl, Histogram()
        change, newest = self._change, self._intervals.values()
        return Tick(
            at_s=at_s,
            load=change.target,
            level_id=change.level_id,
            since_s=change.at_s,
            over_s=change.over_s,
            armed=armed,
            active=sum(interval.active for interval in newest),
            draining=sum(interval.draining for interval in newest),
            in_flight=len(self._open),
            open=tuple(self._open.values()),
            ended=tuple(ended),
            itl=itl if itl.count else None,
            rate_limits=rate_limits,
            requests_left=requests_left,
            bound=bound,
        )

    def _finish(self, event: RequestFinished) -> None:
        index = event.record.index
        self._open.pop(index, None)
        self._ended.append(event.record)
        if event.rate_limit is not None:
            self._rate_limits[index] = event.rate_limit
