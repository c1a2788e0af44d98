"""Service level objectives: `p95 ttft < 1s`, `p95 ttft < 3x idle`, `errors < 1%`, `goodput > 95%`."""

import math
import re
from collections.abc import Mapping
from typing import Literal

from msgspec import Struct

from llmprobe.core.units import format_duration, format_share, parse_duration, parse_share

Metric = Literal["ttft", "ttfo", "itl", "tpot", "e2e", "errors", "goodput"]
LATENCIES = ("ttft", "ttfo", "itl", "tpot", "e2e")
QUANTILES = {"p50": 0.50, "p90": 0.90, "p95": 0.95, "p99": 0.99}
SAMPLES_FOR = {"p50": 2, "p90": 10, "p95": 20, "p99": 100}
"""Samples below which a quantile is not read at all: one of them must lie beyond it."""

_LATENCY = re.compile(r"(p50|p90|p95|p99)\s+(ttft|ttfo|itl|tpot|e2e)\s*<=?\s*(\S+)")
_RELATIVE = re.compile(r"(p50|p90|p95|p99)\s+(ttft|ttfo|itl|tpot|e2e)\s*<=?\s*(\d+(?:\.\d+)?)\s*x\s*idle")
_SHARE = re.compile(r"(errors)\s*<=?\s*(\S+)|(goodput)\s*>=?\s*(\S+)")


class Slo(Struct, frozen=True):
    """One objective. `bound` is in seconds for a latency, a share for errors and goodput."""

    metric: Metric
    bound: float
    quantile: str | None = None
    """`p50` to `p99` for a latency, else None."""
    times: float | None = None
    """Of one user's median, for a bound relative to that; `bound` is infinite until it is measured."""

    def __str__(self) -> str:
        """As a scenario writes it; a relative bound that was measured is told in seconds too."""
        if self.times is not None:
            relative = f"{self.quantile} {self.metric} < {self.times:g}x idle"
            return relative if self.unmeasured else f"{relative} = {format_duration(self.bound)}"
        if self.metric == "goodput":
            return f"goodput > {format_share(self.bound)}"
        if self.metric == "errors":
            return f"errors < {format_share(self.bound)}"
        return f"{self.quantile} {self.metric} < {format_duration(self.bound)}"

    @property
    def unmeasured(self) -> bool:
        """Whether its bound is relative to one user who was not measured yet."""
        return self.times is not None and math.isinf(self.bound)

    def measured(self, idle: Mapping[str, float]) -> "Slo":
        """The same with its bound in seconds, to three digits; `idle` has one user's medians by metric."""
        if self.times is None or (one_user_s := idle.get(self.metric)) is None:
            return self
        return Slo(self.metric, float(f"{self.times * one_user_s:.3g}"), self.quantile, self.times)

    def met_by(self, value: float) -> bool:
        """Whether a measured value keeps the objective."""
        return value >= self.bound if self.metric == "goodput" else value <= self.bound

    def scaled(self, speed: float) -> "Slo":
        """The same objective on an endpoint whose clock runs `speed` times faster; one user's runs so too.

        In whole microseconds: nobody reads 0.3333333333333333s.
        """
        if self.metric not in LATENCIES or self.times is not None:
            return self
        return Slo(self.metric, round(self.bound / speed, 6), self.quantile)


DEFAULT_SLOS = (Slo("ttft", 1.0, "p95"), Slo("tpot", 0.06, "p95"), Slo("errors", 0.01))
PRESETS: dict[str, tuple[Slo, ...]] = {
    "default": DEFAULT_SLOS,
    "chat": (Slo("ttft", 0.5, "p95"), Slo("tpot", 0.06, "p95"), Slo("errors", 0.01)),
}


def parse_slo(text: str) -> Slo:
    """Read one objective; `ValueError` shows right spellings."""
    squeezed = " ".join(text.lower().split())
    if match := _LATENCY.fullmatch(squeezed):
        return Slo(match[2], parse_duration(match[3]), match[1])  # type: ignore[arg-type]  # the pattern
    if match := _RELATIVE.fullmatch(squeezed):
        if float(match[3]) <= 1:
            raise ValueError(f"{text!r} asks for less than one user gets; write it as 'p95 ttft < 3x idle'")
        return Slo(match[2], math.inf, match[1], float(match[3]))  # type: ignore[arg-type]  # the pattern
    if match := _SHARE.fullmatch(squeezed):
        return Slo("errors", parse_share(match[2])) if match[1] else Slo("goodput", parse_share(match[4]))
    raise ValueError(f"{text!r} is not an objective; write it as 'p95 ttft < 1s' or 'errors < 1%'")


def parse_slos(texts: list[str]) -> tuple[Slo, ...]:
    """Objectives and preset names (`chat`), in order."""
    slos: list[Slo] = []
    for text in texts:
        slos.extend(PRESETS.get(text.strip()) or [parse_slo(text)])
    return tuple(slos)
