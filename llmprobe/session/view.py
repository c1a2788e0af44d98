"""What a face sees of a session at one moment."""

from enum import StrEnum

from msgspec import Struct

from llmprobe.core.load import FIRST_USERS, LEAST_RATE, LoadKind
from llmprobe.core.scenario import Scenario
from llmprobe.metrics.snapshot import Snapshot
from llmprobe.session.profile import Following
from llmprobe.session.search import Searching


class State(StrEnum):
    """Where a session is. `stopped` can be started again; `failed` and `closed` can't."""

    IDLE = "idle"
    RUNNING = "running"
    STOPPING = "stopping"
    """Nothing new starts; what is in flight finishes."""
    STOPPED = "stopped"
    CAPPED = "capped"
    """A cap (requests or money) is reached: nothing new starts until it is raised."""
    FAILED = "failed"
    CLOSED = "closed"


class View(Struct, frozen=True):
    """Everything the probe screen shows."""

    state: State
    scenario: Scenario
    kind: LoadKind
    """What the load counts that is wanted, in force already or not; a start goes on with it."""
    url: str
    """Where requests really go."""
    model: str
    folder: str
    """The run folder."""
    elapsed_s: float
    """Since the run's start."""
    stale_s: float
    """Since the newest word from the engine; large while running means it hangs."""
    snapshot: Snapshot
    spent_requests: int
    max_requests: int | None
    spent_usd: float | None
    max_usd: float | None
    note: str | None = None
    """One sentence about the newest trouble or cap: what is wrong and what to do."""
    workers: int = 1
    """Worker processes of the engine."""
    endpoint_down: bool = False
    """The last answers all failed to connect."""
    following: Following | None = None
    """A profile that a hand shaped, while it goes on."""
    search: Searching | None = None
    """The autopilot, once it was armed."""

    @property
    def other(self) -> tuple[LoadKind, float]:
        """The other kind of load, about as high as the present one is; where nothing runs a first one."""
        shot = self.snapshot
        if self.kind == "users":
            return "rate", max(LEAST_RATE, round(shot.requests_per_s or 1.0, 1))
        return "users", float(shot.in_flight or FIRST_USERS)
