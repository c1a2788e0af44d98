"""A question that is answered yes or no."""

from collections.abc import Iterable
from typing import ClassVar

from textual.binding import Binding
from textual.widget import Widget

from llmprobe.core.scrub import clean
from llmprobe.tui.screens.dialog import Dialog, plain
from llmprobe.tui.widgets.hints import Hint
from llmprobe.tui.widgets.reader import Reader


class AskScreen(Dialog[bool]):
    """Answers True for Enter, y, or the key that asked; False for n and Esc."""

    BINDINGS: ClassVar = [
        Binding("enter,y", "answer(True)", show=False),
        Binding("n,escape", "answer(False)", show=False),
    ]

    def __init__(self, title: str, question: str, *, yes: str, again: str = "") -> None:
        super().__init__()
        self.heading, self.hints = title, (Hint("enter", yes), Hint("escape", "no"))
        self._question = clean(question)
        self._again = again
        """The key that led here: pressed again it means yes."""

    def body(self) -> Iterable[Widget]:
        """The question."""
        yield Reader(plain(self._question), focusable=True)

    def check_consume_key(self, key: str, character: str | None) -> bool:  # noqa: ARG002 - Textual's signature
        """The key that asked is mine."""
        return bool(self._again) and key == self._again

    def on_key(self, event: object) -> None:
        """Pressed again."""
        if self._again and getattr(event, "key", "") == self._again:
            self.dismiss(result=True)

    def action_answer(self, yes: bool) -> None:
        """Leave with it."""
        self.dismiss(yes)
