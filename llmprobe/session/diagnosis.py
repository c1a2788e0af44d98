"""What `llmprobe doctor` found, and the advice that follows from it. Pure."""

from collections.abc import Iterator

from msgspec import Struct, field

from llmprobe.core.record import Stamp
from llmprobe.core.units import people_seconds
from llmprobe.telemetry.machine import Machine
from llmprobe.telemetry.open_files import SPARE

BOUND_CPU = 0.85
"""Share of a core past which a worker no longer measures."""
STREAM_TOKENS_PER_S = 20.0
"""Of one stream, where streams are counted: a common pace of chat."""
_FEW_FILES = 4096
_FEW_PORTS = 8192
_SLOW_CLOCKS = frozenset({"hpet", "acpi_pm", "pit", "jiffies", "refined-jiffies"})
_LATE_STAMP_US = 1000.0
_LATE_TTFT_MS = 5.0
_FEW_TOKENS_PER_S = 15_000


class StampError(Struct, frozen=True):
    """Stamps minus the endpoint's own times of writing, in microseconds."""

    p50: float
    p99: float
    max: float
    n: int
    tokens_per_s: float
    kind: Stamp


class TtftError(Struct, frozen=True):
    """Reported times to the first token minus the true ones, in milliseconds, users starting at once."""

    users: int
    true_ms: float = field(name="true")
    """The mean of the true ones: from the request's start until the endpoint wrote its first token."""
    mean: float
    p99: float
    failed: int = 0


class LoadPoint(Struct, frozen=True):
    """A worker at one load."""

    tokens_per_s: float
    cpu_share: float
    """Of a core, by the worker."""


class Most(Struct, frozen=True):
    """What one worker carries before it is the bottleneck."""

    tokens_per_s: float
    streams: int
    streams_by: str
    """What ends the number of streams: CPU, open files, ports."""


class TestRequest(Struct, frozen=True):
    """The one request that a target was sent."""

    __test__ = False  # not a test case, whatever its name suggests to a collector

    outcome: str
    ttft_s: float | None
    output_tokens: int | None
    error: str | None


class Target(Struct, frozen=True):
    """The endpoint that was named."""

    url: str
    answers: bool
    dialect: str | None
    """None: nobody named one, and it did not come to a guess."""
    models: tuple[str, ...] = ()
    created_ns: bool = False
    """Whether its chunks tell when they were written, on this machine's clock."""
    test: TestRequest | None = None
    error: str | None = None
    """Why it does not answer."""


class Diagnosis(Struct, frozen=True, kw_only=True):
    """The whole of it; as JSON in this order, keys are added and never renamed. None is unknown."""

    format: int = 1
    llmprobe: str
    measured_on: str
    stamp_error_us: StampError | None
    ttft_error_ms: TtftError | None
    cpu_us_per_token: float | None
    loads: tuple[LoadPoint, ...]
    max_tokens_per_s: int | None
    """Extrapolated along `loads` to 85 % of a core."""
    max_streams: int | None
    """At `stream_tokens_per_s` each."""
    max_streams_by: str | None
    open_files: int
    ports: int | None
    cores: int
    uvloop: bool
    clock_source: str | None
    clock_resolution_ns: int
    python: str
    target: Target | None
    stream_tokens_per_s: float = STREAM_TOKENS_PER_S
    advice: tuple[str, ...] = ()


def most(loads: tuple[LoadPoint, ...], machine: Machine) -> Most | None:
    """Where the worker's CPU reaches its bound, on the straight line through its loads.

    A worker needs some CPU without any tokens, so the line through two loads says more than the cost of a
    token at one. Never less than what was carried below the bound.
    """
    if not loads or loads[-1].tokens_per_s <= 0:
        return None
    first, last = loads[0], loads[-1]
    apart = last.tokens_per_s - first.tokens_per_s
    slope = (last.cpu_share - first.cpu_share) / apart if apart > 0 else 0.0
    if slope <= 0:
        slope = last.cpu_share / last.tokens_per_s
    if slope <= 0:
        return None
    tokens_per_s = max(0.0, last.tokens_per_s + (BOUND_CPU - last.cpu_share) / slope)
    bounds = [(int(tokens_per_s / STREAM_TOKENS_PER_S), "CPU"), (machine.open_files - SPARE, "open files")]
    if machine.ports is not None:
        bounds.append((machine.ports, "ports"))
    streams, by = min(bounds)
    return Most(tokens_per_s, max(0, streams), by)


def advise(found: Diagnosis) -> tuple[str, ...]:
    """One sentence for each thing worth doing, the weightiest first."""
    return (*_on_target(found.target), *_on_figures(found), *_on_machine(found))


def _on_target(target: Target | None) -> Iterator[str]:
    if target is None:
        return
    if not target.answers:
        said = target.error or f"{target.url} gave no answer"
        yield said if said.endswith(("?", ".")) else f"{said}."
    elif not target.created_ns:
        yield (
            "The target does not say when it writes a token (created_ns), so stamps were checked on the "
            "simulated endpoint; what lies between this machine and the target is part of its figures."
        )


def _on_figures(found: Diagnosis) -> Iterator[str]:
    stamps, ttft = found.stamp_error_us, found.ttft_error_ms
    if stamps is not None and stamps.kind != "kernel":
        yield (
            "The kernel gives no receive times here, so tokens are stamped when they are read; "
            "measure from Linux where microseconds count."
        )
    if stamps is not None and stamps.p99 > _LATE_STAMP_US:
        yield (
            f"One stamp in a hundred is off by {people_seconds(stamps.p99 / 1e6)} or more; "
            "close what else uses this machine's cores, and look again."
        )
    if ttft is not None and max(ttft.mean, ttft.p99) > _LATE_TTFT_MS:
        yield (
            f"When {ttft.users:,} users start at once, their TTFT is up to {ttft.p99:.0f} ms too long; "
            'let them start over a while, as with ramp = "2s".'
        )
    if ttft is not None and ttft.failed:
        yield (
            f"Of {ttft.users:,} users that started at once {ttft.failed:,} failed; "
            "start fewer at once, or raise the limits of this machine."
        )
    if found.max_tokens_per_s is not None and found.max_tokens_per_s < _FEW_TOKENS_PER_S:
        more = found.cores > 1
        yield (
            f"One worker carries about {found.max_tokens_per_s:,} tokens/s; past that "
            + ("take more of them with --workers." if more else "measure from a machine with more cores.")
        )


def _on_machine(found: Diagnosis) -> Iterator[str]:
    if not found.uvloop:
        yield "Install uvloop (pip install 'llmprobe[fast]'): it saves up to a third of the CPU of a token."
    if found.open_files < _FEW_FILES:
        room = max(0, found.open_files - SPARE)
        yield (
            f"A process may open {found.open_files:,} files, which leaves {room:,} users for each worker; "
            "raise the hard limit (ulimit -Hn)."
        )
    if found.ports is not None and found.ports < _FEW_PORTS:
        yield (
            f"There are {found.ports:,} ports for connections to one address; "
            "widen the range (net.ipv4.ip_local_port_range on Linux)."
        )
    if found.cores < 2:
        yield (
            "There is one core for the worker, the screen and whatever else runs; "
            "run without the screen (llmprobe run), or from a machine with more."
        )
    if found.clock_source in _SLOW_CLOCKS:
        yield (
            f"The kernel's clock source is {found.clock_source}, which is slow to read; "
            "choose tsc where the machine has a stable one."
        )
