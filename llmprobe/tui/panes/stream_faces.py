"""The three faces of the streams pane: live rows, the log, and one text in full. They know no widget."""

from collections.abc import Sequence

from llmprobe.core.events import Row
from llmprobe.metrics.snapshot import Finished
from llmprobe.session.view import State
from llmprobe.tui.chronicle import load_words
from llmprobe.tui.feed import Sight
from llmprobe.tui.panes.stream_lines import (
    finished_body,
    finished_head,
    followed_body,
    followed_head,
    live_head,
    live_line,
    log_head,
    log_line,
    matches,
)
from llmprobe.tui.widgets.ink import Ink
from llmprobe.tui.widgets.roll import Roll
from llmprobe.tui.widgets.spans import Line, Span, wrapped

_USER_DIGITS = 4


class LiveFace:
    """A line a virtual user, below a line of names."""

    def __init__(self) -> None:
        self.roll = Roll()
        self.total = 0
        self._rows: dict[int, Row] = {}
        self._sight: Sight | None = None

    def take(self, sight: Sight, height: int) -> None:
        """A new sight."""
        self._sight = sight
        snapshot = sight.view.snapshot if sight.view is not None else None
        self.total = snapshot.active + snapshot.draining if snapshot is not None else 0
        self._rows = {row.user: row for row in snapshot.rows} if snapshot is not None else {}
        self.roll.settle(self.total, self.rows(height))

    @property
    def said(self) -> str:
        """The end of what the user under the cursor has said."""
        row = self._rows.get(self.roll.cursor)
        return row.tail if row is not None else ""

    def rows(self, height: int) -> int:
        """Users in sight at most."""
        return max(0, height - 1)

    def foot(self, height: int) -> str:
        """Which of them are in sight, when not all are."""
        first, rows = self.roll.first, self.rows(height)
        last = min(self.total, first + rows) - 1
        return f"users {first} to {last} of {self.total}" if self.total > rows > 0 else ""

    def lines(self, width: int, height: int, ink: Ink, *, focused: bool) -> Sequence[Line]:
        """The rows in sight, or what to do first."""
        if not self.total:
            return _teaching(self._sight, width, height, ink)
        digits = max(_USER_DIGITS, len(str(self.total - 1)))
        chosen = self.roll.cursor if focused else None
        users = range(self.roll.first, min(self.total, self.roll.first + self.rows(height)))
        rows = (
            live_line(user, self._rows.get(user), width, digits, ink, chosen=user == chosen) for user in users
        )
        return [live_head(width, digits, ink), *rows]


class LogFace:
    """Finished completions, newest first. A reader below the newest stays with the entry he is on."""

    def __init__(self) -> None:
        self.roll = Roll()
        self.filter = ""
        self.typing = False
        self.entries: Sequence[Finished] = ()

    @property
    def total(self) -> int:
        """Entries that pass the filter."""
        return len(self.entries)

    def take(self, sight: Sight, height: int) -> None:
        """A new sight, through the filter."""
        log = sight.view.snapshot.log if sight.view is not None else ()
        chosen = self.entries[self.roll.cursor].index if 0 < self.roll.cursor < self.total else None
        self.entries = [entry for entry in log if matches(entry, self.filter)] if self.filter else log
        if chosen is not None:
            places = (place for place, entry in enumerate(self.entries) if entry.index == chosen)
            moved = next(places, self.roll.cursor) - self.roll.cursor
            self.roll.cursor += moved
            self.roll.first += moved
        self.roll.settle(self.total, self.rows(height))

    @property
    def said(self) -> str:
        """The text under the cursor, or the error in its place."""
        return said_by(self.entries[self.roll.cursor]) if self.entries else ""

    def rows(self, height: int) -> int:
        """Entries in sight at most: a line of names is above, the filter below."""
        return max(0, height - 1 - (self.typing or bool(self.filter)))

    def foot(self, height: int) -> str:  # noqa: ARG002 - as of the others
        """How many there are."""
        return f"{self.total} finished" if self.total else ""

    def lines(self, width: int, height: int, ink: Ink, *, focused: bool) -> Sequence[Line]:
        """The entries in sight, and the filter."""
        rows = self.rows(height)
        window = range(self.roll.first, min(self.total, self.roll.first + rows))
        chosen = self.roll.cursor if focused else None
        lines: list[Line] = [log_line(self.entries[at], width, ink, chosen=at == chosen) for at in window]
        if not lines:
            said = "nothing matches" if self.filter else "finished completions appear here"
            lines = [[(said, ink.dim)]]
        if self.typing or self.filter:
            end, hint = ("▏", "  Esc clears") if self.typing else ("", "  / changes")
            filter_line: Line = [("/", ink.accent), (f"{self.filter}{end}", ink.strong), (hint, ink.dim)]
            lines = [*lines, *([[]] * (rows - len(lines))), filter_line]
        return [log_head(width, ink), *lines]


