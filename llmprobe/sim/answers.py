"""Answers of the simulated endpoint as bytes: a stream token by token, or one JSON body; whole or broken."""

import time
from functools import cache
from typing import Protocol

import msgspec
from msgspec import Struct

from llmprobe.sim import http1
from llmprobe.sim.faults import Kind
from llmprobe.wire.dialects.dialect import Dialect, Failure, Usage
from llmprobe.wire.framing import Framing

_STAMP = 7_777_777_777_777_777_777
_TEXT = "@text@"
"""Stand for a token's time and text where its event is cut open."""


class Line(Protocol):
    """The connection that an answer goes out on."""

    def write(self, data: bytes, /) -> None:
        """Send bytes."""

    def answered(self) -> None:
        """The answer is complete: the connection is free for the next request."""

    def hang_up(self) -> None:
        """End the connection behind what was sent."""


class Reply(Struct, frozen=True):
    """What is to be said, and how it ends."""

    dialect: Dialect
    id: str
    model: str
    tokens: list[str]
    finish_reason: str
    usage: Usage
    include_usage: bool
    keep_alive: bool
    headers: dict[str, str]
    fault: Kind | None = None
    breaks_after: int = 0
    """Tokens that come before the fault."""


class Stream:
    """Writes a reply as an event stream. A token costs one formatting and one write."""

    def __init__(self, reply: Reply, line: Line) -> None:
        self._reply = reply
        self._line = line
        event = reply.dialect.encode_text(_TEXT, created_ns=_STAMP, reply_id=reply.id, model=reply.model)
        self._head, _, rest = event.partition(b"%d" % _STAMP)
        self._middle, _, self._tail = rest.partition(_TEXT.encode())
        self._overhead = len(self._head) + len(self._middle) + len(self._tail)
        self._tokens = [_inside_json(token) for token in reply.tokens]
        self._told = 0
        self._break_at = -1 if reply.fault is None else reply.breaks_after
        kind = _CONTENT_TYPES[reply.dialect.framing]
        line.write(http1.stream_head(reply.headers, content_type=kind, keep_alive=reply.keep_alive))

    def token(self) -> bool:
        """Send the next token with its time; False when the stream broke for good instead."""
        told = self._told
        if told == self._break_at and not self._goes_on():
            return False
        self._told = told + 1
        text = self._tokens[told]
        before = b"" if told else self._begin()
        stamp = b"%d" % time.monotonic_ns()
        size = self._overhead + len(stamp) + len(text)
        self._line.write(
            b"%b%x\r\n%b%b%b%b%b\r\n" % (before, size, self._head, stamp, self._middle, text, self._tail)
        )
        return True

    def finish(self) -> None:
        """Send how it ended, and the end."""
        reply = self._reply
        usage = reply.usage if reply.include_usage else None
        end = reply.dialect.encode_end(
            "".join(reply.tokens), reply.finish_reason, usage, reply_id=reply.id, model=reply.model
        )
        self._end(end)

    def _begin(self) -> bytes:
        reply = self._reply
        begin = reply.dialect.encode_begin(reply.usage, reply_id=reply.id, model=reply.model)
        return http1.chunk(begin) if begin else b""

    def _end(self, last: bytes) -> None:
        self._line.write(http1.chunk(last) + http1.LAST_CHUNK)
        self._line.answered()

    def _goes_on(self) -> bool:
        """Do what the fault does; whether more comes behind it."""
        match self._reply.fault:
            case Kind.MALFORMED:
                self._line.write(http1.chunk(self._head[: len(self._head) * 2 // 3] + b"\n\n"))
                return True
            case Kind.STREAM_ERROR:
                self._end(self._reply.dialect.encode_error(_DEATH))
            case Kind.TRUNCATE:
                self._line.hang_up()
        return False


class Whole:
    """Writes a reply as one JSON body, for a request that asked for no stream."""

    def __init__(self, reply: Reply, line: Line) -> None:
        self._reply = reply
        self._line = line

    def token(self) -> bool:
        """Nothing to send yet."""
        return True

    def finish(self) -> None:
        """Send everything, or what the fault leaves of it."""
        reply = self._reply
        body = reply.dialect.encode_reply(
            "".join(reply.tokens), reply.finish_reason, reply.usage, reply_id=reply.id, model=reply.model
        )
        match reply.fault:
            case Kind.STALL:
                return
            case Kind.MALFORMED:
                body = body[: len(body) // 2]
            case Kind.STREAM_ERROR:
                body = reply.dialect.encode_error_body(_DEATH)
        out = http1.response(200, body, reply.headers, keep_alive=reply.keep_alive)
        if reply.fault is Kind.TRUNCATE:
            self._line.write(out[: -len(body) // 2])
            self._line.hang_up()
        else:
            self._line.write(out)
            self._line.answered()


_DEATH = Failure(500, "EngineCore died", "InternalServerError", 500)
"""What vLLM says in a stream whose engine has crashed."""
_CONTENT_TYPES: dict[Framing, str] = {
    "sse": "text/event-stream; charset=utf-8",
    "ndjson": "application/x-ndjson",
}


@cache
def _inside_json(token: str) -> bytes:
    """The token as it stands between the quotes of a JSON string."""
    return msgspec.json.encode(token)[1:-1]
