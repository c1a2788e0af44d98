"""One streamed answer, from stamped bytes to figures. Pure: bytes and their times are fed in.

An arrival is everything fed with one and the same time: what one read brought. An arrival of m tokens after
a gap g counts as m gaps of g/m, and is whole only when the next one begins, or the stream ends. How many
tokens a text event carries is what this endpoint's usage has told of earlier answers; one, until it has.
"""

from contextlib import suppress
from typing import Protocol

from msgspec import Struct

from llmprobe.core.outcome import Outcome
from llmprobe.core.record import Stamp
from llmprobe.wire.counts import Counts
from llmprobe.wire.dialects.dialect import Delta, Dialect, MalformedEventError, StreamFault, Usage
from llmprobe.wire.framing import Event, EventOverflowError, Framing, Parser
from llmprobe.wire.ndjson import NdjsonParser
from llmprobe.wire.sse import SseParser

KEPT_CHARACTERS = 4000
_MOST_CHARACTERS = 2 * KEPT_CHARACTERS
_HEAD_BYTES = 64 * 1024
"""Kept of an answer while no event has come: what it is instead of a stream."""
_QUOTED_BYTES = 200
_PARSERS: dict[Framing, type[Parser]] = {"sse": SseParser, "ndjson": NdjsonParser}
_SSE_FIELDS = (b":", b"data", b"event", b"id", b"retry")


class Listener(Protocol):
    """Hears of a request while it runs; called between two reads, so it must be quick."""

    def sent(self, at_ns: int) -> None:
        """The request's bytes go to the socket now (again when it is retried)."""

    def first_token(self, at_ns: int) -> None:
        """The first event with text arrived."""

    def text(self, late_s: float | None, /) -> None:
        """An event with text arrived, the first one included.

        `late_s` is its stamp less the server's own time of the write, where it tells and shares this clock.
        """

    def gap(self, seconds: float, /) -> None:
        """An arrival of one token came so long after the one before."""

    def split_gap(self, seconds: float, tokens: int) -> None:
        """An arrival of several tokens came so long after the one before."""


class Ending(Struct, frozen=True):
    """How a request ended; `error` is one sentence where it failed."""

    outcome: Outcome
    error: str | None = None