class TextFace:
    """One text in full below its figures: a stream, which stays at its end until scrolled, or an entry."""

    def __init__(self) -> None:
        self.follow: int | None = None
        """The user whose stream is shown."""
        self.entry: Finished | None = None
        self._row: Row | None = None
        self._first_line = 0
        self._at_end = True

    @property
    def open(self) -> bool:
        """Whether there is anything to show."""
        return self.follow is not None or self.entry is not None

    @property
    def said(self) -> str:
        """All of it."""
        if self.entry is not None:
            return said_by(self.entry)
        return self._row.tail if self._row is not None else ""

    def show_stream(self, user: int) -> None:
        """Follow a user."""
        self.close()
        self.follow, self._at_end = user, True

    def show_entry(self, entry: Finished) -> None:
        """Open a finished one."""
        self.close()
        self.entry, self._at_end = entry, False

    def close(self) -> None:
        """Nothing any more."""
        self.follow = self.entry = self._row = None
        self._first_line = 0

    def take(self, sight: Sight) -> None:
        """A new sight."""
        followed = sight.view.snapshot.followed if sight.view is not None else None
        self._row = followed if followed is not None and followed.user == self.follow else None

    def slide(self, by: int, width: int, height: int, ink: Ink) -> None:
        """Scroll; at its end a stream goes on by itself."""
        head, body = self._parts(width, ink)
        rows = max(1, height - len(head))
        self._first_line = max(0, min(self._first(len(body), rows) + by, len(body) - rows))
        self._at_end = self.follow is not None and self._first_line >= len(body) - rows

    def lines(self, width: int, height: int, ink: Ink) -> Sequence[Line]:
        """The figures, and the part of the text in sight."""
        head, body = self._parts(width, ink)
        rows = max(1, height - len(head))
        first = self._first(len(body), rows)
        return [*head, *body[first : first + rows]]

    def _first(self, total: int, rows: int) -> int:
        return max(0, total - rows) if self._at_end else max(0, min(self._first_line, total - rows))

    def _parts(self, width: int, ink: Ink) -> tuple[list[Line], list[Line]]:
        if self.entry is not None:
            return finished_head(self.entry, ink), finished_body(self.entry, ink, width)
        if self._row is None:
            return [[(f"user {self.follow}: waiting to hear from it", ink.dim)]], []
        return followed_head(self._row, ink), followed_body(self._row, ink, width)


def said_by(entry: Finished) -> str:
    """Its text, or its error where there is none."""
    return entry.text or entry.error or ""


def _teaching(sight: Sight | None, width: int, height: int, ink: Ink) -> list[Line]:
    """Three lines that say what to do first; after a stop, how to go on."""
    view = sight.view if sight is not None else None
    if sight is None or view is None or view.state not in {State.IDLE, State.STOPPED}:
        return []
    load = load_words(sight.load, sight.kind)
    if view.state is State.IDLE:
        hints = (
            ("space", f"start with {load}"),
            ("t", "try one request first"),
            ("e", "change the endpoint"),
        )
    else:
        hints = (("space", f"go on with {load}"), ("s", "save it as a scenario"), ("v", "read what was said"))
    lines: list[list[Span]] = []
    for key, says in hints:
        first, *more = wrapped(says, max(1, width - 9))
        lines.append([(f"{key:>7}  ", ink.accent), (first, ink.text)])
        lines += [[(" " * 9, ink.dim), (line, ink.text)] for line in more]
    return [*([[]] * max(0, (height - len(lines)) // 2)), *lines]
