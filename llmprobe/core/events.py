"""What a worker tells: each a tagged struct, sent in batches of at most 50 ms.

`at_s` is seconds since the run's start on the worker's own monotonic clock.
"""

from typing import Literal

from msgspec import Struct, field

from llmprobe.core.histogram import Histogram
from llmprobe.core.load import LoadKind
from llmprobe.core.rate_limit import RateLimit
from llmprobe.core.record import RequestRecord

UserState = Literal["connecting", "waiting", "streaming", "backing_off", "idle", "starved", "done"]
"""`waiting` for the first token; `idle` until a request of an open load is due; `starved` of a lease."""


class RequestStarted(Struct, frozen=True, tag="started"):
    """A request left for the endpoint."""

    user: int
    index: int
    level_id: int
    at_s: float
    users: int = 0
    prompt_id: str = ""


class FirstToken(Struct, frozen=True, tag="first"):
    """The first event with content arrived; told now, not when the stream ends."""

    user: int
    index: int
    level_id: int
    at_s: float
    ttft_s: float


class RequestFinished(Struct, frozen=True, tag="finished"):
    """A request ended; its record is on disk already."""

    record: RequestRecord
    text: str | None = None
    """What it said, when a screen watches the log (at most 4,000 characters)."""
    unwritten: bool = False
    """The disk refused the record; this event is the only place that holds it."""
    rate_limit: RateLimit | None = None
    """What its answer told of the limits in force; None where it told nothing."""


class LoadChanged(Struct, frozen=True, tag="load"):
    """A load level began: a stage of the plan, or a command."""

    level_id: int
    target: float
    at_s: float
    over_s: float = 0.0
    by: str | None = None
    kind: LoadKind = "users"
    """What the target counts."""


class PlanEnded(Struct, frozen=True, tag="plan_ended"):
    """The last stage of the plan is over."""

    at_s: float


class Interval(Struct, frozen=True, tag="interval"):
    """What happened since the last one, merged."""

    worker: int
    at_s: float
    text_chunks: int
    """Text-carrying events that arrived; not tokens."""
    itl: Histogram
    """Gaps between tokens."""
    active: int
    """Users that may start requests."""
    draining: int
    """Users that were lowered and finish what they have begun."""
    in_flight: int
    backing_off: int
    cpu_share: float
    """Of one core, by the worker process."""
    lag_s: float
    """The worst delay of the worker's own event loop."""
    stamp_error: Histogram = field(default_factory=Histogram)
    """Stamp minus the server's own time of the write, where it tells and both share a clock."""
    chunk_gaps: Histogram = field(default_factory=Histogram)
    """Gaps between reads that brought text, however many tokens each."""
    starts: Histogram = field(default_factory=Histogram)
    """How late requests of an open load were sent, from when they were due."""
    idle_share: float = 0.0
    """Of the active users: could send, and do not. None is idle because the caps leave nothing to start."""
    backing_off_until_s: float | None = None
    """When the longest of the waits after failures is over, while there is one."""


class Row(Struct, frozen=True):
    """One virtual user as a screen shows it."""

    user: int
    state: UserState
    index: int | None
    ttft_s: float | None
    text_chunks: int
    tail: str
    """The end of what it has said so far (at most 160 characters); the whole of it for the followed user."""


class Rows(Struct, frozen=True, tag="rows"):
    """The rows that a screen asked to watch, as far as this worker runs them."""

    rows: tuple[Row, ...]
    followed: Row | None
    follows: int | None = None
    """The user that is followed, whoever runs it."""
    worker: int = 0


class LeaseLow(Struct, frozen=True, tag="lease_low"):
    """A worker asks for more before it runs out; `want` requests would do."""

    worker: int
    want: int


class LeaseReturned(Struct, frozen=True, tag="lease_returned"):
    """Indices that will not be used, as half-open ranges."""

    worker: int
    ranges: tuple[tuple[int, int], ...]


class Drained(Struct, frozen=True, tag="drained"):
    """No request is in flight in this worker and none will start until the load changes."""

    worker: int
    at_s: float


class WorkerLost(Struct, frozen=True, tag="worker_lost"):
    """A worker process died; `taken_over` says whether others run its users now."""

    worker: int
    message: str
    taken_over: bool


class Fault(Struct, frozen=True, tag="fault"):
    """A worker can't go on: its disk is full, its corpus is gone, its process died."""

    worker: int
    message: str
    exit_code: int


Event = (
    RequestStarted
    | FirstToken
    | RequestFinished
    | LoadChanged
    | PlanEnded
    | Interval
    | Rows
    | LeaseLow
    | LeaseReturned
    | Drained
    | WorkerLost
    | Fault
)
