"""The objectives of a run beside what the last seconds say about each. Pure."""

from dataclasses import dataclass

from rich.style import Style

from llmprobe.core.slo import LATENCIES, Slo
from llmprobe.core.target import speed_of
from llmprobe.metrics.snapshot import Percentiles, Snapshot
from llmprobe.session.view import View
from llmprobe.tui.widgets.ink import Ink


@dataclass(frozen=True, slots=True)
class Goal:
    """An objective as this endpoint's clock runs, and its live value; None where too little was measured."""

    slo: Slo
    value: float | None

    @property
    def met(self) -> bool | None:
        """Whether it is kept right now."""
        return None if self.value is None else self.slo.met_by(self.value)

    def look(self, ink: Ink) -> tuple[str, Style]:
        """Glyph and style to show it with."""
        return {True: ("✓", ink.good), False: ("✖", ink.bad), None: ("·", ink.dim)}[self.met]


def goals(view: View) -> list[Goal]:
    """All of the scenario, in its order."""
    speed = speed_of(view.scenario.endpoint.url)
    return [Goal(slo.scaled(speed), _live(slo, view.snapshot)) for slo in view.scenario.slo]


def bound_of(view: View, metric: str) -> float | None:
    """The bound in seconds of the first objective on a latency, if there is one."""
    return next((goal.slo.bound for goal in goals(view) if goal.slo.metric == metric), None)


def _live(slo: Slo, snapshot: Snapshot) -> float | None:
    if slo.metric in LATENCIES:
        figures = {"ttft": snapshot.ttft, "tpot": snapshot.tpot}.get(slo.metric, Percentiles())
        value: float | None = getattr(figures, slo.quantile or "p95")
        return value
    if slo.metric == "errors" and snapshot.ended_10s and snapshot.rate_limited_share is not None:
        failures = snapshot.server_errors_10s + snapshot.timeouts_10s + snapshot.other_failures_10s
        return min(1.0, snapshot.rate_limited_share + failures / snapshot.ended_10s)
    return None
