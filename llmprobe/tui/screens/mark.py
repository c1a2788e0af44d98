"""A note of a person beside the figures of this moment."""

from collections.abc import Iterable

from textual import on
from textual.widget import Widget
from textual.widgets import Input

from llmprobe.tui.screens.dialog import CANCEL, Dialog
from llmprobe.tui.widgets.hints import Hint


class MarkScreen(Dialog[str]):
    """Answers the note, or None."""

    heading = "Mark this moment"
    hints = (Hint("enter", "mark"), CANCEL)

    def body(self) -> Iterable[Widget]:
        """One field."""
        yield Input(placeholder="what happened", compact=True)

    @on(Input.Submitted)
    def submit(self, event: Input.Submitted) -> None:
        """Leave with it."""
        self.dismiss(event.value.strip() or "mark")
