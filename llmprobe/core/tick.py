"""What a strategy sees and says: one tick in, one action out. The same live and in virtual time.

    Tick -> strategy -> Action: a move, or nothing yet, or a finding

All times are seconds since the run's start.
"""

from msgspec import Struct

from llmprobe.core.finding import Finding
from llmprobe.core.histogram import Histogram
from llmprobe.core.limits import KEEP_FREE
from llmprobe.core.load import LoadKind
from llmprobe.core.rate_limit import RateLimit
from llmprobe.core.record import RequestRecord
from llmprobe.core.request import Ask
from llmprobe.core.slo import Slo


class Goal(Struct, frozen=True):
    """What is searched for: the largest load at which every SLO holds."""

    slos: tuple[Slo, ...]
    """Bounds as the endpoint's clock has them (a simulated one may run faster)."""
    kind: LoadKind = "users"
    most: float = 256
    """The largest load that may ever be tried: users, or requests a second."""
    speed: float = 1.0
    """Divides waits given in seconds: how much faster than real a simulated endpoint's clock runs."""
    keep_free: float = KEEP_FREE
    """The share of a rate limit that clients are to leave to others."""


class OpenRequest(Struct, frozen=True):
    """A request under way."""

    index: int
    level_id: int
    load: float
    """The target when it started."""
    started_s: float
    """When it was sent, or, in an open load, when it was due."""
    first_token_s: float | None = None


class Tick(Struct, frozen=True):
    """The present moment, and all that has happened since the last tick."""

    at_s: float
    load: float
    """The target in force; 0 before the first move."""
    level_id: int
    since_s: float
    """When that level began; its ramp is over `over_s` later."""
    over_s: float
    armed: bool
    """Whether a move will be obeyed. While a hand has the load, what it shows still counts."""
    active: int
    draining: int
    in_flight: int
    open: tuple[OpenRequest, ...]
    """All requests under way now."""
    ended: tuple[RequestRecord, ...]
    """Requests that ended since the last tick, in the order of their ends."""
    itl: Histogram | None = None
    """Gaps between tokens since the last tick, of all requests together."""
    rate_limits: dict[int, RateLimit] = {}
    """What the answers of `ended` told of the limits in force, by the request's index."""
    requests_left: int | None = None
    """Under the cap; None is no cap."""
    bound: str | None = None
    """Why the probe is the bottleneck now, if it is: what it measures then counts for nothing."""


class Move(Struct, frozen=True):
    """Go to a load; new users start spread over `over_s`."""

    load: float
    over_s: float = 0.0
    ask: Ask | None = None
    """What users ask from now on; None is the corpus."""


class Action(Struct, frozen=True):
    """What to do until the next tick; with a finding the search is over and the load goes to 0."""

    says: str
    """What it is doing and why, in a line: "holding 33 users to confirm, 18 of 60 verdicts"."""
    move: Move | None = None
    """None: stay."""
    toward: float | None = None
    """The load it expects to end at, for the ghost mark."""
    finding: Finding | None = None
    idle: dict[str, float] = {}
    """What one user was answered in, as `Finding.idle`, once it is known where it is needed."""
