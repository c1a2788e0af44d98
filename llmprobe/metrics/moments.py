"""The probe's own seconds: what all workers told in each, merged. The lines of series.jsonl, too."""

from msgspec import Struct, field

from llmprobe.core.events import Event, Interval, LoadChanged, WorkerLost
from llmprobe.core.histogram import Histogram, merged


class Moment(Struct, frozen=True):
    """One second, all workers together."""

    at_s: float
    """Its end, since the run's start."""
    text_chunks: int
    itl: Histogram
    target: float
    active: int
    draining: int
    in_flight: int
    backing_off: int
    cpu_share: float
    """Of a core, by the busiest worker."""
    lag_s: float
    """The worst delay of a worker's own loop."""
    stamp_error: Histogram = field(default_factory=Histogram)
    """Against the times that a server on this machine tells."""
    chunk_gaps: Histogram = field(default_factory=Histogram)
    """Gaps between reads that brought text, however many tokens each."""
    starts: dict[int, Histogram] = {}
    """By worker: how late requests of an open load were sent; connecting is left out."""
    idle_share: float = 0.0
    """Of its active users, by the worker where it is highest: could send, and did not."""
    user_s: float = 0.0
    """User-seconds: a second of each user that was there."""
    backed_off_s: float = 0.0
    """Those of them that were spent waiting after a failure."""


class Moments:
    """Folds events, in order, into whole seconds."""

    def __init__(self) -> None:
        self._newest: dict[int, Interval] = {}
        self._parts: list[Interval] = []
        self._users_s = (0.0, 0.0)
        """User-seconds of this second, and those spent backing off."""
        self._target = 0.0
        self._second = 0

    def fold(self, event: Event) -> Moment | None:
        """Take in an event; the second that it closes, if it does."""
        match event:
            case LoadChanged():
                self._target = event.target
            case WorkerLost():
                self._newest.pop(event.worker, None)
            case Interval():
                self._count_users(event)
                self._newest[event.worker] = event
                self._parts.append(event)
                if int(event.at_s) > self._second:
                    return self.close(float(int(event.at_s)))
            case _:
                pass
        return None

    @property
    def quiet(self) -> bool:
        """Whether no worker has a user left."""
        return all(worker.active + worker.draining == 0 for worker in self._newest.values())

    def close(self, at_s: float) -> Moment:
        """The second ends here, with what was told of it."""
        newest, parts, user_s, backed_off_s = self._newest.values(), self._parts, *self._users_s
        self._second, self._parts, self._users_s = int(at_s), [], (0.0, 0.0)
        return Moment(
            at_s=at_s,
            text_chunks=sum(part.text_chunks for part in parts),
            itl=merged(part.itl for part in parts),
            target=self._target,
            active=sum(worker.active for worker in newest),
            draining=sum(worker.draining for worker in newest),
            in_flight=sum(worker.in_flight for worker in newest),
            backing_off=sum(worker.backing_off for worker in newest),
            cpu_share=_worst(parts, "cpu_share"),
            lag_s=max((part.lag_s for part in parts), default=0.0),
            stamp_error=merged(part.stamp_error for part in parts),
            chunk_gaps=merged(part.chunk_gaps for part in parts),
            starts={
                worker: merged(part.starts for part in parts if part.worker == worker)
                for worker in sorted({part.worker for part in parts})
            },
            idle_share=_worst(parts, "idle_share"),
            user_s=user_s,
            backed_off_s=backed_off_s,
        )

    def _count_users(self, event: Interval) -> None:
        """Since the worker's last word as many were there as it tells now."""
        last = self._newest.get(event.worker)
        span_s = max(0.0, event.at_s - last.at_s) if last is not None else 0.0
        there_s, backed_off_s = self._users_s
        there_s += span_s * (event.active + event.draining)
        self._users_s = there_s, backed_off_s + span_s * event.backing_off


def _worst(parts: list[Interval], share: str) -> float:
    """The highest mean share of a worker."""
    by_worker: dict[int, list[float]] = {}
    for part in parts:
        by_worker.setdefault(part.worker, []).append(getattr(part, share))
    return max((sum(shares) / len(shares) for shares in by_worker.values()), default=0.0)
