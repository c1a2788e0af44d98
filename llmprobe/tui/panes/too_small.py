"""What a terminal shows that is too small for anything else."""

from collections.abc import Sequence

from llmprobe.tui.layout import LEAST_HEIGHT, LEAST_WIDTH
from llmprobe.tui.widgets.drawn import Drawn
from llmprobe.tui.widgets.spans import Line, wrapped


class TooSmall(Drawn):
    """One sentence in the middle: what it is, what it must be."""

    def lines(self, width: int, height: int) -> Sequence[Line]:
        """The sentence."""
        said = (
            f"This terminal is {self.app.size.width}x{self.app.size.height}; "
            f"llmprobe needs at least {LEAST_WIDTH}x{LEAST_HEIGHT}. Make it larger, or press q to quit."
        )
        text = wrapped(said, max(1, min(44, width - 2)))
        above: list[Line] = [[]] * max(0, (height - len(text)) // 2)
        return [*above, *([(f"{line:^{width}}", self.ink.text)] for line in text)]
