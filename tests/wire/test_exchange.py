"""Requests over real sockets: how each outcome looks from outside."""

import asyncio
import socket
import struct
from collections.abc import Awaitable, Callable
from typing import Any

import anyio
import httpx
import pytest

from llmprobe.core.outcome import Outcome
from llmprobe.core.scenario import Endpoint, Timeouts
from llmprobe.wire import flight as flight_module
from llmprobe.wire.dialects import dialect
from llmprobe.wire.dialects.dialect import Failure, Usage
from llmprobe.wire.exchange import exchange
from llmprobe.wire.flight import Flight
from llmprobe.wire.reply import Tokenizer

Ask = Callable[..., Awaitable[Any]]
Answer = Callable[..., Awaitable[str]]
Serve = Callable[..., Awaitable[str]]
ReadRequest = Callable[[asyncio.StreamReader], Awaitable[bytes]]
Transports = Callable[..., httpx.AsyncBaseTransport]
FlightTo = Callable[..., Flight]
CountConnections = Callable[..., Awaitable[tuple[str, list[int]]]]
Then = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
Transcripts = Callable[[str], Any]

pytestmark = pytest.mark.anyio

CHAT = dialect("openai-chat")
STOP = b'data: {"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}\n\n'
DONE = b"data: [DONE]\n\n"
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
END = b"0\r\n\r\n"
SHORT = Timeouts(first_token_s=0.05, stall_s=0.05)


def chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


def token(text: str = "a") -> bytes:
    return chunk(CHAT.encode_text(text, created_ns=1, reply_id="i", model="m"))


WHOLE = HEAD + token("Hel") + token("lo") + chunk(STOP) + chunk(DONE) + END


class Heard:
    """A listener; a test waits for what it hears."""

    def __init__(self) -> None:
        self.first = asyncio.Event()
        self.started: list[int] = []
        self.texts = 0
        self.spoke = asyncio.Event()

    def sent(self, at_ns: int) -> None:
        self.started.append(at_ns)

    def first_token(self, at_ns: int) -> None:
        self.first.set()

    def text(self, late_s: float | None) -> None:
        self.texts += 1
        self.spoke.set()

    def gap(self, seconds: float) -> None:
        pass

    def split_gap(self, seconds: float, tokens: int) -> None:
        pass


@pytest.fixture
def answer(serve: Serve, read_request: ReadRequest) -> Answer:
    """Serve these bytes to each request, one connection each, and then do what `then` says."""

    async def start(*writes: bytes, then: Then | None = None) -> str:
        async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await read_request(reader)
            for data in writes:
                writer.write(data)
                await writer.drain()
            if then is not None:
                await then(reader, writer)

        return await serve(handle)

    return start


