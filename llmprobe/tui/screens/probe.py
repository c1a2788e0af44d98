"""The one screen: panes around a slider. It asks for a sight a few times a second and hands it round.

What a person does to the session goes to the app: by its own actions, and by the functions given here. Not
by messages: one sent while the screen handles something else ends below it, for its sender is the screen.
"""

import logging
from collections.abc import Callable
from functools import partial
from typing import ClassVar, Protocol, cast

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Horizontal, Vertical
from textual.events import DescendantFocus, Resize
from textual.screen import Screen
from textual.timer import Timer
from textual.widget import Widget

from llmprobe.core.engine import Watch
from llmprobe.tui.feed import POLL_EVERY_S, Feed, Sight
from llmprobe.tui.keys import BY_ACTION, KEYS, PANES, Key
from llmprobe.tui.layout import BODY, Pane, fits, one_at_a_time, visible_panes
from llmprobe.tui.panes.banner import Banner
from llmprobe.tui.panes.capacity import CapacityPane
from llmprobe.tui.panes.details import DetailsPane
from llmprobe.tui.panes.events import EventsPane
from llmprobe.tui.panes.figures import FiguresPane
from llmprobe.tui.panes.footer import Footer
from llmprobe.tui.panes.header import EndpointLine, Header
from llmprobe.tui.panes.load import LoadPane
from llmprobe.tui.panes.streams import StreamsPane
from llmprobe.tui.panes.tabs import Tabs
from llmprobe.tui.panes.too_small import TooSmall
from llmprobe.tui.widgets.curve import warm_up
from llmprobe.tui.widgets.slider import Moved
from llmprobe.tui.widgets.title import pane_title

_LOG = logging.getLogger(__name__)
_WARM_UP_AFTER_S = 0.5


class HasKeys(Protocol):
    """The app as the footer needs it."""

    keys: dict[str, Key]


class _Shows(Protocol):
    """A pane."""

    def show(self, sight: Sight) -> None:
        """Take a new sight."""


