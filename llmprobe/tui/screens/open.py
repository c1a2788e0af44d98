"""Open a scenario, or a run of before with its results: a path, or one of those that lie here."""

import asyncio
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from pathlib import Path
from typing import Any, ClassVar, cast

from textual import on
from textual.binding import Binding
from textual.containers import Horizontal
from textual.widget import Widget
from textual.widgets import Input

from llmprobe.core.errors import LlmprobeError
from llmprobe.core.scenario import Scenario
from llmprobe.core.scrub import clean
from llmprobe.core.units import people_seconds
from llmprobe.report.result import Result
from llmprobe.session.recent import Recent
from llmprobe.tui.screens.dialog import CANCEL, Dialog, plain
from llmprobe.tui.screens.results import PastResultsScreen
from llmprobe.tui.widgets.hints import Hint
from llmprobe.tui.widgets.picks import Pick, Picks
from llmprobe.tui.widgets.reader import Reader

_HINT = "a scenario file; or a run folder: its results, and the scenario that does it again"
_ENDS = "opening it ends this run; its folder is kept"
_MOST_PICKS = 10


class OpenScreen(Dialog[Scenario]):
    """Answers a sound scenario, or None. What is wrong with one is said by file, line and key."""

    heading = "Open"
    hints = (Hint("enter", "open"), Hint("down", "choose"), CANCEL)
    wide = True
    BINDINGS: ClassVar = [Binding("down", "app.focus_next", show=False)]

    def __init__(
        self,
        find: Callable[[], Sequence[Recent]],
        read: Callable[[Path], Scenario],
        judge: Callable[[Path], Result],
        *,
        running: bool,
    ) -> None:
        super().__init__()
        self._find = find
        self._read = read
        self._judge = judge
        self._hint = _ENDS if running else _HINT

    def body(self) -> Iterable[Widget]:
        """A path, what is said of it, and what lies here."""
        field = Input(placeholder="scenario.toml", id="path", compact=True)
        yield Horizontal(Reader(plain("path", role="dim")), field, classes="field")
        yield Reader(plain(self._hint, role="dim"), ident="said")
        yield Picks("picks", most=_MOST_PICKS)

    def on_mount(self) -> None:
        """Look around beside the screen."""
        self.run_worker(cast("Any", self._look_around))  # its type is narrower than what it takes

    async def _look_around(self) -> None:
        found = await asyncio.to_thread(self._find)
        picks = [
            Pick(one.path.name, one.said, partial(self._look_at if one.run else self._open, one.path))
            for one in found
        ]
        self.query_one(Picks).offer("Here", picks)

    @on(Input.Submitted)
    def submit(self, event: Input.Submitted) -> None:
        """Open what was typed."""
        typed = event.value.strip()
        if typed:
            path = Path(typed).expanduser()
            (self._look_at if path.is_dir() else self._open)(path)

    def _look_at(self, folder: Path) -> None:
        """The results of a run; from there its scenario is opened."""

        async def judged() -> Result:
            return await asyncio.to_thread(self._judge, folder)

        def answered(wanted: bool | None) -> None:
            if wanted:
                self._open(folder)

        self.app.push_screen(PastResultsScreen(folder.resolve().name, judged), answered)

    def _open(self, path: Path) -> None:
        try:
            scenario = self._read(path)
        except LlmprobeError as error:
            said = f"✖ {clean(error.message)}"
            self.query_one("#said", Reader).rewrite(plain(said, role="bad"))
            return
        self.dismiss(scenario)


def opened_words(scenario: Scenario) -> str:
    """What there is to say of a scenario that was opened."""
    stages = scenario.load.stages
    if not stages:
        return f"{scenario.name} is open: space starts"
    takes = people_seconds(sum(stage.ramp_s + stage.hold_s for stage in stages))
    plan = "1 stage" if len(stages) == 1 else f"{len(stages)} stages"
    return f"{scenario.name} is open: space starts its plan of {plan}, {takes}; a move of yours takes over"