async def stay(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Hold the connection until the client leaves."""
    await reader.read()


async def reset(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Close with an RST."""
    writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


def repeat(data: bytes) -> Then:
    async def send(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while not writer.is_closing():
            writer.write(data)
            await writer.drain()
            await asyncio.sleep(0.005)

    return send


# What is measured


async def test_a_whole_stream_is_ok_and_timed(answer: Answer, ask: Ask) -> None:
    reply = await ask(await answer(WHOLE))
    assert (reply.outcome, reply.status, reply.text, reply.error) == (Outcome.OK, 200, "Hello", None)
    assert reply.connect_s is not None
    assert 0 < reply.ack_s <= reply.ttft_s == reply.ttfo_s <= reply.e2e_s


async def test_tokens_of_one_read_are_coalesced_even_in_chunks_of_their_own(answer: Answer, ask: Ask) -> None:
    reply = await ask(await answer(WHOLE))
    assert reply.stamps == {"coalesced": 2}
    assert reply.tpot_s is None


async def test_tokens_of_two_reads_have_two_stamps_and_a_pace(
    serve: Serve, read_request: ReadRequest, ask: Ask
) -> None:
    heard = Heard()

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        writer.write(HEAD + token("a"))
        await heard.first.wait()
        writer.write(token("b") + chunk(STOP) + END)
        await writer.drain()

    reply = await ask(await serve(handle), listener=heard, gaps=True)
    assert sum(reply.stamps.values()) == 2
    assert "coalesced" not in reply.stamps
    assert (reply.output_tokens, reply.token_source, heard.texts) == (2, "estimate", 2)
    assert reply.itl_s == pytest.approx((reply.tpot_s,))
    assert reply.itl_s[0] > 0


async def test_a_tokenizer_counts_where_the_server_does_not(answer: Answer, ask: Ask) -> None:
    reply = await ask(await answer(WHOLE), tokenizer=Tokenizer("tokenizer:letters", len))
    assert (reply.output_tokens, reply.token_source) == (5, "tokenizer:letters")


async def test_usage_of_zero_beside_text_is_not_believed(answer: Answer, ask: Ask) -> None:
    usage = b'data: {"choices":[],"usage":{"prompt_tokens":3,"completion_tokens":0}}\n\n'
    reply = await ask(await answer(HEAD + token() + chunk(STOP) + chunk(usage) + END))
    assert (reply.input_tokens, reply.output_tokens, reply.token_source) == (3, 1, "estimate")


async def test_the_servers_request_id_is_kept(answer: Answer, ask: Ask) -> None:
    reply = await ask(await answer(WHOLE.replace(b"\r\n\r\n", b"\r\nX-Request-Id: req-7\r\n\r\n", 1)))
    assert reply.request_id == "req-7"


# A kept connection


@pytest.fixture
def count_connections(serve: Serve, read_request: ReadRequest) -> CountConnections:
    """Serve whole streams with keep-alive; returns the URL and the requests seen on each connection."""

    async def start(
        *, close_after: int | None = None, drop: Callable[[int, int], bool] = lambda *_: False
    ) -> tuple[str, list[int]]:
        seen: list[int] = []

        async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            at = len(seen)
            seen.append(0)
            while seen[at] != close_after:
                await read_request(reader)
                seen[at] += 1
                if drop(at, seen[at]):
                    return
                writer.write(WHOLE)
                await writer.drain()

        return await serve(handle), seen

    return start


async def test_a_second_request_reuses_the_connection_and_has_no_connect_time(
    count_connections: CountConnections, transports: Transports, flight_to: FlightTo
) -> None:
    url, seen = await count_connections()
    transport = transports(url)
    first = await exchange(transport, flight_to(url))
    second = await exchange(transport, flight_to(url))
    assert (first.connect_s is None, second.connect_s) == (False, None)
    assert seen == [2]


async def test_a_kept_connection_that_dies_before_any_byte_is_tried_again_once(
    count_connections: CountConnections, transports: Transports, flight_to: FlightTo
) -> None:
    url, seen = await count_connections(drop=lambda at, number: (at, number) == (0, 2))
    transport, heard = transports(url), Heard()
    await exchange(transport, flight_to(url))
    reply = await exchange(transport, flight_to(url, listener=heard))
    assert (reply.outcome, reply.retries, reply.text) == (Outcome.OK, 1, "Hello")
    assert reply.connect_s is not None
    assert len(heard.started) == 2
    assert reply.start_ns == heard.started[1]
    assert seen == [2, 1]


async def test_a_server_that_closes_after_each_stream_is_never_booked_as_failing(
    count_connections: CountConnections, transports: Transports, flight_to: FlightTo
) -> None:
    url, _ = await count_connections(close_after=1)
    transport = transports(url)
    replies = [await exchange(transport, flight_to(url)) for _ in range(30)]
    assert {reply.outcome for reply in replies} == {Outcome.OK}
    assert all(reply.connect_s is not None for reply in replies)


async def test_a_second_failure_is_told(
    count_connections: CountConnections, transports: Transports, flight_to: FlightTo
) -> None:
    url, seen = await count_connections(drop=lambda at, number: (at, number) != (0, 1))
    transport = transports(url)
    await exchange(transport, flight_to(url))
    reply = await exchange(transport, flight_to(url))
    assert (reply.outcome, reply.retries) == (Outcome.CONNECTION, 1)
    assert seen == [2, 1]


async def test_a_fresh_connection_that_dies_is_not_tried_again(
    count_connections: CountConnections, ask: Ask
) -> None:
    url, seen = await count_connections(drop=lambda *_: True)
    reply = await ask(url)
    assert (reply.outcome, reply.retries, reply.status) == (Outcome.CONNECTION, 0, None)
    assert reply.error == "the server closed the connection without an answer"
    assert seen == [1]


# What goes wrong


async def test_a_closed_port_refuses(ask: Ask) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    reply = await ask(f"http://127.0.0.1:{port}/v1")
    assert reply.outcome is Outcome.CONNECTION
    assert reply.error == f"127.0.0.1:{port} refuses connections; is the server running?"
    assert (reply.status, reply.ack_s, reply.ttft_s, reply.connect_s) == (None, None, None, None)


async def test_a_reset_before_the_answer_is_a_failed_connection(answer: Answer, ask: Ask) -> None:
    reply = await ask(await answer(then=reset))
    assert reply.outcome is Outcome.CONNECTION
    assert reply.error.startswith("127.0.0.1:")
    assert reply.error.endswith("reset the connection")


async def test_a_reset_in_the_middle_is_a_truncated_stream(
    serve: Serve, read_request: ReadRequest, ask: Ask
) -> None:
    heard = Heard()

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        writer.write(HEAD + token("Hel"))
        await heard.first.wait()
        await reset(reader, writer)

    reply = await ask(await serve(handle), listener=heard)
    assert (reply.outcome, reply.text, reply.output_tokens) == (Outcome.TRUNCATED, "Hel", 1)
    assert reply.error == "the connection was cut in the middle of the stream"


async def test_a_cut_after_the_reason_is_truncated_and_after_the_terminator_is_not(
    answer: Answer, ask: Ask
) -> None:
    before = await ask(await answer(HEAD + token() + chunk(STOP)))
    behind = await ask(await answer(HEAD + token() + chunk(STOP) + chunk(DONE)))
    assert (before.outcome, behind.outcome) == (Outcome.TRUNCATED, Outcome.OK)


async def test_a_body_that_ends_with_its_connection_is_whole(answer: Answer, ask: Ask) -> None:
    head = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n"
    reply = await ask(await answer(head + b'data:{"choices":[{"delta":{"content":"a"}}]}\n\n' + STOP))
    assert reply.outcome is Outcome.OK


async def test_what_is_not_http_is_malformed(answer: Answer, ask: Ask) -> None:
    reply = await ask(await answer(b"SSH-2.0-OpenSSH_9.6\r\n\r\n"))
    assert reply.outcome is Outcome.MALFORMED
    assert reply.error.startswith("the answer is not what HTTP asks for")


@pytest.mark.parametrize(
    ("before", "outcome"),
    [
        (b"HTTP/1.1 200 OK\r\n", Outcome.MALFORMED),
        (HEAD + chunk(STOP) + b"0\r\n", Outcome.TRUNCATED),
    ],
)
async def test_headers_without_end_are_not_read_on(
    answer: Answer, ask: Ask, before: bytes, outcome: Outcome
) -> None:
    reply = await ask(await answer(before + b"X-More: 0123456789\r\n" * 100_000))
    assert reply.outcome is outcome


async def test_a_redirect_is_our_error_and_names_the_address(answer: Answer, ask: Ask) -> None:
    url = await answer(b"HTTP/1.1 307 x\r\nLocation: http://127.0.0.1:1/v2\r\nContent-Length: 0\r\n\r\n")
    reply = await ask(url)
    assert (reply.outcome, reply.status) == (Outcome.CLIENT_ERROR, 307)
    assert "http://127.0.0.1:1/v2" in reply.error


async def test_a_429_brings_its_limits(answer: Answer, ask: Ask, transcript: Transcripts) -> None:
    reply = await ask(await answer(transcript("llmock_429_rpm.http").raw))
    assert (reply.outcome, reply.retry_after_s) == (Outcome.RATE_LIMITED, 19.699)
    assert (reply.rate_limit.requests.limit, reply.rate_limit.tokens.remaining) == (3, 1872)


async def test_a_limit_inside_a_stream_tells_how_long_to_wait(answer: Answer, ask: Ask) -> None:
    error = CHAT.encode_error(Failure(429, "Rate limit reached. Try again in 1.5s.", "rate_limit_error"))
    reply = await ask(await answer(HEAD + chunk(error) + END))
    assert (reply.outcome, reply.status, reply.retry_after_s) == (Outcome.RATE_LIMITED, 200, 1.5)


async def test_limits_are_read_from_a_good_answer_too(
    answer: Answer, ask: Ask, transcript: Transcripts
) -> None:
    reply = await ask(await answer(transcript("llmock_groq_stream.http").raw))
    assert (reply.outcome, reply.rate_limit.requests.limit, reply.retry_after_s) == (Outcome.OK, 20, None)


async def test_an_error_body_without_end_is_not_read_to_its_end(answer: Answer, ask: Ask) -> None:
    head = b"HTTP/1.1 500 x\r\nContent-Type: text/plain\r\nTransfer-Encoding: chunked\r\n\r\n"
    reply = await ask(await answer(head, then=repeat(chunk(b"oops " * 4000))))
    assert (reply.outcome, reply.status) == (Outcome.SERVER_ERROR, 500)
    assert reply.error.startswith("HTTP 500: oops oops")
    assert len(reply.error) <= 500


async def test_an_error_body_that_is_cut_still_tells_its_status(answer: Answer, ask: Ask) -> None:
    reply = await ask(await answer(b"HTTP/1.1 503 x\r\nContent-Length: 1000\r\n\r\nbusy"))
    assert (reply.outcome, reply.error) == (Outcome.SERVER_ERROR, "HTTP 503: busy")


async def test_a_key_that_the_server_repeats_is_not_told(answer: Answer, ask: Ask) -> None:
    body = b'{"error":"Incorrect key: Zq7-my-own-key"}'
    url = await answer(b"HTTP/1.1 401 x\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body))
    reply = await ask(url, api_key="Zq7-my-own-key")
    assert (reply.outcome, reply.error) == (Outcome.CLIENT_ERROR, "HTTP 401: Incorrect key: ***")


async def test_a_header_that_cannot_be_sent_is_our_error(answer: Answer, ask: Ask) -> None:
    url = await answer(WHOLE)
    reply = await ask(url, endpoint=Endpoint(url, headers={"X-Team": "a\nb"}))
    assert reply.outcome is Outcome.CLIENT_ERROR
    assert reply.error.startswith("the request can't be sent")


# Waiting


class Deaf(httpx.AsyncBaseTransport):
    """Never connects."""

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        await anyio.sleep_forever()
        raise AssertionError


async def test_a_connection_that_does_not_open_in_time(flight_to: FlightTo) -> None:
    flight = flight_to("http://127.0.0.1:1/v1", timeouts=Timeouts(connect_s=0.02))
    reply = await exchange(Deaf(), flight)
    assert (reply.outcome, reply.error) == (Outcome.TIMEOUT_CONNECT, "no connection within 20ms")
    assert reply.e2e_s >= 0.02


async def test_silence_before_the_headers(answer: Answer, ask: Ask) -> None:
    reply = await ask(await answer(then=stay), timeouts=SHORT)
    assert (reply.outcome, reply.error) == (Outcome.TIMEOUT_FIRST_TOKEN, "no token within 50ms")
    assert (reply.status, reply.ack_s) == (None, None)


async def test_silence_after_the_headers(answer: Answer, ask: Ask) -> None:
    role = chunk(CHAT.encode_begin(Usage(), reply_id="i", model="m"))
    reply = await ask(await answer(HEAD + role, then=stay), timeouts=Timeouts(first_token_s=0.5))
    assert (reply.outcome, reply.status) == (Outcome.TIMEOUT_FIRST_TOKEN, 200)
    assert reply.ack_s is not None


async def test_comments_are_no_progress(answer: Answer, ask: Ask) -> None:
    reply = await ask(await answer(HEAD, then=repeat(chunk(b": ping\n\n"))), timeouts=SHORT)
    assert reply.outcome is Outcome.TIMEOUT_FIRST_TOKEN


async def test_comments_before_the_first_token_do_no_harm(answer: Answer, ask: Ask) -> None:
    pings = chunk(b": OPENROUTER PROCESSING\n\n")
    reply = await ask(await answer(HEAD, pings, pings, token() + chunk(STOP) + END))
    assert reply.outcome is Outcome.OK


@pytest.mark.parametrize("then", [stay, repeat(chunk(b": ping\n\n"))], ids=["silent", "pinging"])
async def test_a_stream_that_stalls(answer: Answer, ask: Ask, then: Then) -> None:
    timeouts = Timeouts(first_token_s=15, stall_s=0.05)
    reply = await ask(await answer(HEAD + token("Hel"), then=then), timeouts=timeouts)
    assert (reply.outcome, reply.error) == (Outcome.TIMEOUT_STALL, "no further token within 50ms")
    assert (reply.text, reply.output_tokens) == ("Hel", 1)


async def test_a_stream_that_never_ends(answer: Answer, ask: Ask) -> None:
    timeouts = Timeouts(first_token_s=15, stall_s=15, total_s=0.1)
    reply = await ask(await answer(HEAD, then=repeat(token())), timeouts=timeouts)
    assert (reply.outcome, reply.error) == (Outcome.TIMEOUT_TOTAL, "no end of the answer within 100ms")


async def test_a_body_left_open_behind_its_terminator_is_not_waited_for(
    answer: Answer, ask: Ask, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(flight_module, "END_GRACE_S", 0.02)
    url = await answer(HEAD + token() + chunk(STOP) + chunk(DONE), then=stay)
    reply = await ask(url)
    assert reply.outcome is Outcome.OK


# Broken off by us


async def test_a_cancelled_request_keeps_its_figures_and_closes_its_connection(
    serve: Serve, read_request: ReadRequest, transports: Transports, flight_to: FlightTo
) -> None:
    left = asyncio.Event()

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        writer.write(HEAD + token("Hel"))
        try:
            await reader.read()
        finally:
            left.set()

    heard = Heard()
    url = await serve(handle)
    flight = flight_to(url, listener=heard)
    with anyio.fail_after(120):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(exchange, transports(url), flight)
            await heard.first.wait()
            tasks.cancel_scope.cancel()
        await left.wait()
    reply = flight.cancelled()
    assert (reply.outcome, reply.text, sum(reply.stamps.values())) == (Outcome.CANCELLED, "Hel", 1)
    assert reply.ttft_s is not None
    assert reply.ttft_s <= reply.e2e_s
    assert reply.error is None


async def test_a_flight_that_is_cancelled_ends_its_exchange_with_what_was_seen(
    answer: Answer, transports: Transports, flight_to: FlightTo
) -> None:
    heard = Heard()
    url = await answer(HEAD + token("Hel"), then=stay)
    flight = flight_to(url, listener=heard)
    with anyio.fail_after(20):
        async with anyio.create_task_group() as tasks:

            async def carry() -> None:
                reply = await exchange(transports(url), flight)
                assert (reply.outcome, reply.text) == (Outcome.CANCELLED, "Hel")

            tasks.start_soon(carry)
            await heard.first.wait()
            flight.cancel()


async def test_a_flight_cancelled_before_it_begins_sends_nothing(flight_to: FlightTo) -> None:
    flight = flight_to("http://127.0.0.1:1/v1")
    flight.cancel()
    with anyio.fail_after(20):
        assert (await exchange(Deaf(), flight)).outcome is Outcome.CANCELLED


async def test_a_cancelled_task_passes_its_cancellation_on(
    answer: Answer, transports: Transports, flight_to: FlightTo
) -> None:
    heard = Heard()
    url = await answer(HEAD + token(), then=stay)
    flight = flight_to(url, listener=heard)
    task = asyncio.create_task(exchange(transports(url), flight))
    await heard.first.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert flight.cancelled().outcome is Outcome.CANCELLED


async def test_a_request_cancelled_before_it_was_sent_has_no_times(flight_to: FlightTo) -> None:
    flight = flight_to("http://127.0.0.1:1/v1")
    with anyio.move_on_after(0.01):
        await exchange(Deaf(), flight)
    reply = flight.cancelled()
    assert (reply.outcome, reply.ack_s, reply.ttft_s, reply.status) == (Outcome.CANCELLED, None, None, None)


async def test_an_answer_that_had_come_whole_is_not_cancelled(
    answer: Answer, transports: Transports, flight_to: FlightTo
) -> None:
    url = await answer(HEAD + token() + chunk(STOP) + chunk(DONE), then=stay)
    flight = flight_to(url)
    with anyio.fail_after(120):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(exchange, transports(url), flight)
            while flight.phase != "ending":
                await asyncio.sleep(0)
            tasks.cancel_scope.cancel()
    assert flight.cancelled().outcome is Outcome.OK
