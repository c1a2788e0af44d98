"""How a stream, a finished completion and the whole of either are written. Pure."""

from rich.style import Style

from llmprobe.core.events import Row, UserState
from llmprobe.core.outcome import Outcome
from llmprobe.core.scrub import clean
from llmprobe.core.units import people_seconds
from llmprobe.metrics.snapshot import Finished
from llmprobe.tui.widgets.ink import Ink
from llmprobe.tui.widgets.spans import Line, Span, fitted, padded, tail, width_of, wrapped
from llmprobe.tui.wording import NONE_YET, clock, tight

_STATES: dict[UserState, tuple[str, str, str]] = {
    "connecting": ("◌", "dim", "connecting"),
    "waiting": ("◌", "dim", "waiting for the first token"),
    "streaming": ("▸", "good", ""),
    "backing_off": ("↺", "limited", "backing off"),
    "idle": ("·", "dim", "until a request is due"),
    "starved": ("$", "warn", "a cap leaves nothing to start"),
    "done": ("✓", "dim", "done"),
}
_SHORT: dict[Outcome, str] = {
    Outcome.RATE_LIMITED: "429", Outcome.SERVER_ERROR: "5xx", Outcome.CLIENT_ERROR: "4xx",
    Outcome.CONTENT_FILTER: "filter", Outcome.TIMEOUT_CONNECT: "t/o conn",
    Outcome.TIMEOUT_FIRST_TOKEN: "t/o first", Outcome.TIMEOUT_STALL: "t/o stall",
    Outcome.TIMEOUT_TOTAL: "t/o total", Outcome.NOT_STREAMED: "no stream", Outcome.STREAM_ERROR: "error",
}  # fmt: skip
_OUTCOME_CELLS = 9
_CALM = Style(bold=False)
"""A list of outcomes is read, not shouted."""
WIDE = 60
"""Cells from which figures have names of their own in the log."""


def live_head(width: int, digits: int, ink: Ink) -> Line:
    """Names the columns of live rows."""
    return [(fitted(f"  {'user':<{digits}} {' TTFT':>5} {'chunks':>6}  text", width), ink.dim)]


def live_line(user: int, row: Row | None, width: int, digits: int, ink: Ink, *, chosen: bool) -> Line:
    """State, user, time to first token, chunks, and the end of what it said."""
    ground = ink.cursor if chosen else Style()
    if row is None:
        return _whole([(f"  {user:>{digits}}", ink.faint + ground)], width, ground)
    glyph, role, words = _STATES[row.state]
    ttft = NONE_YET if row.ttft_s is None else f"{tight(row.ttft_s)}s"
    head: list[Span] = [
        (f"{glyph} ", getattr(ink, role) + ground), (f"{row.user:>{digits}} ", ink.dim + ground),
        (f"{ttft:>5} ", ink.latency + ground), (f"{row.text_chunks or NONE_YET:>6}  ", ink.dim + ground),
    ]  # fmt: skip
    room = max(0, width - digits - 17)
    said = " ".join(clean(row.tail).split())
    if row.state == "streaming" or (said and row.state == "done"):
        return _whole([*head, (tail(said, room), ink.text + ground)], width, ground)
    return _whole([*head, (fitted(f"{words} {said}".rstrip(), room), ink.dim + ground)], width, ground)


def log_head(width: int, ink: Ink) -> Line:
    """Names the columns of the log."""
    more = f"{'user':<6}" if width >= WIDE else ""
    figures = f" {'TPOT':>6} {'took':>6} {'tokens':>6}" if width >= WIDE else ""
    return [(fitted(f"  {'outcome':<{_OUTCOME_CELLS}} {more}{'TTFT':>5}{figures}  text", width), ink.dim)]


