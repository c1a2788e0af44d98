"""Recorded answers, requests to send, and small servers on loopback."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import anyio
import h11
import httpx
import pytest
from msgspec import Struct

from llmprobe.core.request import Draw, Prompt
from llmprobe.core.scenario import Endpoint, Timeouts
from llmprobe.wire.connection import parse_connection
from llmprobe.wire.dialects import dialect
from llmprobe.wire.exchange import exchange
from llmprobe.wire.flight import Flight
from llmprobe.wire.reader import Listener
from llmprobe.wire.reply import Reply, Tokenizer
from llmprobe.wire.transport import pooled_transport, ssl_context, user_transport

TRANSCRIPTS = Path(__file__).parent.parent / "transcripts"

Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
Serve = Callable[..., Awaitable[str]]


class Transcript(Struct, frozen=True):
    """One recorded answer; `raw` is what came over the socket, `cut` whether it lacks its end."""

    raw: bytes
    status: int
    headers: dict[str, str]
    body: bytes
    cut: bool


def read_transcript(name: str) -> Transcript:
    raw = (TRANSCRIPTS / name).read_bytes()
    if name.endswith((".sse", ".ndjson")):
        head = b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n"
        return Transcript(head + raw, 200, {}, raw, cut=False)
    connection = h11.Connection(h11.CLIENT)
    connection.send(h11.Request(method="POST", target="/", headers=[("Host", "x")]))
    connection.send(h11.EndOfMessage())
    connection.receive_data(raw)
    connection.receive_data(b"")
    answer = connection.next_event()
    assert isinstance(answer, h11.Response)
    body, cut = b"", False
    while True:
        try:
            event = connection.next_event()
        except h11.RemoteProtocolError:
            cut = True
            break
        if not isinstance(event, h11.Data):
            break
        body += bytes(event.data)
    headers = {name.decode(): value.decode() for name, value in answer.headers}
    return Transcript(raw, answer.status_code, headers, body, cut)


@pytest.fixture
def transcript() -> Callable[[str], Transcript]:
    return read_transcript


@pytest.fixture
def transcript_names() -> set[str]:
    return {path.name for path in TRANSCRIPTS.iterdir() if path.suffix != ".md"}


@pytest.fixture
async def serve(anyio_backend: str) -> AsyncIterator[Serve]:
    """Start a server on loopback that hands each connection to a handler; returns the API's base URL."""
    servers: list[asyncio.Server] = []

    async def start(handler: Handler, tls: ssl.SSLContext | None = None) -> str:
        async def attend(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            try:
                await handler(reader, writer)
            except (ConnectionError, asyncio.IncompleteReadError):
                pass
            finally:
                writer.close()

        server = await asyncio.start_server(attend, "127.0.0.1", 0, ssl=tls)
        servers.append(server)
        return f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"

    yield start
    for server in servers:
        server.close()
        await server.wait_closed()


@pytest.fixture
def read_request() -> Callable[[asyncio.StreamReader], Awaitable[bytes]]:
    """Read one request, head and body."""

    async def read(reader: asyncio.StreamReader) -> bytes:
        head = await reader.readuntil(b"\r\n\r\n")
        length = next(
            (
                line.split(b":")[1]
                for line in head.split(b"\r\n")
                if line.lower().startswith(b"content-length")
            ),
            b"0",
        )
        return head + await reader.readexactly(int(length))

    return read


@pytest.fixture
def flight_to() -> Callable[..., Flight]:
    """A request at an URL."""

    def make(
        url: str,
        *,
        endpoint: Endpoint | None = None,
        api_key: str | None = None,
        timeouts: Timeouts | None = None,
        listener: Listener | None = None,
        tokenizer: Tokenizer | None = None,
        gaps: bool = False,
        spoken: str = "openai-chat",
    ) -> Flight:
        codec = dialect(spoken)
        draw = Draw(0, Prompt("p", ({"role": "user", "content": "Hi"},)), None)
        asked = codec.encode_request(endpoint or Endpoint(url), url, "m", draw, 8, api_key)
        return Flight(asked, codec, timeouts or Timeouts(), listener=listener, tokenizer=tokenizer, gaps=gaps)

    return make


@pytest.fixture(params=["direct", "pooled"])
async def transports(
    request: pytest.FixtureRequest, anyio_backend: str, serve: Serve
) -> AsyncIterator[Callable[..., httpx.AsyncBaseTransport]]:
    """Open transports of each kind, closed at the end, before the servers, which wait for it."""
    opened: list[httpx.AsyncBaseTransport] = []

    def make(url: str, endpoint: Endpoint | None = None) -> httpx.AsyncBaseTransport:
        endpoint = endpoint or Endpoint(url)
        context = ssl_context(endpoint)
        if request.param == "direct":
            opened.append(user_transport(endpoint, url, context))
        else:
            opened.append(pooled_transport(parse_connection(endpoint.connection).max_age_s, context))
        return opened[-1]

    yield make
    for transport in opened:
        await transport.aclose()


@pytest.fixture
def ask(
    transports: Callable[..., httpx.AsyncBaseTransport], flight_to: Callable[..., Flight]
) -> Callable[..., Awaitable[Reply]]:
    """Send one chat completion over a fresh connection; a test that hangs fails."""

    async def send(url: str, **options: object) -> Reply:
        with anyio.fail_after(120):
            return await exchange(transports(url), flight_to(url, **options))

    return send
