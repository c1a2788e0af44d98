"""Simulated endpoints by name, each with the capacity that it is known to have.

A capacity is the largest number of users at which every default SLO holds (p95 TTFT below 1 s, p95 TPOT
below 60 ms, errors below 1 %) with the corpus `mixed`, 256 output tokens at most, and no think time. It is
worked out by tests/bench/true_capacity.py, which runs the pure model for long in virtual time at each level.
"""

from msgspec import Struct

from llmprobe.core.errors import UsageError
from llmprobe.sim.faults import Shares
from llmprobe.sim.fixed import Fixed
from llmprobe.sim.limits import Limits
from llmprobe.sim.model import Config, Lengths
from llmprobe.sim.replica import Hardware

WORKLOAD = "corpus mixed, max_tokens 256, p95 ttft < 1s, p95 tpot < 60ms, errors < 1%"
"""What every documented capacity holds for."""


class Preset(Struct, frozen=True):
    """One simulated endpoint."""

    says: str
    """What it is like, in a sentence."""
    machine: Config | Fixed
    capacity: int | None
    """Users; None where no number of them breaks it."""
    cause: str
    """What breaks one user later."""
    faults: Shares = Shares()


_SMALL_GPU = Config(
    Hardware(
        slots=24,
        step_s=0.022,
        step_s_per_request=0.0006,
        step_s_per_kv_token=2e-7,
        prefill_s_per_token=0.0001,
        latency_s=0.15,
    ),
    Lengths(median=130, sigma=0.5),
)
_BIG_GPU = Hardware(
    slots=64,
    step_s=0.012,
    step_s_per_request=0.00015,
    step_s_per_kv_token=1e-8,
    prefill_s_per_token=0.00001,
    prefill_chunk=2048,
    latency_s=0.08,
)

PRESETS: dict[str, Preset] = {
    "small-gpu": Preset(
        says="One GPU with 24 slots: lively for a few users, a queue once the slots are taken.",
        machine=_SMALL_GPU,
        capacity=25,
        cause="ttft",
    ),
    "big-gpu": Preset(
        says="Two fast replicas with 64 slots each behind a balancer.",
        machine=Config(_BIG_GPU, Lengths(median=140, sigma=0.5), replicas=2),
        capacity=152,
        cause="ttft",
    ),
    "rpm-limit": Preset(
        says="A hosted API that allows 240 requests a minute; no queue in sight.",
        machine=Config(_BIG_GPU, Lengths(median=150), limits=Limits(requests_per_minute=240, burst_s=2)),
        capacity=8,
        cause="rate limit (requests)",
    ),
    "tpm-limit": Preset(
        says="A hosted API that allows 130,000 tokens a minute, prompt and max_tokens counted up front.",
        machine=Config(_BIG_GPU, Lengths(median=150), limits=Limits(tokens_per_minute=130_000, burst_s=15)),
        capacity=7,
        cause="rate limit (tokens)",
    ),
    "concurrency-limit": Preset(
        says="A hosted API that answers 429 while 12 requests are in flight.",
        machine=Config(_BIG_GPU, Lengths(median=140, sigma=0.5), limits=Limits(concurrency=12)),
        capacity=12,
        cause="rate limit (concurrency)",
    ),
    "flaky": Preset(
        says="The small GPU, with a fault of some kind in 4 % of its answers at any load.",
        machine=_SMALL_GPU,
        capacity=0,
        cause="errors",
        faults=Shares(
            fail_429=0.01,
            fail_500=0.01,
            fail_503=0.005,
            stall=0.001,
            truncate=0.005,
            malformed=0.005,
            stream_error=0.005,
        ),
    ),
    "fixed": Preset(
        says="The same TTFT (200 ms) and gap between tokens (20 ms) for everyone, 100 tokens, no queue.",
        machine=Fixed(),
        capacity=None,
        cause="none",
    ),
}


def preset(name: str) -> Preset:
    """The preset of that name; `UsageError` lists those there are."""
    try:
        return PRESETS[name]
    except KeyError:
        raise UsageError(f"no simulated endpoint {name!r}; there is {', '.join(PRESETS)}") from None
