"""Keys and terms."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import ClassVar

from rich.style import Style
from textual.binding import Binding
from textual.widget import Widget

from llmprobe.tui.keys import Key
from llmprobe.tui.layout import Pane
from llmprobe.tui.screens.dialog import CLOSE, Dialog
from llmprobe.tui.widgets.hints import Hint
from llmprobe.tui.widgets.ink import Ink
from llmprobe.tui.widgets.reader import Reader
from llmprobe.tui.widgets.spans import Line, wrapped

_MORE_KEYS = (
    ("[ ] PgDn PgUp", "the same as - and +, for keyboards where those are far"),
    ("0-9 Enter", "in the slider (1): type a number of users"),
    ("1-6 Tab", "load, figures, capacity, streams, events, details"),
    ("↑ ↓ j k", "choose a line in streams and events; Home, End, Ctrl+U, Ctrl+D jump"),
    ("Ctrl+P", "every action by name, and the themes"),
    ("Ctrl+C", "stop now, finish the run folder, leave"),
)
TERMS = (
    ("TTFT", "time to first token: from the request's bytes on the socket to the first event with content"),
    ("TPOT", "time per output token after the first: (last - first) / (tokens - 1)"),
    ("ITL", "inter-token latency: each gap between tokens that arrive"),
    ("E2E", "from the request to the last byte of its stream"),
    ("p50 p95 p99", "half, 95 % and 99 % of the samples lie below; of completed requests only"),
    ("too few", "a percentile needs samples: p95 20, p99 100; a thin level is drawn hollow ○ at its slowest"),
    ("~", "no usage was seen yet: text chunks stand in for tokens"),
    ("users", "virtual users; each sends its next request when the one before has ended"),
    ("active, draining", "may start requests; were lowered and finish the one they have"),
    ("settling", "what starts just after a change of load is kept out of its level"),
    ("goodput", "the share of requests that met every objective"),
    ("ok", "the answer came whole"),
    ("length", "whole up to the output limit (other tools call this truncated)"),
    ("content_filter", "the endpoint withheld the rest"),
    ("rate_limited", "429, or an error like it inside a 200 stream"),
    ("server_error", "5xx, and 529"),
    ("client_error", "another 4xx"),
    ("timeout_*", "connect, first_token, stall (a gap between tokens), total"),
    ("connection", "refused, reset, no such host, a certificate that isn't trusted"),
    ("truncated", "the stream was cut: no finish reason, no terminator"),
    ("malformed", "what came can't be read"),
    ("stream_error", "an error object inside a 200 stream"),
    ("not_streamed", "a stream was asked for, one JSON body came"),
    ("cancelled", "by us; counted apart, never an error"),
    ("lost", "in flight in a worker process that died"),
)
_COLUMN = 18


_OF_PANE = {
    Pane.LOAD: (
        ("0-9 Enter", "type a number of users, or a rate such as 2.5"),
        ("u, click", "users (closed) or requests a second (open); a click on the unit does the same"),
        ("drag, click", "the slider follows the mouse; the wheel does nothing here, for a stray scroll"),
    ),
    Pane.FIGURES: (
        ("last 10 s", "the window of the numbers; each bar is one second, and empty where nothing came"),
        ("red bars", "above the objective; the full height of TTFT is 1.5 times that"),
    ),
    Pane.CAPACITY: (
        ("↑ ↓, click", "choose a level, and read it in figures below"),
        ("● ○ ▲", "a level with 20 answers or more, with fewer, above the plot"),
        ("│", "where the true p95 lies with 90 % confidence; from 59 answers on"),
        ("┈", "the objective"),
    ),
    Pane.STREAMS: (
        ("↑ ↓ Enter", "choose a line, and read it in full; c copies it"),
        ("▸ ◌ ↺", "streaming; connecting or waiting for the first token; backing off"),
        ("v, /", "the log of the last 1,000 finished; only those whose outcome or text holds the words"),
    ),
    Pane.EVENTS: (("↑ ↓", "back to what happened before"),),
    Pane.DETAILS: (
        ("ok, over", "how far an objective is from its bound, over the last 10 s"),
        ("judged", "whether the probe itself keeps up; where it doesn't, no verdict stands"),
        ("stamps", "what told the time of a token: the kernel, or the loop; coalesced: read together"),
        ("↑ ↓", "scroll, where not all fits"),
    ),
}


class HelpScreen(Dialog[None]):
    """Scrolls; any of ?, q and Esc closes it."""

    heading = "Keys and terms"
    hints = (Hint("up,down", "scroll"), Hint("ctrl+p", "any action"), CLOSE)
    wide = True
    BINDINGS: ClassVar = [Binding("question_mark,q,f1", "leave", show=False)]

    def __init__(self, keys: Mapping[str, Key], pane: Pane | None) -> None:
        super().__init__()
        self._keys = keys
        self._pane = pane

    def body(self) -> Iterable[Widget]:
        """One text."""
        yield Reader(partial(help_lines, self._keys, self._pane), focusable=True)


def help_lines(keys: Mapping[str, Key], pane: Pane | None, width: int, ink: Ink) -> Sequence[Line]:
    """The pane in focus, then keys, then terms. Pure."""
    lines: list[Line] = []
    if pane is not None:
        lines += [*_table(f"In this pane: {pane.capitalize()}", _OF_PANE[pane], width, ink.good, ink), []]
    known = [(key.shown, key.says) for action, key in keys.items() if "(" not in action]
    lines += _table("Keys", (*known, *_MORE_KEYS), width, ink.accent, ink)
    return [*lines, [], *_table("Terms", TERMS, width, ink.latency, ink)]


def _table(title: str, rows: Sequence[tuple[str, str]], width: int, style: Style, ink: Ink) -> Iterator[Line]:
    yield [(title, ink.strong)]
    for name, says in rows:
        first, *rest = wrapped(says, max(1, width - _COLUMN))
        yield [(f"{name:<{_COLUMN}}", style), (first, ink.text)]
        yield from ([(" " * _COLUMN, ink.dim), (line, ink.text)] for line in rest)
