"""The first line: is it running, against what, and what has it cost. And the one that says more of it."""

from collections.abc import Sequence
from typing import cast

from rich.style import Style

from llmprobe.core.scrub import clean
from llmprobe.core.target import is_sim
from llmprobe.core.units import people_usd
from llmprobe.session.view import View
from llmprobe.tui.feed import Sight
from llmprobe.tui.widgets.drawn import Drawn
from llmprobe.tui.widgets.ink import Ink
from llmprobe.tui.widgets.spans import Line, Span, fitted, spread
from llmprobe.tui.wording import clock, count, place, state_of

_BAR_CELLS = 8


class Header(Drawn):
    """State, elapsed, endpoint, model; at the right what is spent of what may be."""

    sight: Sight | None = None

    def show(self, sight: Sight) -> None:
        """Take a new sight."""
        self.sight = sight
        self.redraw()

    def lines(self, width: int, height: int) -> Sequence[Line]:  # noqa: ARG002 - it is one line
        """One line."""
        ink, sight = self.ink, self.sight
        if sight is None:
            return []
        if sight.view is None:
            glyph, word, style = ("◌", "OPENING", ink.warn) if sight.opening else ("✖", "NOT OPEN", ink.bad)
            left = [(f" {glyph} {word}  ", style), (sight.scenario.endpoint.url, ink.strong)]
            return [spread(left, [], width, ink.text)]
        view = sight.view
        glyph, word, role = state_of(view, draining_of=sight.draining_of)
        left = [
            (f" {glyph} {word}", cast("Style", getattr(ink, role))),
            (f"  {clock(view.elapsed_s)}", ink.text),
            (f"  {fitted(place(view), 40)}", ink.strong),
            (f"  {clean(view.model)}", ink.dim),
        ]
        return [spread(left, [*budget(view, ink), (" ", ink.text)], width, ink.text)]


class EndpointLine(Drawn):
    """What each request carries; shown where there is a line to spare."""

    sight: Sight | None = None

    def show(self, sight: Sight) -> None:
        """Take a new sight."""
        self.sight = sight
        self.redraw()

    def lines(self, width: int, height: int) -> Sequence[Line]:  # noqa: ARG002 - it is one line
        """One line."""
        if self.sight is None:
            return []
        view, scenario = self.sight.view, self.sight.scenario
        endpoint, prompts = scenario.endpoint, scenario.prompts
        facts = [
            view.url if view is not None else endpoint.url,
            endpoint.dialect or "",
            f"key ${endpoint.api_key_env}" if endpoint.api_key_env else "",
            f"{prompts.corpus}, {prompts.cache} cache",
            f"at most {prompts.max_tokens} tokens" if prompts.max_tokens else "no output limit",
            f"seed {scenario.seed}",
            "certificates unchecked" if endpoint.insecure and not is_sim(endpoint.url) else "",
        ]
        text = clean(" · ".join(fact for fact in facts if fact))
        return [[(f"   {fitted(text, width - 4)}", self.ink.dim)]]


def budget(view: View, ink: Ink) -> list[Span]:
    """Money against its cap, else requests against theirs, else how many there were."""
    if view.spent_usd is not None and view.max_usd:
        said, share = (
            f"{people_usd(view.spent_usd)}/{people_usd(view.max_usd)}",
            view.spent_usd / view.max_usd,
        )
    elif view.max_requests:
        said, share = (
            f"{view.spent_requests}/{view.max_requests} requests",
            view.spent_requests / view.max_requests,
        )
    else:
        money = f"{people_usd(view.spent_usd)}  " if view.spent_usd is not None else ""
        return [(f"{money}{count(view.spent_requests)} requests", ink.dim)]
    style = ink.bad if share >= 1 else ink.warn if share >= 0.8 else ink.accent
    full = min(_BAR_CELLS, round(share * _BAR_CELLS))
    return [
        (f"{said} ", ink.text), ("█" * full, style), ("░" * (_BAR_CELLS - full), ink.faint),
        (f" {min(share, 9.99):.0%}", ink.dim),
    ]  # fmt: skip
