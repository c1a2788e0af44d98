"""Save the session: a name, where it goes; then the path and the command that replays it."""

from collections.abc import Callable, Iterable, Sequence
from typing import ClassVar

from textual import on
from textual.binding import Binding
from textual.containers import Horizontal
from textual.widget import Widget
from textual.widgets import Input

from llmprobe.core.errors import LlmprobeError
from llmprobe.core.scrub import clean
from llmprobe.session.folder import plain_name
from llmprobe.session.recorder import Saved
from llmprobe.tui.screens.dialog import CANCEL, Dialog, plain
from llmprobe.tui.widgets.hints import Hint
from llmprobe.tui.widgets.ink import Ink
from llmprobe.tui.widgets.reader import Reader
from llmprobe.tui.widgets.spans import Line, wrapped

_DONE = Hint("enter", "done")


class SaveScreen(Dialog[None]):
    """Stays until it is left, so that the command can be read and copied."""

    heading = "Save as a scenario"
    hints = (Hint("enter", "save"), CANCEL)
    BINDINGS: ClassVar = [Binding("y", "copy", show=False), Binding("enter", "leave", show=False)]

    def __init__(self, name: str, save: Callable[[str], Saved]) -> None:
        super().__init__()
        self._name_before = clean(name)
        self._save = save
        self._saved: Saved | None = None

    def body(self) -> Iterable[Widget]:
        """The name and what it leads to."""
        field = Input(self._name_before, id="name", compact=True)
        yield Horizontal(Reader(plain("name", role="dim")), field, classes="field")
        yield Reader(plain(_where(self._name_before), role="dim"), ident="said")

    @on(Input.Changed)
    def show_place(self, event: Input.Changed) -> None:
        """Where a file of that name goes."""
        self.query_one("#said", Reader).rewrite(plain(_where(event.value), role="dim"))

    @on(Input.Submitted)
    def submit(self, event: Input.Submitted) -> None:
        """Write it and say how to replay it."""
        said = self.query_one("#said", Reader)
        try:
            self._saved = self._save(event.value.strip() or self._name_before)
        except LlmprobeError as error:
            said.rewrite(plain(f"✖ {error.message}", role="bad"))
            return
        self.query_one(".field").display = False
        said.can_focus = True
        said.rewrite(self._told)
        said.focus()
        self.rehint(Hint("y", "copy the command"), _DONE)

    def action_copy(self) -> None:
        """The command, to the clipboard of the terminal."""
        if self._saved is not None:
            self.app.copy_to_clipboard(self._saved.command)
            self.rehint(_DONE, said="✓ copied")

    def _told(self, width: int, ink: Ink) -> Sequence[Line]:
        assert self._saved is not None
        return [
            *([(line, ink.good)] for line in wrapped(f"✓ saved {self._saved.path}", width)),
            [],
            [("replay it without a screen:", ink.dim)],
            *([(line, ink.strong)] for line in wrapped(self._saved.command, width)),
        ]


def _where(name: str) -> str:
    return f"writes ./{plain_name(name)}.toml; never over another file"
