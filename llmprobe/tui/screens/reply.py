"""One request outside the run: what was asked, what came back, or why nothing did."""

import json
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Any, cast

from textual.widget import Widget

from llmprobe.core.engine import TestReply
from llmprobe.core.errors import LlmprobeError
from llmprobe.core.scrub import clean
from llmprobe.core.units import people_seconds
from llmprobe.tui.panes.stream_lines import outcome_look
from llmprobe.tui.screens.dialog import Dialog, plain
from llmprobe.tui.widgets.ink import Ink
from llmprobe.tui.widgets.reader import Reader
from llmprobe.tui.widgets.spans import Line, wrapped

_LONGEST_BODY = 2000


class ReplyScreen(Dialog[None]):
    """Asks when it opens, shows what comes."""

    heading = "Test request"
    wide = True

    def __init__(self, asked: Callable[[], Awaitable[TestReply]], place: str) -> None:
        super().__init__()
        self._asked = asked
        self._place = clean(place)

    def body(self) -> Iterable[Widget]:
        """What is known so far."""
        yield Reader(plain(f"◌ one request to {self._place} …", role="dim"), ident="reply", focusable=True)

    async def on_mount(self) -> None:
        """Wait beside the screen."""
        self.run_worker(cast("Any", self._ask))  # its type is narrower than what it takes

    async def _ask(self) -> None:
        try:
            reply = await self._asked()
        except LlmprobeError as error:
            self.query_one("#reply", Reader).rewrite(plain(f"✖ {clean(error.message)}", role="bad"))
        else:
            self.query_one("#reply", Reader).rewrite(lambda width, ink: reply_lines(reply, width, ink))


def reply_lines(reply: TestReply, width: int, ink: Ink) -> Sequence[Line]:
    """The exchange as a person reads it. Pure."""
    record = reply.record
    glyph, style = outcome_look(record.outcome, ink)
    status = "no status" if record.status is None else f"status {record.status}"
    facts = [
        ("connect", record.connect_s), ("headers after", record.ack_s), ("TTFT", record.ttft_s),
        ("TPOT", record.tpot_s), ("took", record.e2e_s),
    ]  # fmt: skip
    counts = [
        f"{record.text_chunks} chunks" if record.text_chunks else "",
        f"{record.input_tokens} tokens in" if record.input_tokens is not None else "",
        f"{record.output_tokens} tokens out ({record.token_source})"
        if record.output_tokens is not None
        else "",
        f"finish reason {clean(record.finish_reason)}" if record.finish_reason else "",
        f"retry after {people_seconds(record.retry_after_s)}" if record.retry_after_s is not None else "",
    ]
    lines: list[Line] = [
        *([(line, ink.strong)] for line in wrapped(f"POST {clean(reply.url)}", width)),
        [(f"{glyph} {record.outcome}", style), (f" · {status}", ink.text)],
    ]
    times = " · ".join(f"{name} {people_seconds(value)}" for name, value in facts if value is not None)
    lines += [[(line, ink.latency)] for line in wrapped(times, width)]
    if any(counts):
        lines += [[(line, ink.dim)] for line in wrapped(" · ".join(part for part in counts if part), width)]
    if record.error:
        lines += [[], *([(line, ink.bad)] for line in wrapped(clean(record.error), width))]
    if reply.text:
        lines += [
            [],
            [("said", ink.dim)],
            *([(line, ink.text)] for line in wrapped(clean(reply.text), width)),
        ]
    lines += [[], [("asked", ink.dim)]]
    return [*lines, *([(line, ink.dim)] for line in wrapped(_readable(reply.request_body), width))]


def _readable(body: str) -> str:
    try:
        text = json.dumps(json.loads(body), indent=2, ensure_ascii=False)
    except ValueError:
        text = body
    return clean(text if len(text) <= _LONGEST_BODY else text[:_LONGEST_BODY] + " …")
