"""Three numbers with their recent past: time to first token, tokens per second, rate limits."""

from collections.abc import Sequence

from rich.style import Style
from textual.app import ComposeResult
from textual.containers import Container

from llmprobe.metrics.snapshot import Percentiles, Snapshot
from llmprobe.session.view import View
from llmprobe.tui.feed import Sight
from llmprobe.tui.goals import bound_of
from llmprobe.tui.widgets.drawn import Drawn
from llmprobe.tui.widgets.ink import Ink
from llmprobe.tui.widgets.spans import Line, Span, cut
from llmprobe.tui.widgets.sparks import Ceiling, spark_lines
from llmprobe.tui.wording import NONE_YET, TOO_FEW, count, figure, per_second, percent, short_time, tight

_SLO_ROOM = 1.5
"""A full bar is this much of the objective, so that the distance to it can be seen."""
_SHARE_FLOOR = 0.05
_WIDE = 34
"""Cells from which figures are written out."""


class FiguresPane(Container, can_focus=True):
    """The three, side by side or stacked."""

    def __init__(self, ident: str | None = None) -> None:
        super().__init__(id=ident)
        self.parts = (TtftFigure("ttft"), TokensFigure("tokens"), LimitsFigure("limits"))

    def compose(self) -> ComposeResult:
        """The three."""
        yield from self.parts

    def show(self, sight: Sight) -> None:
        """Take a new sight."""
        for part in self.parts:
            part.show(sight)


class Figure(Drawn):
    """A line of figures above a few rows of bars."""

    sight: Sight | None = None

    def __init__(self, ident: str | None = None) -> None:
        super().__init__(ident)
        self.ceiling = Ceiling()

    def show(self, sight: Sight) -> None:
        """Take a new sight."""
        self.sight = sight
        foot = self.foot(sight.view) if sight.view is not None and sight.view.elapsed_s else ""
        self.write_foot(foot)
        self.redraw()

    def foot(self, view: View) -> str:  # noqa: ARG002 - others say more
        """Names the window."""
        return "last 10 s"

    def lines(self, width: int, height: int) -> Sequence[Line]:
        """The line, then the bars."""
        if self.sight is None or self.sight.view is None:
            return []
        return [cut(self.head(self.sight.view, width), width), *self.bars(self.sight.view, width, height - 1)]

    def head(self, view: View, width: int) -> list[Span]:
        """The line of figures."""
        raise NotImplementedError

    def bars(self, view: View, width: int, rows: int) -> list[Line]:
        """The recent past."""
        raise NotImplementedError


class TtftFigure(Figure):
    """Seconds to the first token; bars above the objective change colour."""

    def foot(self, view: View) -> str:
        """What the percentiles rest on."""
        return f"n {view.snapshot.ttft.n} · {super().foot(view)}"

    def head(self, view: View, width: int) -> list[Span]:
        """Percentiles as far as the samples carry."""
        bound = bound_of(view, "ttft")
        return _percentiles(view.snapshot.ttft, bound, self.ink, wide=width >= _WIDE)

    def bars(self, view: View, width: int, rows: int) -> list[Line]:
        """The slow end of each second."""
        values = [second.ttft_p95_s for second in view.snapshot.seconds]
        bound = bound_of(view, "ttft")
        ceiling = self.ceiling.settle(values[-width:], bound * _SLO_ROOM if bound else None)
        return spark_lines(
            values, width, rows, ceiling, style=self.ink.latency, zero=self.ink.faint,
            over=(bound, self.ink.bad) if bound else None,
        )  # fmt: skip


class TokensFigure(Figure):
    """Output tokens per second of all users, and of one."""

    def head(self, view: View, width: int) -> list[Span]:
        """`~` while text chunks stand in for tokens."""
        snapshot, ink = view.snapshot, self.ink
        if snapshot.tokens_per_s is None:
            return [(NONE_YET, ink.dim)]
        about = "~" if snapshot.tokens_estimated else ""
        line: list[Span] = [(f"{about}{count(snapshot.tokens_per_s)}", ink.strong)]
        each = snapshot.tokens_per_s_per_user
        if each is None:
            return [*line, (f"   per user {TOO_FEW}", ink.dim)]
        return [*line, ("   " if width < _WIDE else " tokens/s   ", ink.dim), (per_second(each), ink.text),
                (" per user", ink.dim)]  # fmt: skip

    def bars(self, view: View, width: int, rows: int) -> list[Line]:
        """Tokens that arrived in each second."""
        values = [second.tokens_per_s for second in view.snapshot.seconds]
        ceiling = self.ceiling.settle(values[-width:])
        return spark_lines(values, width, rows, ceiling, style=self.ink.throughput, zero=self.ink.faint)


class LimitsFigure(Figure):
    """The share of answers that were 429s, and counts of what else went wrong."""

    def foot(self, view: View) -> str:
        """Who waits before it sends again, and for how long at most."""
        snapshot = view.snapshot
        if not snapshot.backing_off:
            return super().foot(view)
        longest_s = snapshot.longest_wait_s
        until = f" for {short_time(longest_s)}" if longest_s >= 1 else ""
        return f"{snapshot.backing_off} back{'s' if snapshot.backing_off == 1 else ''} off{until}"

    def head(self, view: View, width: int) -> list[Span]:
        """Share in percent; errors of the server; timeouts; the rest where there is room and reason."""
        snapshot, ink = view.snapshot, self.ink
        share = snapshot.rate_limited_share
        calm = ink.strong if not share else ink.limited + Style(bold=True)
        line: list[Span] = [(NONE_YET if share is None else percent(share), calm)]
        timeouts = "timeouts" if width >= _WIDE else "t/o"
        for label, number in _troubles(snapshot, timeouts):
            line += [(f"  {label} ", ink.dim), (f"{number}", ink.bad if number else ink.text)]
        return line

    def bars(self, view: View, width: int, rows: int) -> list[Line]:
        """The share in each second."""
        values = [second.rate_limited_share for second in view.snapshot.seconds]
        ceiling = self.ceiling.settle(values[-width:], _SHARE_FLOOR)
        return spark_lines(values, width, rows, ceiling, style=self.ink.limited, zero=self.ink.faint)


def _troubles(snapshot: Snapshot, timeouts: str) -> list[tuple[str, int]]:
    other = [("other", snapshot.other_failures_10s)] if snapshot.other_failures_10s else []
    return [("5xx", snapshot.server_errors_10s), (timeouts, snapshot.timeouts_10s), *other]


def _percentiles(figures: Percentiles, bound: float | None, ink: Ink, *, wide: bool) -> list[Span]:
    """p50, p95 and p99; from the first that its samples don't support, `too few`."""
    write, gap = (figure, "   ") if wide else (tight, " ")
    line: list[Span] = []
    for name in ("p50", "p95", "p99"):
        value: float | None = getattr(figures, name)
        label = name if wide or not line else name.removeprefix("p")
        if not figures.n:
            return [(NONE_YET, ink.dim)]
        if value is None:
            return [*line, (f"{label} {TOO_FEW}" if wide else TOO_FEW, ink.dim)]
        judged = name == "p95" and bound is not None
        style = ink.text if not judged else ink.good if bound is not None and value <= bound else ink.bad
        line += [(f"{label} ", ink.dim), (write(value), style), (gap, ink.dim)]
    return line
