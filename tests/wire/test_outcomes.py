"""Every outcome that an endpoint or the network can bring about, provoked over a real socket."""

import asyncio
import gzip
import socket
from collections.abc import Awaitable, Callable
from typing import Any

import httpx
import pytest

from llmprobe.core.outcome import Outcome
from llmprobe.core.scenario import Endpoint, Timeouts
from llmprobe.wire.exchange import exchange
from llmprobe.wire.flight import Flight

Ask = Callable[..., Awaitable[Any]]
Serve = Callable[..., Awaitable[str]]
ReadRequest = Callable[[asyncio.StreamReader], Awaitable[bytes]]
Answer = Callable[..., Awaitable[str]]

pytestmark = pytest.mark.anyio

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
END = b"0\r\n\r\n"
TEXT = b'data: {"choices":[{"index":0,"delta":{"content":"Hi"}}]}\n\n'
DONE = b"data: [DONE]\n\n"


def finish(reason: str) -> bytes:
    return b'data: {"choices":[{"index":0,"delta":{},"finish_reason":"%b"}]}\n\n' % reason.encode()


def stream(*events: bytes) -> bytes:
    return HEAD + b"".join(b"%x\r\n%b\r\n" % (len(event), event) for event in events) + END


def whole(status: bytes, body: bytes, kind: bytes = b"application/json") -> bytes:
    head = b"HTTP/1.1 %b\r\nContent-Type: %b\r\nContent-Length: %d\r\n\r\n" % (status, kind, len(body))
    return head + body


WHOLE = stream(TEXT, finish("stop"), DONE)


@pytest.fixture
def answer(serve: Serve, read_request: ReadRequest) -> Answer:
    """Serve these bytes to each request, one connection each."""

    async def start(data: bytes) -> str:
        async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await read_request(reader)
            writer.write(data)
            await writer.drain()

        return await serve(handle)

    return start


@pytest.mark.parametrize(
    ("data", "outcome"),
    [
        (WHOLE, Outcome.OK),
        (stream(TEXT, finish("length"), DONE), Outcome.LENGTH),
        (stream(TEXT, finish("content_filter"), DONE), Outcome.CONTENT_FILTER),
        (whole(b"429 Too Many Requests", b"{}"), Outcome.RATE_LIMITED),
        (whole(b"500 x", b"oops", b"text/plain"), Outcome.SERVER_ERROR),
        (whole(b"529 ", b'{"type":"error","error":{"type":"overloaded_error"}}'), Outcome.SERVER_ERROR),
        (whole(b"404 Not Found", b'{"detail":"Not Found"}'), Outcome.CLIENT_ERROR),
        (stream(), Outcome.TRUNCATED),
        (stream(TEXT), Outcome.TRUNCATED),
        (stream(TEXT, DONE), Outcome.TRUNCATED),
        (stream(TEXT, b'data: {"choices":[{"delta":{"con'), Outcome.TRUNCATED),
        (stream(TEXT, finish("stop"), b'data: {"choices":[],"us'), Outcome.TRUNCATED),
        (stream(TEXT, b'data: {"choices":[{"delta":\n\n', finish("stop"), DONE), Outcome.MALFORMED),
        (whole(b"200 OK", b"<html>Welcome</html>", b"text/html"), Outcome.MALFORMED),
        (whole(b"200 OK", b'{"choices":[{"message":{"content":"Hi"}}]}'), Outcome.NOT_STREAMED),
        (whole(b"200 OK", b'{"error":{"message":"out of memory"}}'), Outcome.STREAM_ERROR),
        (whole(b"200 OK", b'{"error":{"message":"x","code":429}}'), Outcome.RATE_LIMITED),
    ],
    ids=[
        "ok", "length", "content filter", "429", "500 in plain text", "529 without a phrase", "404",
        "empty stream", "no reason and no end", "no reason", "cut in an event", "cut behind the reason",
        "half an event", "a page", "one JSON body", "an error in one JSON body", "a limit in one JSON body",
    ],
)  # fmt: skip
async def test_an_answer_ends_in_one_outcome(answer: Answer, ask: Ask, data: bytes, outcome: Outcome) -> None:
    reply = await ask(await answer(data))
    assert reply.outcome is outcome, reply.error
    assert (reply.error is None) == outcome.completed


