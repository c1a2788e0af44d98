"""What the aggregator knows at one moment: immutable, made a few times a second, read by faces and reports.

Live figures are over the last `WINDOW_S`; a figure without the samples that support it is None.
"""

from msgspec import Struct

from llmprobe.core.events import Row
from llmprobe.core.load import LoadKind
from llmprobe.core.outcome import Outcome
from llmprobe.core.rate_limit import RateLimit

WINDOW_S = 10.0
LOG_LENGTH = 1000


class Percentiles(Struct, frozen=True):
    """Of durations in seconds; a quantile is None below `core.slo.SAMPLES_FOR` samples."""

    n: int = 0
    mean: float | None = None
    p50: float | None = None
    p90: float | None = None
    p95: float | None = None
    p99: float | None = None
    max: float | None = None


class Second(Struct, frozen=True):
    """One second of the recent past; None where nothing was measured."""

    at_s: int
    ttft_p50_s: float | None = None
    ttft_p95_s: float | None = None
    tokens_per_s: float | None = None
    rate_limited_share: float | None = None
    """Of the answers in this second."""
    failed_share: float | None = None
    """Other failures than 429, of the answers in this second."""
    users: float | None = None
    """The load asked for; of the kind that it is now."""


class LevelFigures(Struct, frozen=True):
    """One load level, all visits to it together; only requests that started after settling."""

    users: int
    rate: float | None
    n: int
    """Requests that ended (not cancelled) and count."""
    settling: int
    """Requests kept out because they started while the level settled."""
    seconds: float
    """Spent at the level after settling."""
    ttft: Percentiles
    tpot: Percentiles
    output_tokens_per_s: float | None
    error_rate: float | None
    goodput: float | None
    visits: int = 1
    current: bool = False
    """Whether the run is at this level now."""
    probe_bound: str | None = None
    """Why the probe was the bottleneck here, and what to do; no verdict stands on such a level."""
    probe_cpu_share: float | None = None
    """Of a core, by the busiest worker; None where the level did not last."""
    ttft_p95_around: tuple[float, float] | None = None
    """Where the true p95 lies with 90 % confidence."""


class Finished(Struct, frozen=True):
    """A line of the log of finished completions."""

    index: int
    user: int
    users: int
    at_s: float
    """When it ended, since the run's start."""
    prompt_id: str
    outcome: Outcome
    status: int | None
    ttft_s: float | None
    tpot_s: float | None
    e2e_s: float
    output_tokens: int | None
    error: str | None
    retry_after_s: float | None
    text: str
    """At most 4,000 characters; empty when no screen watched."""


class Snapshot(Struct, frozen=True):
    """See the module docstring. Counts are of the whole run unless they say otherwise."""

    at_s: float = 0.0
    target: float = 0.0
    """What is asked for."""
    kind: LoadKind = "users"
    """What that counts."""
    active: int = 0
    draining: int = 0
    in_flight: int = 0
    backing_off: int = 0
    backing_off_until_s: float | None = None
    """When the longest wait after a failure is over, since the run's start."""
    ended_10s: int = 0
    """Answers (not cancelled) in the window: what the shares below rest on."""
    requests_per_s: float | None = None
    """Completed in the window."""
    ttft: Percentiles = Percentiles()
    """Of first tokens that arrived in the window."""
    tpot: Percentiles = Percentiles()
    """Of requests that completed in the window, from 8 tokens on."""
    tokens_per_s: float | None = None
    tokens_estimated: bool = True
    """No usage was seen yet: text chunks stand in for tokens, shown with `~`."""
    tokens_per_s_per_user: float | None = None
    """1 / median TPOT."""
    rate_limited_share: float | None = None
    server_errors_10s: int = 0
    timeouts_10s: int = 0
    other_failures_10s: int = 0
    seconds: tuple[Second, ...] = ()
    """The last 240 whole seconds, oldest first."""
    levels: tuple[LevelFigures, ...] = ()
    """Those of users, then those of a rate, each by load, lowest first."""
    outcomes: dict[Outcome, int] = {}
    started: int = 0
    completed: int = 0
    failed: int = 0
    cancelled: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    usd: float | None = None
    token_source: str | None = None
    last_error: str | None = None
    """Of the newest failed request."""
    rate_limit: RateLimit | None = None
    """What the newest answer told that tells of its limits."""
    rows: tuple[Row, ...] = ()
    followed: Row | None = None
    log: tuple[Finished, ...] = ()
    """The last `LOG_LENGTH` finished requests, newest first."""
    probe_cpu_share: float = 0.0
    """The busiest worker's share of a core."""
    probe_lag_s: float = 0.0
    probe_bound: str | None = None
    """Why the probe is the bottleneck at the present load, if it is."""
    stamps: dict[str, int] = {}
    """Tokens of the run by what stamped them: kernel, loop, coalesced."""
    stamp_error_p99_s: float | None = None
    """Against the times that a server on this machine tells."""

    @property
    def longest_wait_s(self) -> float:
        """How much longer the user waits that waits longest after a failure."""
        return 0.0 if self.backing_off_until_s is None else max(0.0, self.backing_off_until_s - self.at_s)
