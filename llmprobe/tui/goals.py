"""The objectives of a run beside what the last seconds say about each. Pure."""

from dataclasses import dataclass

from rich.style import Style

from llmprobe.core.slo import LATENCIES, Slo
from llmprobe.core.target import speed_of
from llmprobe.metrics.durations import ENOUGH
from llmprobe.metrics.snapshot import Percentiles, Snapshot
from llmprobe.session.view import View
from llmprobe.tui.widgets.ink import Ink
from llmprobe.tui.wording import TOO_FEW


@dataclass(frozen=True, slots=True)
class Goal:
    """An objective as this endpoint's clock runs, and its live value; None where too little was measured."""

    slo: Slo
    value: float | None
    n: int = 0
    """What the value rests on."""
    refused: bool = False
    """The probe is the bottleneck: the value is not the endpoint's."""

    @property
    def met(self) -> bool | None:
        """Whether it is kept right now; None where that can't be said."""
        if self.value is None or self.refused or self.slo.unmeasured:
            return None
        return self.slo.met_by(self.value)

    @property
    def margin(self) -> str:
        """How far the value is from the bound: `46 % ok`, `18 % over`, or why that can't be said."""
        if self.slo.unmeasured:
            return "no idle yet"
        if self.value is None:
            return TOO_FEW
        if self.refused:
            return "refused"
        if self.slo.metric == "goodput":
            points = round((self.value - self.slo.bound) * 100, 1)
            return f"{points:g} pt ok" if points >= 0 else f"{-points:g} pt short"
        share = self.value / self.slo.bound - 1 if self.slo.bound else float(self.value > 0)
        return f"{-share:.0%} ok".replace("%", " %") if share <= 0 else f"{_over(share)} over"

    def look(self, ink: Ink) -> tuple[str, Style]:
        """Glyph and style to show it with."""
        return {True: ("✓", ink.good), False: ("✖", ink.bad), None: ("·", ink.dim)}[self.met]


def goals(view: View) -> list[Goal]:
    """All of the scenario, in its order."""
    speed = speed_of(view.scenario.endpoint.url)
    bound, idle = view.snapshot.probe_bound is not None, _idle(view)
    return [
        Goal(slo.scaled(speed).measured(idle), _live(slo, view.snapshot), _samples(slo, view.snapshot), bound)
        for slo in view.scenario.slo
    ]


def bound_of(view: View, metric: str) -> float | None:
    """The bound in seconds of the first objective on a latency, if there is one."""
    known = (goal.slo for goal in goals(view) if not goal.slo.unmeasured)
    return next((slo.bound for slo in known if slo.metric == metric), None)


def _idle(view: View) -> dict[str, float]:
    """What one user was answered in: as the search measured it, else at the level of one user."""
    if view.search is not None and view.search.idle:
        return view.search.idle
    alone = next((level for level in view.snapshot.levels if level.users == 1), None)
    if alone is None or alone.ttft.n < ENOUGH:
        return {}
    medians = (("ttft", alone.ttft.p50), ("tpot", alone.tpot.p50))
    return {metric: median_s for metric, median_s in medians if median_s is not None}


def _over(share: float) -> str:
    """`18 %`, `2.8 x`, `33 x`: beyond the double nobody thinks in percent."""
    if share >= 9:
        return f"{min(share + 1, 999):.0f} x"
    return f"{share * 100:.0f} %" if share < 1 else f"{share + 1:.1f}".removesuffix(".0") + " x"


def _samples(slo: Slo, snapshot: Snapshot) -> int:
    if slo.metric in LATENCIES:
        return {"ttft": snapshot.ttft.n, "tpot": snapshot.tpot.n}.get(slo.metric, 0)
    return snapshot.ended_10s if slo.metric == "errors" else 0


def _live(slo: Slo, snapshot: Snapshot) -> float | None:
    if slo.metric in LATENCIES:
        figures = {"ttft": snapshot.ttft, "tpot": snapshot.tpot}.get(slo.metric, Percentiles())
        value: float | None = getattr(figures, slo.quantile or "p95")
        return value
    if slo.metric == "errors" and snapshot.ended_10s and snapshot.rate_limited_share is not None:
        failures = snapshot.server_errors_10s + snapshot.timeouts_10s + snapshot.other_failures_10s
        return min(1.0, snapshot.rate_limited_share + failures / snapshot.ended_10s)
    return None