@pytest.mark.parametrize(
    "event",
    [
        b'data: {"error":{"message":"out of memory","type":"server_error","code":500}}\n\n',
        b'data: {"error":{"message":"out of memory","code":"internal"}}\n\n',
        b'data: {"error":"out of memory"}\n\n',
        b'data: {"object":"error","message":"out of memory","code":40303}\n\n',
        b'event: error\ndata: {"message":"out of memory"}\n\n',
        b"event: error\ndata: out of memory\n\n",
    ],
    ids=["object", "code as text", "string", "vllm", "event", "event in plain words"],
)
@pytest.mark.parametrize("before", [(), (TEXT,)], ids=["at once", "in the middle"])
async def test_an_error_of_any_shape_inside_a_200_is_a_stream_error(
    answer: Answer, ask: Ask, event: bytes, before: tuple[bytes, ...]
) -> None:
    reply = await ask(await answer(stream(*before, event)))
    assert (reply.outcome, reply.status) == (Outcome.STREAM_ERROR, 200)
    assert "out of memory" in reply.error


@pytest.mark.parametrize(
    "event",
    [
        b'data: {"error":{"message":"slow down","code":429}}\n\n',
        b'data: {"error":{"message":"slow down","type":"rate_limit_error"}}\n\n',
        b'data: {"error":"Too Many Requests"}\n\n',
    ],
)
async def test_a_429_inside_a_200_is_rate_limited(answer: Answer, ask: Ask, event: bytes) -> None:
    reply = await ask(await answer(stream(event)))
    assert (reply.outcome, reply.status) == (Outcome.RATE_LIMITED, 200)


PACKED = gzip.compress(TEXT + finish("stop") + DONE)


def packed(status: bytes) -> bytes:
    head = b"HTTP/1.1 %b\r\nContent-Encoding: GZip\r\nContent-Length: %d\r\n\r\n"
    return head % (status, len(PACKED)) + PACKED


async def test_a_compressed_stream_is_told_as_one(answer: Answer, ask: Ask) -> None:
    reply = await ask(await answer(packed(b"200 OK")))
    assert reply.outcome is Outcome.MALFORMED
    assert reply.error == "the body is gzip-encoded, though only identity was asked for"


async def test_a_compressed_stream_that_was_asked_for_says_what_to_leave_out(
    answer: Answer, ask: Ask
) -> None:
    url = await answer(packed(b"200 OK"))
    endpoint = Endpoint(url, headers={"accept-encoding": "gzip, br"})
    reply = await ask(url, endpoint=endpoint)
    assert reply.error == (
        "the body is gzip-encoded, as the request's Accept-Encoding (gzip, br) allows; leave that header out"
    )


async def test_a_compressed_refusal_is_not_quoted(answer: Answer, ask: Ask) -> None:
    reply = await ask(await answer(packed(b"403 Forbidden")))
    assert reply.outcome is Outcome.CLIENT_ERROR
    assert reply.error == "HTTP 403: Forbidden (its body is gzip-encoded)"


@pytest.mark.parametrize(
    "before", [b"HTTP/1.1 100 Continue\r\n\r\n", b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n"]
)
async def test_an_interim_answer_is_none(answer: Answer, ask: Ask, before: bytes) -> None:
    reply = await ask(await answer(before + WHOLE))
    assert (reply.outcome, reply.status, reply.text) == (Outcome.OK, 200, "Hi")


async def test_a_server_that_half_closes_a_kept_connection_costs_no_request(
    serve: Serve, read_request: ReadRequest, transports: Callable[..., httpx.AsyncBaseTransport],
    flight_to: Callable[..., Flight],
) -> None:  # fmt: skip
    connections = 0

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal connections
        connections += 1
        await read_request(reader)
        writer.write(WHOLE)
        writer.write_eof()
        await reader.read()

    url = await serve(handle)
    transport = transports(url)
    replies = [await exchange(transport, flight_to(url)) for _ in range(5)]
    assert {reply.outcome for reply in replies} == {Outcome.OK}
    assert connections == 5


async def test_a_full_backlog_is_a_timeout_of_the_connection(ask: Ask) -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        waiting = []
        try:
            for _ in range(8):
                client = socket.socket()
                client.setblocking(False)
                client.connect_ex(listener.getsockname())
                waiting.append(client)
            url = f"http://127.0.0.1:{listener.getsockname()[1]}/v1"
            reply = await ask(url, timeouts=Timeouts(connect_s=0.1))
        finally:
            for client in waiting:
                client.close()
    assert (reply.outcome, reply.error) == (Outcome.TIMEOUT_CONNECT, "no connection within 100ms")
    assert (reply.status, reply.connect_s, reply.ack_s) == (None, None, None)
