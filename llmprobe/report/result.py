"""result.json, format 1: keys are added, never renamed. A figure without enough samples is null, never 0."""

from msgspec import Struct

from llmprobe.core.finding import Cause, Knee, Visit
from llmprobe.core.limits import Window
from llmprobe.core.rate_limit import Further
from llmprobe.metrics.snapshot import Percentiles


class SloResult(Struct, frozen=True):
    """One objective. `value` and `passed` are None when `n` is below `needed`."""

    slo: str
    value: float | None
    n: int
    passed: bool | None
    needed: int


class Verdict(Struct, frozen=True):
    """Whether the run passed, and what a command's exit code is."""

    passed: bool
    exit_code: int
    reasons: tuple[str, ...]
    slos: tuple[SloResult, ...]


class Totals(Struct, frozen=True):
    """All requests of the run, warm-up and settling included."""

    requests: int
    completed: int
    failed: int
    cancelled: int
    outcomes: dict[str, int]
    input_tokens: int | None
    output_tokens: int | None
    reasoning_tokens: int | None
    cached_tokens: int | None
    token_source: str | None
    usd: float | None
    user_s: float
    """User-seconds: a second of each user that was there."""
    backed_off_s: float
    """Those of them that were spent waiting after failures."""


class Latency(Struct, frozen=True):
    """Over completed requests that started after settling; `itl_s` over the token gaps of settled seconds."""

    ttft_s: Percentiles
    ttfo_s: Percentiles
    itl_s: Percentiles
    tpot_s: Percentiles
    e2e_s: Percentiles
    connect_s: Percentiles
    chunk_gap_s: Percentiles
    """Between reads that brought text, as a person sees it; `itl_s` where each brings one token."""


class Throughput(Struct, frozen=True):
    """Over the measured time, warm-up left out."""

    requests_per_s: float | None
    output_tokens_per_s: float | None
    tokens_per_s_per_user: float | None


class Workload(Struct, frozen=True):
    """What was asked; without it a capacity means nothing."""

    input_tokens: Percentiles
    output_tokens: Percentiles
    cache: str
    cached_share: float | None
    think_s: float = 0.0


class LevelResult(Struct, frozen=True):
    """One load level, all visits together, settling left out."""

    users: int
    rate: float | None
    n: int
    seconds: float
    ttft_s: Percentiles
    tpot_s: Percentiles
    output_tokens_per_s: float | None
    error_rate: float | None
    goodput: float | None
    visits: int
    settling: int
    probe_bound: str | None
    """Why the probe, not the endpoint, was the bottleneck here; None where it was not."""


class Capacity(Struct, frozen=True):
    """What the autopilot found; README, "The autopilot", tells how."""

    users: int | None
    """The largest number that was confirmed; None where refused, or where the load was a rate."""
    rate: float | None
    estimate: float | None
    low: float | None
    high: float | None
    """The interval of the break."""
    confidence: float
    cause: Cause | None
    slo: str | None
    held_s: float
    n: int
    violations: int
    requests_per_s: float | None
    tokens_per_s: float | None
    refused: str | None
    drift: str | None
    noise: str | None
    knee: Knee | None
    visits: tuple[Visit, ...]
    statement: str
    settings: str | None
    """What clients should be set to, in a sentence."""


class LimitsResult(Struct, frozen=True, rename={"source": "from"}):
    """Rate limits, a minute; README, "Rate limits", tells how they are found."""

    rpm: float | None
    tpm: float | None
    concurrency: int | None
    further: tuple[Further, ...]
    """Told limits of another kind: `what` (`input tokens`), `per` (`day`), `limit`."""
    source: str | None
    """`headers`, `body` or `inferred`; None where no limit was told, and none was hit."""
    counts: str | None
    """Which tokens: `declared` (prompt and max_tokens, up front) or `real` (prompt and answer)."""
    window: Window | None
    burst: float | None
    rpm_above: float | None
    """Of what was not hit: a limit of that or more can't be excluded."""
    tpm_above: float | None
    concurrency_above: int | None
    decisions: int
    explained: float | None
    others: str | None
    refused: str | None
    """Why no limit is named although requests were refused."""
    statement: str
    settings: str | None
    """What clients should be set to, in a sentence."""


class Cost(Struct, frozen=True):
    """By the scenario's prices."""

    usd: float
    usd_per_request: float | None
    usd_per_user_hour: float | None
    prices: str


class Probe(Struct, frozen=True):
    """How the probe itself did."""

    bound: bool
    why: str | None
    loop_lag_p99_s: float | None
    loop_lag_max_s: float | None
    cpu_share: float | None
    """Of a core, by the busiest worker: the mean at the level where that was highest; of the whole run where
    no level lasted."""
    workers: int
    stamps: dict[str, int]
    stamp_error_s: Percentiles
    """Stamp minus the server's time of the write; only a server on this machine that sends `created_ns`."""


class Result(Struct, frozen=True):
    """The whole of it; see the module."""

    format: int
    llmprobe: str
    name: str
    seed: int
    started: str | None
    duration_s: float
    complete: bool
    """Whether the run came to its end, by plan, by hand or by a cap, and all of it can be read."""
    ended: str | None
    """Why, in a sentence; None when nobody wrote it down (a kill)."""
    torn_lines: int
    """Lines of the run folder that a kill or a full disk left unreadable."""
    url: str | None
    model: str | None
    insecure: bool
    verdict: Verdict
    totals: Totals
    warmup_requests: int
    latency: Latency
    throughput: Throughput
    workload: Workload
    levels: tuple[LevelResult, ...]
    capacity: Capacity | None
    limits: LimitsResult | None
    cost: Cost | None
    probe: Probe
    server: None