class StreamReader:
    """Folds one answer; times are those its bytes were fed with, None until it happened."""

    def __init__(
        self,
        dialect: Dialect,
        listener: Listener | None = None,
        *,
        whole_text: bool = False,
        gaps: bool = False,
        tokens_per_chunk: float = 1.0,
    ) -> None:
        """`tokens_per_chunk` is what a text event of this endpoint carries, as far as is known by now."""
        self._dialect = dialect
        self._listener = listener
        self._decode = dialect.decode_event
        self._parser = _PARSERS[dialect.framing]()
        self._head = b""
        self._events = 0
        self._fault: Ending | None = None
        self._broke_off = False

        self.done = False
        """The terminator or an error was read: nothing more will count."""
        self.broken = False
        """An event grew without end: nothing more is read."""
        self.finish_reason: str | None = None
        self.last_byte_ns: int | None = None
        self.first_token_ns: int | None = None
        self.first_output_ns: int | None = None
        self.last_token_ns: int | None = None
        self.text_chunks = 0

        self._arrived = 0
        """Text events of the present arrival."""
        self._stamp: Stamp = "loop"
        self._before_ns: int | None = None
        """When the arrival before the present one came."""
        self.stamps: dict[str, int] = {}
        """Text events by kind of stamp, up to the present arrival."""
        self.gaps_s: list[float] | None = [] if gaps else None
        self._tokens_per_chunk = tokens_per_chunk
        self._owed = 0.0

        self._whole_text = whole_text
        self._parts: list[str] = []
        self._characters = 0
        self._counts = Counts()

    def feed(self, data: bytes, at_ns: int, stamp: Stamp) -> None:
        """Read on; feeds that share `at_ns` came with one read."""
        self.last_byte_ns = at_ns
        if not self._events:
            self._head += data[: _HEAD_BYTES - len(self._head)]
        if self.broken:
            return
        try:
            events = self._parser.feed(data)
        except EventOverflowError as error:
            self.broken = self.done = True
            self._fail(Ending(Outcome.MALFORMED, str(error)))
            return
        for event in events:
            self._events += 1
            try:
                delta = self._decode(event)
            except MalformedEventError as error:
                self._fail(Ending(Outcome.MALFORMED, str(error)))
            else:
                self._fold(delta, at_ns, stamp)

    def end(self, *, cut: bool) -> Ending:
        """Nothing more comes: the body ended, or the connection was `cut` before its end."""
        if cut:
            self._broke_off = self._parser.unfinished()
        elif self.last_byte_ns is not None:
            self._read_rest(self.last_byte_ns)
        self._close_arrival()
        if self._fault is not None:
            return self._fault
        if not self._events and (other := self._other_than_a_stream(cut=cut)) is not None:
            return other
        broken_off = not self.done and (self._broke_off or (cut and self._dialect.ends))
        if self.finish_reason is None or broken_off:
            return Ending(Outcome.TRUNCATED, self._why_truncated(cut=cut))
        if self.finish_reason == "length":
            return Ending(Outcome.LENGTH)
        return Ending(Outcome.CONTENT_FILTER if self.finish_reason == "content_filter" else Outcome.OK)

    @property
    def usage(self) -> Usage | None:
        """What the server has counted so far."""
        return self._counts.total

    @property
    def text(self) -> str:
        """What it said, reasoning and tool calls included: all, or the last `KEPT_CHARACTERS`."""
        text = "".join(self._parts)
        return text if self._whole_text else text[-KEPT_CHARACTERS:]

    def tail(self, characters: int) -> str:
        """The end of what it said so far."""
        return "".join(self._parts[-characters:])[-characters:]

    def _read_rest(self, at_ns: int) -> None:
        """What the body's end completes, if it is whole: else the stream broke off there."""
        unfinished, events = self._parser.unfinished(), self._parser.close()
        self._broke_off |= unfinished and not events
        for event in events:
            try:
                delta = self._decode(event)
            except MalformedEventError:
                self._broke_off = True
            else:
                self._events += 1
                self._fold(delta, at_ns, self._stamp)

    def _fold(self, delta: Delta, at_ns: int, stamp: Stamp) -> None:
        if text := delta.reasoning + delta.text + delta.tool_text:
            if at_ns != self.last_token_ns:
                self._close_arrival()
                self._before_ns, self.last_token_ns, self._stamp = self.last_token_ns, at_ns, stamp
            self._arrived += 1
            self.text_chunks += 1
            if self.first_output_ns is None:
                self._take_first(delta, at_ns)
            if (listener := self._listener) is not None:
                created_ns = delta.created_ns
                listener.text(None if created_ns is None else (at_ns - created_ns) / 1e9)
            self._parts.append(text)
            self._characters += len(text)
            if self._characters > _MOST_CHARACTERS:
                self._forget()
        if delta.finish_reason is not None:
            self.finish_reason = delta.finish_reason
        if delta.usage is not None:
            self._counts.take(delta.usage, delta.usage_choice)
        if delta.error is not None:
            self._fail(_ending_of(delta.error))
            self.done = True
        if delta.done:
            self.done = True

    def _take_first(self, delta: Delta, at_ns: int) -> None:
        if delta.text:
            self.first_output_ns = at_ns
        if self.first_token_ns is None:
            self.first_token_ns = at_ns
            if self._listener is not None:
                self._listener.first_token(at_ns)

    def _close_arrival(self) -> None:
        chunks = self._arrived
        if not chunks:
            return
        self._arrived = 0
        stamp: Stamp = self._stamp if chunks == 1 else "coalesced"
        self.stamps[stamp] = self.stamps.get(stamp, 0) + chunks
        if self._before_ns is None or self.last_token_ns is None:
            return
        gap_s = (self.last_token_ns - self._before_ns) / 1e9
        tokens = chunks if self._tokens_per_chunk == 1.0 else self._tokens_in(chunks)
        if (listener := self._listener) is not None:
            if tokens == 1:
                listener.gap(gap_s)
            else:
                listener.split_gap(gap_s, tokens)
        if self.gaps_s is not None:
            self.gaps_s.extend([gap_s / tokens] * tokens)

    def _tokens_in(self, chunks: int) -> int:
        """Whole tokens, the rest carried over to the next arrival."""
        self._owed += chunks * self._tokens_per_chunk
        tokens = max(1, int(self._owed))
        self._owed -= tokens
        return tokens

    def _forget(self) -> None:
        """Keep the end alone, unless all is wanted."""
        self._characters = 0
        if not self._whole_text:
            self._parts = [self.text]
            self._characters = KEPT_CHARACTERS

    def _fail(self, ending: Ending) -> None:
        """The first fault is the one that is told."""
        self._fault = self._fault or ending

    def _other_than_a_stream(self, *, cut: bool) -> Ending | None:
        head = self._head.lstrip(b"\xef\xbb\xbf \t\r\n")
        said = " ".join(head[:_QUOTED_BYTES].decode(errors="replace").split())
        sse = self._dialect.framing == "sse"
        if sse and head.startswith((b"{", b"[")):
            plain = Ending(Outcome.NOT_STREAMED, f"a stream was asked for and one JSON body came: {said}")
            return self._fault_in(head) or plain
        if head and not cut and not head.startswith(_SSE_FIELDS if sse else b"{"):
            return Ending(Outcome.MALFORMED, f"the answer is no event stream: {said}")
        return None

    def _fault_in(self, body: bytes) -> Ending | None:
        """The error that one JSON body tells of, if it does."""
        with suppress(MalformedEventError):
            if (fault := self._decode(Event(None, body)).error) is not None:
                return _ending_of(fault)
        return None

    def _why_truncated(self, *, cut: bool) -> str:
        if cut:
            return "the connection was cut in the middle of the stream"
        if self._broke_off:
            return "the stream ended in the middle of an event"
        return (
            "the stream ended without a finish_reason" if self._events else "the server sent an empty stream"
        )


def _ending_of(fault: StreamFault) -> Ending:
    return Ending(Outcome.RATE_LIMITED if fault.rate_limited else Outcome.STREAM_ERROR, fault.message)
