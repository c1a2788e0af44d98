"""The one live control: the slider, the numbers of users that must not be confused, and the goals."""

from collections.abc import Callable, Sequence

from textual.app import ComposeResult
from textual.containers import Vertical

from llmprobe.tui.chronicle import load_words
from llmprobe.tui.feed import Sight
from llmprobe.tui.goals import goals
from llmprobe.tui.widgets.drawn import Drawn
from llmprobe.tui.widgets.ink import Ink
from llmprobe.tui.widgets.slider import Moved, Slider
from llmprobe.tui.widgets.spans import Line, Span, width_of
from llmprobe.tui.widgets.sparks import Ceiling, spark_lines
from llmprobe.tui.wording import NONE_YET, per_second, short_time

_MOST_ROWS = 8


class LoadPane(Vertical):
    """Slider above, numbers below."""

    def __init__(
        self, moved: Moved, end_asked: Moved, turned: Callable[[], None], ident: str | None = None
    ) -> None:
        super().__init__(id=ident)
        self.slider = Slider(moved, end_asked, turned, "slider")
        self.numbers = LoadNumbers("numbers")

    def compose(self) -> ComposeResult:
        """The two parts."""
        yield self.slider
        yield self.numbers

    def show(self, sight: Sight) -> None:
        """Take a new sight."""
        search = sight.view.search if sight.view is not None else None
        toward = search.toward if search is not None and search.armed else None
        self.slider.ghost = toward
        self.slider.show(sight.load, sight.scenario.load.max_users, sight.kind, by=sight.by)
        self.numbers.show(sight)


class LoadNumbers(Drawn):
    """Active, draining and in flight apart; requests per second; goals. With room, the users over time."""

    sight: Sight | None = None

    def __init__(self, ident: str | None = None) -> None:
        super().__init__(ident)
        self._ceiling = Ceiling()

    def show(self, sight: Sight) -> None:
        """Take a new sight."""
        self.sight = sight
        self.redraw()

    def lines(self, width: int, height: int) -> Sequence[Line]:
        """Numbers, then bars of users where there are more lines."""
        if self.sight is None:
            return []
        ink = self.ink
        left = _numbers(self.sight, ink)
        pilot = _autopilot(self.sight, ink)
        if pilot and height == 1:
            lines: list[Line] = [pilot]
        else:
            lines = [[*left, *_goals(self.sight, width - width_of(left), ink)]]
            lines += [pilot] if pilot else []
        if height > 2 and self.sight.view is not None:
            values = [second.users for second in self.sight.view.snapshot.seconds]
            ceiling = self._ceiling.settle(values)
            what = "users" if self.sight.kind == "users" else "req/s asked"
            lines.append([(f"{what} over time, full height {ceiling:g}", ink.dim)])
            lines += spark_lines(
                values, width, min(height - len(lines), _MOST_ROWS), ceiling, style=ink.accent, zero=ink.faint
            )
        return lines


def _numbers(sight: Sight, ink: Ink) -> list[Span]:
    """Four numbers, never one."""
    if sight.view is None:
        return []
    snapshot = sight.view.snapshot
    rate = NONE_YET if snapshot.requests_per_s is None else per_second(snapshot.requests_per_s)
    line: list[Span] = []
    for label, number, calm in (
        ("active", snapshot.active, True),
        ("draining", snapshot.draining, not snapshot.draining),
        ("in flight", snapshot.in_flight, True),
    ):
        line += [(f"{label} ", ink.dim), (f"{number}", ink.text if calm else ink.warn), (" · ", ink.faint)]
    return [*line, (rate, ink.text), (" req/s", ink.dim)]


def _autopilot(sight: Sight, ink: Ink) -> list[Span]:
    """Where a profile is; else what the autopilot does and why, while it has the load or could go on."""
    view = sight.view
    if view is not None and view.following is not None:
        at = view.following
        where = f"part {at.part} of {at.of}: {load_words(at.to, view.kind)}"
        left = f" · {short_time(at.left_s)} left; a move of yours takes over"
        return [("▲ ", ink.accent), ("profile ", ink.dim), (where + left, ink.text)]
    search = view.search if view is not None else None
    if search is None or search.finding is not None:
        return []
    glyph = ("◇ ", ink.accent if search.armed else ink.dim)
    return [glyph, ("autopilot ", ink.dim), (search.says, ink.text if search.armed else ink.dim)]


def _goals(sight: Sight, width: int, ink: Ink) -> list[Span]:
    """The objectives that fit, each with what the last seconds say of it; one that is missed comes first."""
    if sight.view is None:
        return []
    line: list[Span] = [(" · ", ink.faint), ("goal ", ink.dim)]
    for goal in sorted(goals(sight.view), key=lambda goal: goal.met is not False):
        glyph, style = goal.look(ink)
        said: list[Span] = [
            (f"{glyph} ", style),
            (f"{goal.slo}  ", ink.dim if goal.met is not False else ink.bad),
        ]
        if width_of([*line, *said]) <= width + 2:
            line += said
    return line if len(line) > 2 else []
