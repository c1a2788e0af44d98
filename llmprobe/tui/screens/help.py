"""Keys and terms."""

from collections.abc import Iterable, Sequence
from typing import ClassVar

from textual.binding import Binding
from textual.widget import Widget

from llmprobe.tui.keys import KEYS
from llmprobe.tui.screens.dialog import Dialog
from llmprobe.tui.widgets.ink import Ink
from llmprobe.tui.widgets.reader import Reader
from llmprobe.tui.widgets.spans import Line, wrapped

_MORE_KEYS = (
    ("[ ] PgDn PgUp", "the same as - and +, for keyboards where those are far"),
    ("0-9 Enter", "in the slider (1): type a number of users"),
    ("1-5 Tab", "load, figures, capacity, streams, events"),
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


class HelpScreen(Dialog[None]):
    """Scrolls; any of ?, q and Esc closes it."""

    heading = "Keys and terms"
    foot = "↑ ↓ scroll · Esc close"
    wide = True
    BINDINGS: ClassVar = [Binding("question_mark,q,f1", "leave", show=False)]

    def body(self) -> Iterable[Widget]:
        """One text."""
        yield Reader(help_lines, focusable=True)


def help_lines(width: int, ink: Ink) -> Sequence[Line]:
    """Keys first, then terms. Pure."""
    keys = [(key.shown, key.says) for key in KEYS]
    lines: list[Line] = [[("Keys", ink.strong)]]
    for table, style in (([*keys, *_MORE_KEYS], ink.accent), (TERMS, ink.latency)):
        if table is TERMS:
            lines += [[], [("Terms", ink.strong)]]
        for name, says in table:
            first, *rest = wrapped(says, max(1, width - _COLUMN))
            lines.append([(f"{name:<{_COLUMN}}", style), (first, ink.text)])
            lines += [[(" " * _COLUMN, ink.dim), (line, ink.text)] for line in rest]
    return lines
