"""What keys do in a dialog, in its lower border; each can be clicked. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass

from textual.content import Content
from textual.style import Style

from llmprobe.tui.keys import shown_as
from llmprobe.tui.widgets.drawn import on_one_line
from llmprobe.tui.widgets.ink import Ink

_BETWEEN = " · "


@dataclass(frozen=True, slots=True)
class Hint:
    """A key, or two that belong together, and a word for what they do."""

    keys: str
    """As Textual names them, with commas between."""
    label: str

    @property
    def parts(self) -> list[tuple[str, str]]:
        """What is shown, and the key that a click on it presses; the last takes the word along."""
        keys = self.keys.split(",")
        shown = [shown_as(key) for key in keys]
        shown[-1] += f" {self.label}"
        return list(zip(shown, keys, strict=True))

    @property
    def cells(self) -> int:
        """Width."""
        return sum(len(shown) + 1 for shown, _ in self.parts) - 1


def hint_text(hints: Sequence[Hint], width: int, ink: Ink, *, said: str = "") -> Content:
    """What was done, then as many hints as fit, the last always: it tells how to leave."""
    room = width - (len(said) + len(_BETWEEN) if said else 0)
    kept = list(hints)
    while len(kept) > 1 and sum(hint.cells + len(_BETWEEN) for hint in kept) - len(_BETWEEN) > room:
        del kept[-2]
    text = Content(on_one_line(said, only_ascii=ink.ascii))
    for hint in kept:
        if text:
            text = text.append(on_one_line(_BETWEEN, only_ascii=ink.ascii))
        for at, (shown, key) in enumerate(hint.parts):
            pressed = Style.from_meta({"@click": f"screen.press('{key}')"})
            gap = " " if at else ""
            text = text.append(gap).append(Content.styled(on_one_line(shown, only_ascii=ink.ascii), pressed))
    return text
