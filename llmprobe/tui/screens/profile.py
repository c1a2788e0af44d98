"""A load over time, shaped while it runs: held, ramped, in bursts or in steps."""

from collections.abc import Iterable, Sequence
from functools import partial
from typing import ClassVar

from textual import on
from textual.binding import Binding
from textual.containers import Horizontal
from textual.widget import Widget
from textual.widgets import Input

from llmprobe.core.load import LoadKind, Stage
from llmprobe.core.scrub import clean
from llmprobe.session.profile import parse_profile, told
from llmprobe.tui.screens.dialog import CANCEL, Dialog, plain
from llmprobe.tui.widgets.hints import Hint
from llmprobe.tui.widgets.picks import Pick, Picks
from llmprobe.tui.widgets.reader import Reader

Profile = tuple[Stage, ...]
_HINT = "64 over 30s for 1m: a load, how long the way to it takes, how long it stays; the last stays"


class ProfileScreen(Dialog[Profile]):
    """Answers the stages to go through from now on, or None. Says what is wrong while it is typed."""

    heading = "Load over time"
    BINDINGS: ClassVar = [Binding("down", "app.focus_next", show=False)]
    hints = (Hint("enter", "go"), Hint("down", "choose"), CANCEL)

    def __init__(self, load: float, most: int, kind: LoadKind) -> None:
        super().__init__()
        self._load, self._most, self._kind = load, most, kind

    def body(self) -> Iterable[Widget]:
        """The profile, what is said of it, and shapes to begin with."""
        first = f"{min(2 * self._load, self._most):g} over 30s"
        field = Input(first, id="profile", compact=True, select_on_focus=False)
        yield Horizontal(Reader(plain("profile", role="dim")), field, classes="field")
        yield Reader(plain(_HINT, role="dim"), ident="said")
        yield Picks("picks", most=4)

    def on_mount(self) -> None:
        """The shapes, from the load of now."""
        picks = [Pick(name, told(stages), partial(self._take, stages)) for name, stages in self._shapes()]
        self.query_one(Picks).offer("Shapes", picks)

    def _shapes(self) -> Sequence[tuple[str, Profile]]:
        at, hold, most = self._load, 30.0, self._most
        twice, four = min(2 * at, most), min(4 * at, most)
        end = parse_profile(f"{at:g}", self._kind, most)
        return (
            ("hold", end),
            ("ramp", parse_profile(f"{four:g} over 1m", self._kind, most)),
            ("burst", (Stage(four, 10.0), *end)),
            ("steps", (Stage(at, hold), Stage(twice, hold), Stage(four, hold), *end)),
        )

    def _take(self, stages: Profile) -> None:
        field = self.query_one("#profile", Input)
        field.value = told(stages)
        field.focus()

    @on(Input.Changed)
    def judge(self, event: Input.Changed) -> None:
        """Say at once what is wrong."""
        self._read(event.value)

    @on(Input.Submitted)
    def submit(self, event: Input.Submitted) -> None:
        """Leave with it, if it is sound."""
        if (stages := self._read(event.value)) is not None:
            self.dismiss(stages)

    def _read(self, text: str) -> Profile | None:
        said = self.query_one("#said", Reader)
        try:
            stages = parse_profile(text, self._kind, self._most)
        except ValueError as error:
            said.rewrite(plain(f"✖ {clean(str(error))}", role="bad"))
            return None
        said.rewrite(plain(_HINT, role="dim"))
        return stages
