"""One request under way: everything known of it so far, kept outside the call that carries it.

    connecting -> waiting -> streaming -> ending

So a cancelled request still has its figures: the cancellation leaves `exchange`, the flight stays.
"""

import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Literal

from llmprobe.core.outcome import TIMEOUTS, Outcome
from llmprobe.core.record import Stamp
from llmprobe.core.scenario import Timeouts
from llmprobe.core.scrub import scrub
from llmprobe.core.units import format_duration
from llmprobe.wire.dialects.dialect import Dialect, Usage, WireRequest
from llmprobe.wire.rate_limit import parse_rate_limit
from llmprobe.wire.reader import Ending, Listener, StreamReader
from llmprobe.wire.reply import Reply, Tokenizer
from llmprobe.wire.sink import Head
from llmprobe.wire.trouble import compression, refusal, secrets_in

MAX_ERROR_BODY = 64 * 1024
END_GRACE_S = 1.0
"""How long the body may stay open after the terminator, or after an error."""
_REQUEST_IDS = ("x-request-id", "request-id", "apim-request-id", "x-amzn-requestid", "x-ms-request-id")
_BROKEN_OFF = TIMEOUTS | {Outcome.CANCELLED}
"""Endings that we decide on, while the connection still holds."""

Phase = Literal["connecting", "waiting", "streaming", "ending"]
"""`waiting` for the first token; `ending`: all that counts was read, the body is not yet at its end."""