def log_line(entry: Finished, width: int, ink: Ink, *, chosen: bool) -> Line:
    """Outcome, figures, and the beginning of the text or of the error."""
    ground = ink.cursor if chosen else Style()
    glyph, style = outcome_look(entry.outcome, ink)
    word = padded(_SHORT.get(entry.outcome, str(entry.outcome)), _OUTCOME_CELLS)
    line: list[Span] = [(f"{glyph} {word} ", style + _CALM + ground)]
    if width >= WIDE:
        line.append((f"{entry.user:>4}  ", ink.dim + ground))
    line.append(
        (f"{NONE_YET if entry.ttft_s is None else f'{tight(entry.ttft_s)}s':>5}", ink.latency + ground)
    )
    if width >= WIDE:
        tpot = NONE_YET if entry.tpot_s is None else f"{entry.tpot_s * 1000:.0f}ms"
        tokens = NONE_YET if entry.output_tokens is None else f"{entry.output_tokens}"
        line.append((f" {tpot:>6} {tight(entry.e2e_s):>5}s {tokens:>6}", ink.dim + ground))
    said = " ".join(clean(entry.error or entry.text).split())
    look = ink.bad + _CALM if entry.error else ink.text
    return _whole(
        [*line, ("  " + fitted(said, max(0, width - width_of(line) - 2)), look + ground)], width, ground
    )


def outcome_look(outcome: Outcome, ink: Ink) -> tuple[str, Style]:
    """Glyph and style of an outcome."""
    if outcome.completed:
        return "✓", ink.good
    if outcome is Outcome.RATE_LIMITED:
        return "✖", ink.limited
    return ("✖", ink.bad) if outcome.failed else ("■", ink.dim)


def matches(entry: Finished, words: str) -> bool:
    """Whether an entry holds every word of a filter, in its outcome, its text or its error."""
    if not words:
        return True
    hay = f"{entry.outcome} {_SHORT.get(entry.outcome, '')} {entry.text} {entry.error or ''}".lower()
    return all(word in hay for word in words.lower().split())


def followed_head(row: Row, ink: Ink) -> list[Line]:
    """Who is followed, and how it goes."""
    glyph, role, words = _STATES[row.state]
    ttft = "no token yet" if row.ttft_s is None else f"TTFT {people_seconds(row.ttft_s)}"
    return [
        [
            (f"{glyph} {words or 'streaming'} ", getattr(ink, role)), (f"user {row.user}", ink.strong),
            (f" · {ttft} · {row.text_chunks} chunks", ink.dim),
        ],
        [],
    ]  # fmt: skip


def followed_body(row: Row, ink: Ink, width: int) -> list[Line]:
    """What it has said so far."""
    return [[(line, ink.text)] for line in wrapped(clean(row.tail), width)]


def finished_head(entry: Finished, ink: Ink) -> list[Line]:
    """How it ended, and its figures."""
    glyph, style = outcome_look(entry.outcome, ink)
    status = f" {entry.status}" if entry.status is not None else ""
    figures = [
        f"TTFT {people_seconds(entry.ttft_s)}" if entry.ttft_s is not None else "",
        f"TPOT {people_seconds(entry.tpot_s)}" if entry.tpot_s is not None else "",
        f"took {people_seconds(entry.e2e_s)}",
        f"{entry.output_tokens} tokens" if entry.output_tokens is not None else "",
        f"retry after {people_seconds(entry.retry_after_s)}" if entry.retry_after_s is not None else "",
    ]
    who = f"user {entry.user} of {entry.users} · {clock(entry.at_s)}"
    where = f" · {who} · prompt {entry.prompt_id} · draw {entry.index}"
    return [
        [(f"{glyph} {entry.outcome}{status}", style), (where, ink.dim)],
        [(" · ".join(part for part in figures if part), ink.text)],
        [],
    ]


def finished_body(entry: Finished, ink: Ink, width: int) -> list[Line]:
    """Its error and its text, whole."""
    lines: list[Line] = (
        [[(line, ink.bad)] for line in wrapped(clean(entry.error), width)] if entry.error else []
    )
    if entry.text:
        return [
            *lines,
            *([[]] if lines else []),
            *([(line, ink.text)] for line in wrapped(clean(entry.text), width)),
        ]
    return lines or [[("no text was kept", ink.dim)]]


def _whole(line: list[Span], width: int, ground: Style) -> Line:
    """The line with its ground to the end."""
    return [*line, (" " * width, ground)] if ground else line
