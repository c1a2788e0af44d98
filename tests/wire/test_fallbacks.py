"""What goes through httpx's own transport: HTTP/2, SOCKS and proxies, each a small real one on loopback."""

import asyncio
import importlib.util
import socket
from collections.abc import Awaitable, Callable
from urllib.parse import urlsplit

import h2.config
import h2.connection
import h2.events
import httpx
import pytest

from llmprobe.core.errors import UsageError
from llmprobe.core.outcome import Outcome
from llmprobe.core.scenario import Endpoint
from llmprobe.wire.dialects import dialect
from llmprobe.wire.exchange import exchange
from llmprobe.wire.flight import Flight
from llmprobe.wire.transport import pooled_transport, ssl_context, user_transport

Serve = Callable[..., Awaitable[str]]
FlightTo = Callable[..., Flight]
ReadRequest = Callable[[asyncio.StreamReader], Awaitable[bytes]]
Relay = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]

pytestmark = pytest.mark.anyio

CHAT = dialect("openai-chat")
WORDS = [f"word{k} " for k in range(20)]
STREAM = [
    *(CHAT.encode_text(word, created_ns=0, reply_id="i", model="m") for word in WORDS),
    CHAT.encode_end("", "stop", None, reply_id="i", model="m"),
]
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n"


@pytest.fixture
async def plain_url(serve: Serve, read_request: ReadRequest) -> str:
    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        writer.write(HEAD + b"".join(STREAM))

    return await serve(handle)


async def speak_http2(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answer every request of a connection with the stream, a frame for each event."""
    connection = h2.connection.H2Connection(h2.config.H2Configuration(client_side=False))
    connection.initiate_connection()
    writer.write(connection.data_to_send())
    while data := await reader.read(1 << 16):
        for event in connection.receive_data(data):
            if isinstance(event, h2.events.StreamEnded):
                number = event.stream_id
                connection.send_headers(number, [(":status", "200"), ("content-type", "text/event-stream")])
                for piece in STREAM:
                    connection.send_data(number, piece)
                    writer.write(connection.data_to_send())
                    await asyncio.sleep(0)
                connection.end_stream(number)
        writer.write(connection.data_to_send())


async def test_a_stream_over_http2_is_read_like_any_other(serve: Serve, flight_to: FlightTo) -> None:
    connections = 0

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal connections
        connections += 1
        await speak_http2(reader, writer)

    url = await serve(handle)
    endpoint = Endpoint(url, http2=True)
    transport = user_transport(endpoint, url, ssl_context(endpoint))
    try:
        replies = [await exchange(transport, flight_to(url)) for _ in range(3)]
    finally:
        await transport.aclose()
    assert [reply.outcome for reply in replies] == [Outcome.OK] * 3
    assert replies[0].text == "".join(WORDS)
    assert replies[0].stamps.keys() <= {"loop", "coalesced"}
    assert all(reply.ttft_s is not None and reply.ttft_s > 0 for reply in replies)
    assert replies[0].connect_s is not None
    assert replies[1].connect_s is None
    assert connections == 1


async def test_a_server_that_knows_no_http2_is_told_of(plain_url: str, flight_to: FlightTo) -> None:
    endpoint = Endpoint(plain_url, http2=True)
    transport = user_transport(endpoint, plain_url, ssl_context(endpoint))
    try:
        reply = await exchange(transport, flight_to(plain_url))
    finally:
        await transport.aclose()
    assert reply.outcome.failed
    assert reply.error


def test_http2_without_its_package_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    find = importlib.util.find_spec
    monkeypatch.setattr(
        "llmprobe.wire.transport.find_spec", lambda name: None if name == "h2" else find(name)
    )
    endpoint = Endpoint("http://127.0.0.1:1/v1", http2=True)
    with pytest.raises(UsageError, match=r"pip install 'llmprobe\[http2\]'"):
        user_transport(endpoint, endpoint.url, ssl_context(endpoint))


async def relay(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, host: str, port: int) -> None:
    """Carry bytes both ways until the far side closes."""
    far_reader, far_writer = await asyncio.open_connection(host, port)

    async def there() -> None:
        while data := await reader.read(1 << 16):
            far_writer.write(data)

    going = asyncio.create_task(there())
    while data := await far_reader.read(1 << 16):
        writer.write(data)
    going.cancel()
    far_writer.close()


async def through(proxy: str, url: str, flight_to: FlightTo) -> None:
    """Ask through the proxy; the figures and the text are those of a direct request."""
    transport: httpx.AsyncBaseTransport = pooled_transport(None, ssl_context(Endpoint(url)), proxy)
    try:
        reply = await exchange(transport, flight_to(url))
    finally:
        await transport.aclose()
    assert (reply.outcome, reply.error) == (Outcome.OK, None)
    assert reply.text == "".join(WORDS)
    assert reply.connect_s is not None
    assert "kernel" not in reply.stamps


async def test_a_stream_through_a_socks_proxy(serve: Serve, plain_url: str, flight_to: FlightTo) -> None:
    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        methods = (await reader.readexactly(2))[1]
        await reader.readexactly(methods)
        writer.write(b"\x05\x00")
        assert (await reader.readexactly(4))[3] == 1  # an IPv4 address
        host = socket.inet_ntoa(await reader.readexactly(4))
        port = int.from_bytes(await reader.readexactly(2), "big")
        writer.write(b"\x05\x00\x00\x01" + b"\0" * 6)
        await relay(reader, writer, host, port)

    address = urlsplit(await serve(handle)).netloc
    await through(f"socks5://{address}", plain_url, flight_to)


async def test_a_stream_through_a_plain_proxy(
    serve: Serve, plain_url: str, flight_to: FlightTo, read_request: ReadRequest
) -> None:
    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked = await read_request(reader)
        assert asked.startswith(b"POST http://127.0.0.1:")
        writer.write(HEAD + b"".join(STREAM))

    address = urlsplit(await serve(handle)).netloc
    await through(f"http://{address}", plain_url, flight_to)
