"""The text that streams, to believe the numbers: a line a virtual user, or the log of what is finished.

Only the rows in sight are asked of the session. A reader who moved away from the newest entry of the log
stays with what he reads, whatever arrives.
"""

from collections.abc import Callable, Sequence
from typing import ClassVar

from textual import events
from textual.binding import Binding

from llmprobe.core.engine import Watch
from llmprobe.core.scrub import clean
from llmprobe.tui.feed import Sight
from llmprobe.tui.panes.stream_faces import LiveFace, LogFace, TextFace
from llmprobe.tui.widgets.drawn import Drawn
from llmprobe.tui.widgets.spans import Line
from llmprobe.tui.widgets.title import pane_title

_LONGEST_FILTER = 60
_WHEEL_LINES = 3
_FAR = 1_000_000


class StreamsPane(Drawn, can_focus=True):
    """Live rows or log; Enter shows one in full."""

    BINDINGS: ClassVar = [
        Binding("up,k", "move(-1)", show=False),
        Binding("down,j", "move(1)", show=False),
        Binding("home", f"move({-_FAR})", show=False),
        Binding("end", f"move({_FAR})", show=False),
        Binding("ctrl+u", "page(-1)", show=False),
        Binding("ctrl+d", "page(1)", show=False),
    ]

    def __init__(
        self,
        watch: Callable[[Watch], None],
        reading: Callable[[bool], None],
        ident: str | None = None,
    ) -> None:
        super().__init__(ident)
        self._watch_rows = watch
        """Told which rows are in sight, and which stream is followed, when it is others than before."""
        self._now_reading = reading
        """Told when a text is shown in full, and when no longer."""
        self.past = False
        """Whether the log is shown, not the live rows."""
        self.live, self.record, self.text = LiveFace(), LogFace(), TextFace()
        self._sight: Sight | None = None
        self._told: Watch | None = None

    @property
    def reading(self) -> bool:
        """Whether one text is shown in full."""
        return self.text.open

    @property
    def can_open(self) -> bool:
        """Whether the cursor is on anything to show in full."""
        return self.reading or self._list.total > 0

    @property
    def _list(self) -> LiveFace | LogFace:
        return self.record if self.past else self.live

    # What is shown

    def show(self, sight: Sight) -> None:
        """Take a new sight."""
        self._sight = sight
        self._settle()

    def forget(self) -> None:
        """Another session: it was told nothing yet, and nothing of the old one is shown."""
        self.live, self.record, self.text, self._told = LiveFace(), LogFace(), TextFace(), None

    def turn(self) -> None:
        """Between live rows and log."""
        self._face(past=not self.past)

    def start_filter(self) -> None:
        """Type words to filter the log by."""
        self.record.typing = True
        self._face(past=True)

    def _face(self, *, past: bool) -> None:
        self.close_text()
        self.past = past
        self.border_title = pane_title(4, "Streams", "log" if past else "live")
        self._settle()

    def open_text(self) -> None:
        """Show in full what the cursor is on; back from there."""
        if self.close_text() or not self.can_open:
            return
        if self.past:
            self.text.show_entry(self.record.entries[self.record.roll.cursor])
        else:
            self.text.show_stream(self.live.roll.cursor)
        self._now_reading(True)
        self._settle()

    def close_text(self) -> bool:
        """Back to the list; whether there was anything to close."""
        if not self.reading:
            return False
        self.text.close()
        self._now_reading(False)
        self._settle()
        return True

    def on_mount(self) -> None:
        """Live rows first."""
        self._face(past=False)

    def on_resize(self) -> None:
        """Other rows are in sight."""
        self._settle()

    def _settle(self) -> None:
        """Everything that follows from a new sight, size or choice."""
        height = self.size.height
        if self._sight is not None:
            self.live.take(self._sight, height)
            self.record.take(self._sight, height)
            self.text.take(self._sight)
        in_sight = self.display and height > 1 and not self.past and not self.reading
        rows = self.live.rows(height) if in_sight else 0
        watch = Watch(
            first_row=self.live.roll.first if rows else 0, rows=rows, follow=self.text.follow, log=True
        )
        if watch != self._told:
            self._told = watch
            self._watch_rows(watch)
        foot = "Esc: back to the list" if self.reading else self._list.foot(height)
        self.write_foot(foot)
        self.redraw()

    # Typing a filter

    def check_consume_key(self, key: str, character: str | None) -> bool:
        """While a filter is typed, what edits it is mine."""
        typable = character is not None and len(character) == 1 and character.isprintable()
        return self.record.typing and (key in {"enter", "escape", "backspace"} or typable)

    def on_key(self, event: events.Key) -> None:
        """Edit the filter."""
        if not self.check_consume_key(event.key, event.character):
            return
        event.stop()
        log = self.record
        match event.key:
            case "enter":
                log.typing = False
            case "escape":
                log.typing, log.filter = False, ""
            case "backspace":
                log.filter = log.filter[:-1]
            case _:
                log.filter = (log.filter + (event.character or ""))[:_LONGEST_FILTER]
        self._settle()

    def on_paste(self, event: events.Paste) -> None:
        """Pasted words belong to the filter."""
        if self.record.typing:
            event.stop()
            pasted = " ".join(clean(event.text).split())
            self.record.filter = (self.record.filter + pasted)[:_LONGEST_FILTER]
            self._settle()

    def on_blur(self) -> None:
        """Leaving the pane ends the typing; the filter stays."""
        self.record.typing = False
        self._settle()

    def on_focus(self) -> None:
        """The cursor shows."""
        self.redraw()

    @property
    def said(self) -> str:
        """The text under the cursor, or the one in full, clean of controls; empty without any."""
        return clean(self.text.said if self.reading else self._list.said)

    # Moving about

    def action_move(self, by: int) -> None:
        """Lines up or down."""
        if self.reading:
            self.text.slide(by, self.size.width, self.size.height, self.ink)
        else:
            self._list.roll.move(by, self._list.total, self._list.rows(self.size.height))
        self._settle()

    def action_page(self, by: int) -> None:
        """A page up or down."""
        self.action_move(by * max(1, self.size.height - 2))

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        """The wheel moves the window."""
        self._wheel(event, -_WHEEL_LINES)

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        """The wheel moves the window."""
        self._wheel(event, _WHEEL_LINES)

    def _wheel(self, event: events.MouseEvent, by: int) -> None:
        event.stop()
        if self.reading:
            self.text.slide(by, self.size.width, self.size.height, self.ink)
        else:
            self._list.roll.slide(by, self._list.total, self._list.rows(self.size.height))
        self._settle()

    def on_click(self, event: events.Click) -> None:
        """Choose a line; a second click opens it."""
        place = event.get_content_offset(self)
        if place is None or self.reading or place.y < 1:
            return
        shown, at = self._list, self._list.roll.first + place.y - 1
        if at < shown.total and place.y <= shown.rows(self.size.height):
            shown.roll.cursor = at
            if event.chain > 1:
                self.open_text()
            self._settle()

    def lines(self, width: int, height: int) -> Sequence[Line]:
        """The face in front."""
        if self.reading:
            return self.text.lines(width, height, self.ink)
        return self._list.lines(width, height, self.ink, focused=self.has_focus)
