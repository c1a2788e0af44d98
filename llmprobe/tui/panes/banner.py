"""A banner that stays while there is trouble, with the whole of its text; else a passing word."""

from collections.abc import Sequence

from textual.timer import Timer

from llmprobe.session.view import State
from llmprobe.tui.feed import Sight
from llmprobe.tui.widgets.drawn import Drawn
from llmprobe.tui.widgets.spans import Line, wrapped

_MOST_LINES = 4
_PASSES_AFTER_S = 4.0


class Banner(Drawn):
    """As high as its text; gone without any."""

    def __init__(self, ident: str | None = None) -> None:
        super().__init__(ident)
        self._glyph, self._text = "", ""
        self._trouble: tuple[str, str] | None = None
        self._passing: tuple[str, str] | None = None
        self._timer: Timer | None = None

    def show(self, sight: Sight) -> None:
        """Take a new sight: its trouble, or the note of the session."""
        self._trouble = _trouble(sight)
        self._settle()

    def flash(self, glyph: str, text: str, *, passes_after_s: float = _PASSES_AFTER_S) -> None:
        """Say something for a few seconds, over whatever stands there."""
        if self._timer is not None:
            self._timer.stop()
        self._passing = (glyph, text)
        self._timer = self.set_timer(passes_after_s, self._pass)
        self._settle()

    def on_resize(self) -> None:
        """Another width breaks the text elsewhere."""
        self._settle()

    def lines(self, width: int, height: int) -> Sequence[Line]:  # noqa: ARG002 - its height follows its text
        """The text, wrapped."""
        ink = self.ink
        style = {"✓": ink.good, "·": ink.accent, "$": ink.warn, "!": ink.warn}.get(self._glyph, ink.bad)
        texts = wrapped(self._text, width - 4)
        return [
            [
                (f" {self._glyph if at == 0 else ' '} ", style),
                (text, ink.text if at or self._glyph in "✓·" else style),
            ]
            for at, text in enumerate(texts)
        ]

    def _pass(self) -> None:
        self._passing = self._timer = None
        self._settle()

    def _settle(self) -> None:
        said = self._passing or self._trouble
        self._glyph, self._text = said or ("", "")
        width = self.app.size.width
        self.display = said is not None
        if said is not None:
            self.styles.height = min(_MOST_LINES, len(wrapped(self._text, width - 4)))
        self.redraw()


def _trouble(sight: Sight) -> tuple[str, str] | None:
    if sight.trouble:
        return "✖", sight.trouble
    view = sight.view
    if view is None:
        return None
    if view.endpoint_down and view.state is State.RUNNING:
        reason = view.note or view.snapshot.last_error or "connections fail"
        return "↯", f"The endpoint can't be reached: {reason}"
    bound = view.snapshot.probe_bound
    if bound is not None and view.state is State.RUNNING:
        return "!", f"No verdict at this load: the probe is the bottleneck. {bound[:1].upper()}{bound[1:]}."
    if view.note:
        return ("$" if view.state is State.CAPPED else "✖" if view.state is State.FAILED else "·"), view.note
    return None
