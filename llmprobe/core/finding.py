"""What a search found: a capacity with what it rests on, or why there is no honest answer."""

from typing import Literal

from msgspec import Struct

Cause = Literal[
    "ttft", "ttfo", "itl", "tpot", "e2e", "errors", "goodput",
    "rate_limit", "throughput", "instability", "none", "zero",
]  # fmt: skip
"""What binds first: an SLO by its metric, 429s, a throughput that grows no more, a queue without end.

`none` up to the maximum; `zero`: not even the smallest load holds.
"""


class Visit(Struct, frozen=True):
    """One stay at a load, as evidence."""

    load: float
    from_s: float
    to_s: float
    n: int
    """Verdicts, of the requests that count."""
    violations: dict[str, int]
    """By SLO, as the scenario writes it; those without any are left out."""
    held: bool | None
    """Whether every SLO held; None where it stayed open."""
    by: str = "autopilot"


class Knee(Struct, frozen=True):
    """Where throughput stops growing with load."""

    load: float
    low: float
    high: float
    most_per_s: float
    """Output tokens a second at the most."""


class Finding(Struct, frozen=True):
    """The end of a search. Loads are users, or requests a second."""

    capacity: float | None
    """The largest load that was confirmed; None where refused, 0 for `zero`."""
    estimate: float | None
    """Of the largest load that holds, confirmed or not."""
    low: float | None
    high: float | None
    """The interval of the break, `confidence` sure."""
    cause: Cause | None
    slo: str | None = None
    """The SLO that binds, as the scenario writes it."""
    confidence: float = 0.9
    held_s: float = 0.0
    """How long the capacity was held, settling left out."""
    n: int = 0
    violations: int = 0
    """Of the binding SLO among those n."""
    refused: str | None = None
    """Why there is no honest answer: one sentence."""
    drift: str | None = None
    """How the endpoint changed while it was measured, if it did."""
    visits: tuple[Visit, ...] = ()
    knee: Knee | None = None
