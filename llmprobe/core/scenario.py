"""A scenario: everything a run needs to be done again. A default is what a file without the key means."""

from typing import Any, Literal

from msgspec import Struct

from llmprobe.core.limits import KEEP_FREE
from llmprobe.core.load import Load
from llmprobe.core.slo import DEFAULT_SLOS, Slo
from llmprobe.core.units import format_duration

Cache = Literal["cold", "warm"]
RetryAfter = Literal["obey", "ignore"]
DEFAULT_MAX_TOKENS = 256
MAPPING = "limits"
"""The strategy that looks for rate limits rather than for a capacity."""
DEFAULT_DIALECT = "openai-chat"
"""What nearly everyone speaks: taken where nothing tells."""


class Timeouts(Struct, frozen=True):
    """Seconds. `stall_s` is the longest gap between tokens, `total_s` the longest request."""

    connect_s: float = 5.0
    first_token_s: float = 30.0
    stall_s: float = 30.0
    total_s: float = 300.0


class Endpoint(Struct, frozen=True):
    """Where requests go and what each carries. `url` may be `sim:PRESET`."""

    url: str
    dialect: str | None = None
    """None: guessed from the address, and by asking it for its models."""
    model: str | None = None
    """None: asked of the endpoint, the first it names."""
    api_key_env: str | None = None
    """The name of an environment variable, never a key."""
    headers: dict[str, str] = {}
    body: dict[str, Any] = {}
    """Merged into each request as it is."""
    connection: str = "keep"
    """`keep`, `per-request` or `max-age 30s`."""
    timeouts: Timeouts = Timeouts()
    cacert: str | None = None
    insecure: bool = False
    http2: bool = False
    """Speak HTTP/2. It takes the slower of the two transports, whose stamps are not the kernel's."""


class Prompts(Struct, frozen=True):
    """What is asked."""

    corpus: str = "mixed"
    """A shipped corpus by name; with a slash or a suffix a file, relative to the scenario's."""
    sha256: str | None = None
    """Of the corpus file; a replay on another is refused."""
    cache: Cache = "cold"
    max_tokens: int | None = DEFAULT_MAX_TOKENS


class Retry(Struct, frozen=True):
    """How long a user waits after a failure before its next request; the failed one is never sent again."""

    retry_after: RetryAfter = "obey"
    """Whether the server's `Retry-After` is what it waits."""
    first_s: float = 0.25
    """Else this long at first, doubled with each failure in a row; 0 is not at all."""
    longest_s: float = 10.0

    def __str__(self) -> str:
        """For a person."""
        obeyed = "Retry-After is obeyed" if self.retry_after == "obey" else "Retry-After is ignored"
        if not self.first_s:
            return f"{obeyed}; else nobody waits"
        first, longest = format_duration(self.first_s), format_duration(self.longest_s)
        return f"{obeyed}; else {first}, doubled up to {longest}"


class Autopilot(Struct, frozen=True):
    """Find the breaking point, or map the rate limits, again, rather than repeat the stages."""

    strategy: str = "knee"
    keep_free: float = KEEP_FREE
    """The share of a rate limit that clients are told to leave to others."""

    @property
    def maps_limits(self) -> bool:
        """Whether rate limits are looked for, by prompts made up for that."""
        return self.strategy == MAPPING


class Stop(Struct, frozen=True):
    """Caps; None is no cap."""

    duration_s: float | None = None
    max_requests: int | None = None
    max_usd: float | None = None


class Prices(Struct, frozen=True):
    """Dollars a million tokens."""

    input: float
    output: float
    cached_input: float | None = None


class Baseline(Struct, frozen=True):
    """Figures of a reference run, by the names `TABLE_QUANTILE_s` of result.json, and what may be lost."""

    figures: dict[str, float]
    tolerance: float = 0.10


class Scenario(Struct, frozen=True):
    """One run, reproducible: the prompt of draw k depends on `seed` and k alone."""

    endpoint: Endpoint
    name: str = "probe"
    seed: int = 0
    slo: tuple[Slo, ...] = DEFAULT_SLOS
    prompts: Prompts = Prompts()
    load: Load = Load()
    autopilot: Autopilot | None = None
    retry: Retry = Retry()
    stop: Stop = Stop()
    prices: Prices | None = None
    baseline: Baseline | None = None

    def without_idle(self) -> str | None:
        """Why its stages can't tell an objective relative to one user, if there is such a one; for people."""
        relative = next((slo for slo in self.slo if slo.unmeasured), None)
        load = self.load
        alone = any(stage.to == 1 and load.kind_of(stage) == "users" for stage in load.stages)
        if relative is None or alone or not self.load.stages:
            return None
        return (
            f"'{relative}' is relative to one user, and no stage is of one; add {{ to = 1, hold = \"30s\" }} "
            "to the stages, or search with llmprobe find"
        )
