"""The product: what each load that was visited gave. Latency with its objective above, throughput below."""

import math
from collections.abc import Sequence
from typing import ClassVar

from textual import events
from textual.binding import Binding

from llmprobe.metrics.snapshot import LevelFigures
from llmprobe.session.view import View
from llmprobe.tui.chronicle import load_words
from llmprobe.tui.feed import Sight
from llmprobe.tui.panes.capacity_plot import ENOUGH, GUTTER, latency, load_of, of_kind, plots, scale
from llmprobe.tui.panes.level_table import TABLE_WIDTH, level_table
from llmprobe.tui.widgets.drawn import Drawn
from llmprobe.tui.widgets.ink import Ink
from llmprobe.tui.widgets.spans import Line, wrapped
from llmprobe.tui.wording import figure, percent

_TABLE_FROM = 16
"""Lines from which there is room for a table of the levels."""


class CapacityPane(Drawn, can_focus=True):
    """Teaches while it is empty, fills as levels are visited; one can be chosen, to be read in figures."""

    BINDINGS: ClassVar = [
        Binding("up,k", "choose(1)", show=False),
        Binding("down,j", "choose(-1)", show=False),
    ]
    sight: Sight | None = None
    chosen: float | None = None
    """The load of the level whose figures are shown; None for the one in force."""

    def show(self, sight: Sight) -> None:
        """Take a new sight."""
        before, self.sight = self.sight, sight
        self._read_out()
        if before is None or _drawn_from(before) != _drawn_from(sight):
            self.redraw()

    def action_choose(self, by: int) -> None:
        """The neighbour at a higher load, or at a lower one."""
        levels = self._levels()
        if levels:
            places = [load_of(level) for level in levels]
            at = self._shown_place(levels)
            self._choose(places[max(0, min(at + by, len(levels) - 1))])

    def on_click(self, event: events.Click) -> None:
        """The level nearest to what was hit."""
        place, levels = event.get_content_offset(self), self._levels()
        if place is not None and levels:
            low, high = scale(levels)
            at = low + (place.x - GUTTER) / max(1, self.size.width - GUTTER - 1) * (high - low)
            self._choose(min(map(load_of, levels), key=lambda load: abs(math.log2(load) - at)))

    def on_blur(self) -> None:
        """Back to the level in force."""
        self._choose(None)

    def _choose(self, load: float | None) -> None:
        self.chosen = load
        self._read_out()
        self.redraw()

    def _levels(self) -> list[LevelFigures]:
        """Those with anything to draw, of the kind of load that there is now."""
        view = self.sight.view if self.sight is not None else None
        return [level for level in of_kind(view) if latency(level)] if view is not None else []

    def _shown_place(self, levels: list[LevelFigures]) -> int:
        wanted = (
            (lambda level: load_of(level) == self.chosen) if self.chosen else (lambda level: level.current)
        )
        return next((at for at, level in enumerate(levels) if wanted(level)), len(levels) - 1)

    def _read_out(self) -> None:
        """One level in figures."""
        view = self.sight.view if self.sight is not None else None
        if view is not None:
            self.write_foot(_foot(view, self.chosen, room=self.size.width))

    def lines(self, width: int, height: int) -> Sequence[Line]:
        """Plots over a common axis, and the levels as a table where there is room."""
        view = self.sight.view if self.sight is not None else None
        levels = self._levels()
        if view is None or not levels:
            return _empty(width, height, self.ink)
        table: list[Line] = []
        if height >= _TABLE_FROM and width >= TABLE_WIDTH:
            table = level_table(
                levels, self._shown_place(levels), min(len(levels) + 1, height // 3), width, self.ink
            )
        marked = load_of(levels[self._shown_place(levels)]) if self.chosen else None
        return [*plots(view, levels, width, height - len(table), self.ink, marked=marked), *table]


def _drawn_from(sight: Sight) -> object:
    """All that the picture depends on: a plot costs more than the comparison."""
    return None if sight.view is None else (of_kind(sight.view), sight.view.scenario)


def _foot(view: View, chosen: float | None, *, room: int) -> str:
    """The chosen level in figures, else the one in force, or how far it is from having any."""
    levels = of_kind(view)
    level = next((level for level in levels if (load_of(level) == chosen if chosen else level.current)), None)
    if level is None:
        return ""
    load = load_words(load_of(level), view.kind)
    if level.probe_bound is not None:
        return f"! {load}: probe-bound, n {level.n}"
    if not level.n:
        return f"{load}: settling, {level.settling} kept out"
    failed = f"errors {percent(level.error_rate)} %" if level.error_rate else ""
    if level.ttft.p95 is None:
        said = f"{load}: {level.ttft.n} of {ENOUGH} answers"
        return f"{said} · {failed}" if failed else said
    around = level.ttft_p95_around
    parts = [
        f"{load}: p95 {figure(level.ttft.p95)} s",
        f"n {level.n}",
        failed,
        f"90 % in {figure(around[0])} to {figure(around[1])}" if around is not None else "",
    ]
    said = ""
    for part in filter(None, parts):
        longer = f"{said} · {part}" if said else part
        said = longer if len(longer) <= room - 2 or not said else said
    return said


def _empty(width: int, height: int, ink: Ink) -> list[Line]:
    """What will be here, and what brings it."""
    text = wrapped("levels appear here as you visit them: press + or -", max(1, min(30, width - 2)))
    above: list[Line] = [[]] * max(0, (height - len(text)) // 2)
    return [*above, *([(f"{line:^{width}}", ink.dim)] for line in text)]