class ProbeScreen(Screen[None], inherit_bindings=False):
    """Layout, focus and keys; what keys do to the session is the app's."""

    AUTO_FOCUS = "#streams"
    BINDINGS: ClassVar = [
        *(key.binding for key in (*KEYS, *PANES)),
        Binding("tab", "next(1)", show=False), Binding("shift+tab", "next(-1)", show=False),
        Binding("escape", "back", show=False),
    ]  # fmt: skip

    def __init__(
        self,
        feed: Feed,
        *,
        moved: Moved,
        end_asked: Moved,
        turned: Callable[[], None],
        watch: Callable[[Watch], None],
    ) -> None:
        super().__init__()
        self._feed = feed
        self._sight = feed.look()
        self.body = Pane.STREAMS
        """The pane in front where one is shown at a time."""
        self.zoomed: Pane | None = None
        self._beat: Timer | None = None
        self.load = LoadPane(moved, end_asked, turned, Pane.LOAD)
        self.streams = StreamsPane(watch, self.make_room, Pane.STREAMS)
        self.banner = Banner("banner")
        self._header, self._endpoint_line, self._details = Header(), EndpointLine(), DetailsPane(Pane.DETAILS)
        self._figures, self._capacity = FiguresPane(Pane.FIGURES), CapacityPane(Pane.CAPACITY)
        self._events, self._tabs, self._footer = EventsPane(Pane.EVENTS), Tabs(), Footer("footer")

        self._panes: tuple[_Shows, ...] = (
            self._header, self._endpoint_line, self.load, self._figures, self._capacity, self._events,
            self._details, self.streams, self.banner,
        )  # fmt: skip

    def compose(self) -> ComposeResult:
        """Nested so that each container shows what it holds."""
        yield TooSmall()
        yield self._header
        yield self._endpoint_line
        with Horizontal(id="main"):
            with Vertical(id="columns"):
                yield self.load
                yield self._tabs
                yield self._figures
                with Horizontal(id="lower"):
                    with Vertical(id="left"):
                        yield self._capacity
                        yield self._events
                    with Vertical(id="right"):
                        yield self.streams
            yield self._details
        yield self.banner
        yield self._footer

    def on_mount(self) -> None:
        """Titles, and the beat."""
        for pane, number in ((self.load, 1), (self._capacity, 3), (self._events, 5), (self._details, 6)):
            pane.border_title = pane_title(number, cast("str", pane.id).capitalize())
        titles = (pane_title(2, "TTFT s"), pane_title(None, "Tokens/s"), pane_title(None, "429 %"))
        for figure, title in zip(self._figures.parts, titles, strict=True):
            figure.border_title = title
        self.look_every(POLL_EVERY_S)
        self.set_timer(_WARM_UP_AFTER_S, partial(self.run_worker, warm_up, thread=True))
        self.lay_out(*self.app.size)

    # What is shown

    def look_every(self, seconds: float) -> None:
        """So often the panes are shown a new sight."""
        if self._beat is not None:
            self._beat.stop()
        self._beat = self.set_interval(seconds, self.poll)

    def poll(self) -> None:
        """Look, and hand round what is seen; each pane touches only what changed."""
        self._sight = sight = self._feed.look()
        for pane in self._panes:
            try:
                pane.show(sight)
            except Exception:  # noqa: BLE001 - logged; a picture must not end a run
                _LOG.exception("%s could not take a sight", type(pane).__name__)
                self.banner.flash("✖", f"render error: {type(pane).__name__}")
        self._refoot()

    def _refoot(self) -> None:
        self._footer.show(
            self._sight, self.focused_pane, cast("HasKeys", self.app).keys,
            past=self.streams.past, reading=self.streams.reading,
            zoomed=self.zoomed is not None, can_open=self.streams.can_open,
        )  # fmt: skip

    def on_resize(self, event: Resize) -> None:
        """Other panes may fit now."""
        self.lay_out(event.size.width, event.size.height)

    def lay_out(self, width: int = 0, height: int = 0) -> None:
        """Show the panes there is room for, and the containers that hold any."""
        width, height = width or self.size.width, height or self.size.height
        shown = visible_panes(width, height, self.body, zoomed=self.zoomed)
        small = not fits(width, height)
        for widget in (self._header, self._footer, self.query_one("#main")):
            widget.display = not small
        self.query_one(TooSmall).display = small
        for pane in Pane:
            self.query_one(f"#{pane}").display = pane in shown
        self.query_one("#left").display = bool(shown & {Pane.CAPACITY, Pane.EVENTS})
        self.query_one("#right").display = Pane.STREAMS in shown
        self.query_one("#lower").display = bool(shown & {Pane.CAPACITY, Pane.EVENTS, Pane.STREAMS})
        alone = shown - {Pane.LOAD}
        self._tabs.display = one_at_a_time(width, height) and not small and self.zoomed is not Pane.LOAD
        self._tabs.show(self.body)
        self._figures.set_class(alone == {Pane.FIGURES}, "-stacked")
        self._events.set_class(Pane.CAPACITY not in shown, "-alone")
        self.load.set_class(not alone, "-alone")
        self.query_one("#main").set_class(alone == {Pane.DETAILS}, "-stacked")
        if shown and self._pane_of(self.focused) not in shown:
            self._focus(self.zoomed or self.body)
        self.call_after_refresh(self.poll)

    # Where the focus is

    def on_descendant_focus(self, event: DescendantFocus) -> None:
        """The footer tells what the pane in focus can do."""
        pane = self._pane_of(event.widget)
        if pane in BODY:
            self.body = pane
        self._refoot()

    @property
    def focused_pane(self) -> Pane | None:
        """The pane that holds the focus."""
        return self._pane_of(self.focused)

    def _pane_of(self, widget: Widget | None) -> Pane | None:
        while widget is not None:
            if widget.id in set(Pane):
                return Pane(widget.id)
            widget = widget.parent if isinstance(widget.parent, Widget) else None
        return None

    def _focus(self, pane: Pane) -> None:
        self.set_focus(self.load.slider if pane is Pane.LOAD else self.query_one(f"#{pane}"))

    def action_pane(self, name: str) -> None:
        """To a pane, in front if it was behind."""
        pane = Pane(name)
        if pane is not Pane.LOAD:
            self.body = pane
        if self.zoomed is not None:
            self.zoomed = pane
        self.lay_out()
        self._focus(pane)

    def action_next(self, by: int) -> None:
        """To the neighbour in the order of the keys 1 to 6."""
        panes = [pane for pane in Pane if self.query_one(f"#{pane}").display or self._one_in_front]
        at = self._pane_of(self.focused)
        place = panes.index(at) if at in panes else -by
        self.action_pane(panes[(place + by) % len(panes)])

    @property
    def _one_in_front(self) -> bool:
        return one_at_a_time(self.size.width, self.size.height) or self.zoomed is not None

    def action_zoom(self) -> None:
        """All the room for the pane in focus, or back."""
        self.zoomed = (self._pane_of(self.focused) or self.body) if self.zoomed is None else None
        self.lay_out()

    def action_back(self) -> None:
        """Out of a text, a zoom, or a pane that stands where others belong."""
        if self.streams.close_text():
            return
        self.zoomed = None
        if self.body in {Pane.EVENTS, Pane.DETAILS}:
            self.body = Pane.STREAMS
            self._focus(self.body)
        self.lay_out()

    @on(Tabs.Chosen)
    def tab_chosen(self, event: Tabs.Chosen) -> None:
        """A name among the tabs."""
        self.action_pane(event.pane)

    # Streams

    def action_log(self) -> None:
        """Live rows or log."""
        self._to_streams()
        self.streams.turn()
        self._refoot()

    def action_filter(self) -> None:
        """Words for the log."""
        self._to_streams()
        self.streams.start_filter()
        self._refoot()

    def action_copy_text(self) -> None:
        """The text under the cursor, to the clipboard of the terminal."""
        if said := self.streams.said:
            self.app.copy_to_clipboard(said)
            self.banner.flash("✓", f"{len(said)} characters copied")

    def action_follow(self) -> None:
        """The text under the cursor in full, with all the room."""
        self._to_streams()
        self.streams.open_text()

    def _to_streams(self) -> None:
        if self._pane_of(self.focused) is not Pane.STREAMS:
            self.action_pane(Pane.STREAMS)

    def make_room(self, reading: bool) -> None:
        """A text gets all the room, and gives it back."""
        self.zoomed = Pane.STREAMS if reading else None
        self.lay_out()

    # The hand on the load

    def action_halve(self) -> None:
        """Half the load."""
        self.load.slider.halve()

    def action_double(self) -> None:
        """Twice the load."""
        self.load.slider.double()

    def action_less(self) -> None:
        """One user less, or a tenth of a request a second."""
        self.load.slider.step(-1)

    def action_more(self) -> None:
        """One user more, or a tenth of a request a second."""
        self.load.slider.step(1)

    def action_least(self) -> None:
        """One user, or the lowest rate."""
        self.load.slider.go(0)

    def action_most(self) -> None:
        """The end of the slider, once confirmed."""
        self.load.slider.ask_end()

    @on(Footer.Pressed)
    async def key_clicked(self, event: Footer.Pressed) -> None:
        """As if it were pressed."""
        await self.run_action(BY_ACTION[event.action].call)