class Flight:
    """See the module. `exchange` drives it; anyone may look at it meanwhile."""

    def __init__(
        self,
        request: WireRequest,
        dialect: Dialect,
        timeouts: Timeouts,
        *,
        listener: Listener | None = None,
        secrets: Iterable[str] = (),
        tokenizer: Tokenizer | None = None,
        save_text: bool = False,
        gaps: bool = False,
        tokens_per_chunk: float = 1.0,
        clock: Callable[[], int] = time.monotonic_ns,
    ) -> None:
        self.request = request
        self.clock = clock
        self.on_phase: Callable[[], None] = _nobody
        """Called whenever `phase` changes, and when it is cancelled."""
        self.reader = StreamReader(
            dialect, listener, whole_text=save_text or tokenizer is not None, gaps=gaps,
            tokens_per_chunk=tokens_per_chunk,
        )  # fmt: skip
        self._timeouts = timeouts
        self._listener = listener
        self._secrets = {*secrets, *secrets_in(request.headers)}
        self._tokenizer = tokenizer

        self._cancelled = False
        self.phase: Phase = "connecting"
        self.begun_ns = clock()
        self.retries = 0
        self._done_ns = self.begun_ns
        """When all that counts was read; pings after that don't keep it waiting."""
        self.status: int | None = None
        self.refused = False
        """Whether the status alone says that no stream will come."""
        self.sated = False
        """Whether it has no use for more of the body."""
        self._headers: Mapping[str, str] = {}
        self._error_body = bytearray()
        self._connect_ns: int | None = None
        self._connected_ns: int | None = None
        self._sent_ns: int | None = None
        self._ack_ns: int | None = None

    # What `exchange` tells it

    async def trace(self, name: str, info: Mapping[str, Any]) -> None:
        """Take the time of what a transport says it does, unless it has taken that itself (`at_ns`)."""
        step = name.partition(".")[2]
        if step in {"connect_tcp.started", "connect_unix_socket.started"}:
            self._connect_ns = self.clock()
        elif step in {"connect_tcp.complete", "connect_unix_socket.complete", "start_tls.complete"}:
            self._connected_ns = self.clock()
        elif step == "send_request_headers.started":
            self._sent_ns, self._ack_ns = info.get("at_ns") or self.clock(), None
            self._enter("waiting")
            if self._listener is not None:
                self._listener.sent(self._sent_ns)
        elif step == "receive_response_headers.complete" and self._ack_ns is None:
            self._ack_ns = self.clock()

    def begin(self) -> None:
        """It begins now; when it is retried, what the first try took is no part of the request."""
        self._connect_ns = self._connected_ns = self._sent_ns = None
        self.begun_ns = self.clock()
        self._enter("connecting")

    def answered(self, head: Head, at_ns: int | None = None) -> None:
        """Take status and headers, which came `at_ns`, or just now."""
        self.status = head.status
        self.refused = self.status >= 300
        self._headers = _by_name(head.headers)
        if self._ack_ns is None:
            self._ack_ns = self.clock() if at_ns is None else at_ns
        if self.refused and self.phase != "ending":
            self._done_ns = self._ack_ns
            self._enter("ending")

    def feed(self, data: bytes, at_ns: int, stamp: Stamp) -> None:
        """Take bytes of the body that came `at_ns`; feeds of one read share it."""
        if self.refused:
            self._error_body += data
            self.sated = len(self._error_body) >= MAX_ERROR_BODY
            return
        reader = self.reader
        reader.feed(data, at_ns, stamp)
        if reader.done:
            self.sated = reader.broken
            if self.phase != "ending":
                self._done_ns = at_ns
                self._enter("ending")
        elif self.phase == "waiting" and reader.text_chunks:
            self._enter("streaming")

    def cancel(self) -> None:
        """Nobody wants it any more: it is overdue from now on."""
        self._cancelled = True
        self.on_phase()

    def _enter(self, phase: Phase) -> None:
        if phase != self.phase:
            self.phase = phase
            self.on_phase()

    # What it knows

    @property
    def on_reused_connection(self) -> bool:
        """Whether it was sent on a connection that an earlier request opened, and no answer has begun."""
        return self._sent_ns is not None and self._connect_ns is None and self._ack_ns is None

    @property
    def start_ns(self) -> int:
        """When its bytes were handed to the socket; before that, when it began."""
        return self._sent_ns if self._sent_ns is not None else self.begun_ns

    @property
    def deadline_ns(self) -> int:
        """When it has waited long enough, on its clock."""
        return self._limit()[0]

    def overdue(self) -> Ending | None:
        """How it ends when nobody waits for it any longer; None where all that counts was read."""
        outcome = self._limit()[1]
        if outcome is None:
            return None
        if outcome is Outcome.CANCELLED:
            return Ending(outcome)
        missing, limit_s = {
            Outcome.TIMEOUT_CONNECT: ("connection", self._timeouts.connect_s),
            Outcome.TIMEOUT_FIRST_TOKEN: ("token", self._timeouts.first_token_s),
            Outcome.TIMEOUT_STALL: ("further token", self._timeouts.stall_s),
            Outcome.TIMEOUT_TOTAL: ("end of the answer", self._timeouts.total_s),
        }[outcome]
        return Ending(outcome, f"no {missing} within {format_duration(limit_s)}")

    def _limit(self) -> tuple[int, Outcome | None]:
        """The next deadline and what it means; comments and pings don't move it."""
        if self._cancelled:
            return self.begun_ns, Outcome.CANCELLED
        limits, reader, start_ns = self._timeouts, self.reader, self.start_ns
        if self.phase == "connecting":
            return _after(self.begun_ns, limits.connect_s), Outcome.TIMEOUT_CONNECT
        if self.phase == "ending":
            return _after(self._done_ns, END_GRACE_S), None
        return min(
            (_after(start_ns, limits.total_s), Outcome.TIMEOUT_TOTAL),
            (_after(start_ns, limits.first_token_s), Outcome.TIMEOUT_FIRST_TOKEN)
            if self.phase == "waiting"
            else (_after(reader.last_token_ns or start_ns, limits.stall_s), Outcome.TIMEOUT_STALL),
        )

    # How it ended

    def cancelled(self) -> Reply:
        """Broken off by us, with what was seen until now; the whole answer where all of it had come."""
        return self.reply(Ending(Outcome.CANCELLED))

    def reply(self, trouble: Ending | None) -> Reply:
        """The request is over: the body ended, or `trouble` came before."""
        ended_ns = self.clock()
        reader, ending = self.reader, self._ending(trouble)
        body = bytes(self._error_body) or (ending.error or "").encode(errors="replace")
        limit = parse_rate_limit(self._headers, body if ending.outcome.failed else b"", time.time())
        if reader.last_byte_ns is not None and (reader.done or ending.outcome.completed):
            ended_ns = reader.last_byte_ns
        counted = reader.usage or Usage()
        output_tokens, source = self._output_tokens(counted.output_tokens)
        request_id = next((self._headers[name] for name in _REQUEST_IDS if name in self._headers), None)
        return Reply(
            start_ns=self.start_ns,
            connect_s=_seconds(self._connect_ns, self._connected_ns),
            ack_s=self._since(self._ack_ns),
            ttft_s=self._since(reader.first_token_ns),
            ttfo_s=self._since(reader.first_output_ns),
            tpot_s=self._tpot_s(output_tokens),
            e2e_s=(ended_ns - self.start_ns) / 1e9,
            itl_s=tuple(reader.gaps_s) if reader.gaps_s is not None else None,
            input_tokens=counted.input_tokens,
            output_tokens=output_tokens,
            reasoning_tokens=counted.reasoning_tokens,
            cached_tokens=counted.cached_tokens,
            token_source=source,
            outcome=ending.outcome,
            status=self.status,
            finish_reason=reader.finish_reason,
            request_id=scrub(request_id, self._secrets) if request_id else None,
            error=scrub(ending.error, self._secrets) if ending.error else None,
            retries=self.retries,
            retry_after_s=limit.retry_after_s if ending.outcome.failed else None,
            stamps=dict(reader.stamps),
            text=reader.text,
            rate_limit=limit,
        )

    def _ending(self, trouble: Ending | None) -> Ending:
        if self.status is not None and self.status >= 300:
            return refusal(self.status, self._headers, bytes(self._error_body))
        ours = trouble is not None and trouble.outcome in _BROKEN_OFF
        ending = self.reader.end(cut=trouble is not None and not ours)
        if ending.outcome is Outcome.MALFORMED and (packed := compression(self._headers)) is not None:
            ending = Ending(Outcome.MALFORMED, f"the body is {packed}-encoded, {_why_packed(self.request)}")
        if trouble is None or self.reader.done or (self.status is not None and not ours):
            return ending
        return trouble

    def _output_tokens(self, counted: int | None) -> tuple[int | None, str | None]:
        """How many, and who says so. A server that says 0 and sends text doesn't count."""
        chunks = self.reader.text_chunks
        if counted or (counted == 0 and not chunks):
            return counted, "usage"
        if not chunks:
            return None, None
        if self._tokenizer is not None:
            return self._tokenizer.count(self.reader.text), self._tokenizer.name
        return chunks, "estimate"

    def _tpot_s(self, output_tokens: int | None) -> float | None:
        """None also where everything came in one read: its pace is not known."""
        span_s = _seconds(self.reader.first_token_ns, self.reader.last_token_ns)
        return span_s / (output_tokens - 1) if span_s and output_tokens and output_tokens > 1 else None

    def _since(self, at_ns: int | None) -> float | None:
        return _seconds(self.start_ns, at_ns)


def _why_packed(request: WireRequest) -> str:
    asked = next((v for name, v in request.headers.items() if name.lower() == "accept-encoding"), "identity")
    if asked == "identity":
        return "though only identity was asked for"
    return f"as the request's Accept-Encoding ({asked}) allows; leave that header out"


def _by_name(headers: Iterable[tuple[bytes, bytes]]) -> dict[str, str]:
    """By lower-case name; several of one name make one list (RFC 9110, 5.3)."""
    named: dict[str, str] = {}
    for raw_name, raw_value in headers:
        name, value = raw_name.decode("latin-1").lower(), _text(raw_value)
        named[name] = f"{named[name]}, {value}" if name in named else value
    return named


def _text(value: bytes) -> str:
    try:
        return value.decode()
    except UnicodeDecodeError:
        return value.decode("latin-1")


def _after(at_ns: int, seconds: float) -> int:
    return at_ns + int(seconds * 1e9)


def _seconds(from_ns: int | None, to_ns: int | None) -> float | None:
    return None if from_ns is None or to_ns is None else (to_ns - from_ns) / 1e9


def _nobody() -> None:
    """Hears of phases until `exchange` does."""
