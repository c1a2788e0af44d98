"""The fast transport: one socket of our own for each virtual user, read in the loop's callback.

httpx stays the seam (`AsyncBaseTransport`, Request, Response, its exceptions). Below it a non-blocking socket
is read with the kernel's receive time, HTTP is framed by httptools, and the body is pushed into the request's
`sink` from inside the callback: no task wakes for a token. TLS runs through memory, so all that is decrypted
from one read shares its stamp.
"""

import asyncio
import collections
import re
import ssl
import time
from collections.abc import AsyncIterator, Callable
from functools import lru_cache

import httpx

from llmprobe.core.record import Stamp
from llmprobe.wire.http1 import Http1Connection
from llmprobe.wire.sink import Head, Sink
from llmprobe.wire.stream_socket import StreamSocket, open_tcp


class DirectTransport(httpx.AsyncBaseTransport):
    """One HTTP/1.1 connection to one server, opened with the first request, kept as the policy says.

    `max_age_s` is None to keep it while it lives, 0 to open one for each request.
    """

    def __init__(
        self,
        context: ssl.SSLContext,
        max_age_s: float | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._context = context
        self._max_age_s = max_age_s
        self._clock = clock
        self._connection: Http1Connection | None = None
        self._opened_s = 0.0

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send, and return with the head and the body to be pulled.

        A request with a `sink` is done when this returns: head and body went there (`pushed`).
        """
        trace = request.extensions.get("trace", _silent)
        sink: Sink | None = request.extensions.get("sink")
        content = await request.aread()
        connection = await self._open(request.url, trace)
        try:
            answer = connection.expect(sink or (body := _Pulled()))
            whole = _head(request.method, request.url.raw_path, tuple(request.headers.raw)) + content
            # All else is done by now: nothing comes between the time that is taken and the bytes.
            sent_ns = connection.send(whole)
            await trace("http11.send_request_headers.started", {"at_ns": sent_ns})
            if sink is not None:
                await answer.end
                return httpx.Response(
                    answer.head.result().status, stream=_NOTHING, extensions={"pushed": True}
                )
            head = await answer.head
        except BaseException:
            connection.close()
            raise
        await trace("http11.receive_response_headers.complete", {})
        body.attach(connection, answer.end)
        return httpx.Response(head.status, headers=head.headers, stream=body)

    async def aclose(self) -> None:
        """Close the connection."""
        if self._connection is not None:
            self._connection.close()

    async def _open(self, url: httpx.URL, trace: "Trace") -> Http1Connection:
        kept = self._connection
        if kept is not None and kept.usable and not self._aged():
            return kept
        if kept is not None:
            kept.close()
        await trace("connection.connect_tcp.started", {})
        self._connection = connection = Http1Connection()
        try:
            sock = await open_tcp(url.host, url.port or (443 if url.scheme == "https" else 80))
            stream = StreamSocket(sock, connection)
            await trace("connection.connect_tcp.complete", {})
            try:
                if url.scheme == "https":
                    await stream.start_tls(self._context, url.host)
                    await trace("connection.start_tls.complete", {})
            except BaseException:
                stream.close()
                raise
        except OSError as error:
            raise httpx.ConnectError(str(error), request=None) from error
        stream.listen()
        connection.socket = stream
        self._opened_s = self._clock()
        return connection

    def _aged(self) -> bool:
        return self._max_age_s is not None and self._clock() - self._opened_s >= self._max_age_s


Trace = Callable[[str, dict[str, object]], "asyncio.Future[None]"]


async def _silent(name: str, info: dict[str, object]) -> None:
    """Nobody takes the times."""


_NOTHING = httpx.ByteStream(b"")
_UNSENDABLE = re.compile(rb"[\r\n\0]")


@lru_cache(maxsize=256)
def _head(method: str, target: bytes, headers: tuple[tuple[bytes, bytes], ...]) -> bytes:
    """The request line and headers, which hardly differ from one request to the next."""
    lines = [b"%b %b HTTP/1.1\r\n" % (method.encode("ascii"), target)]
    for name, value in headers:
        if _UNSENDABLE.search(name + value):
            raise httpx.LocalProtocolError(f"header {name.decode(errors='replace')!r} holds a line break")
        lines.append(b"%b: %b\r\n" % (name, value))
    return b"".join(lines) + b"\r\n"


class _Pulled(httpx.AsyncByteStream):
    """The body for whoever pulls it; a sink of its own until then."""

    sated = False

    def __init__(self) -> None:
        self._pieces: collections.deque[bytes] = collections.deque()
        self._some = asyncio.Event()

    def attach(self, connection: Http1Connection, end: "asyncio.Future[None]") -> None:
        """Where it comes from, and what tells that it is whole."""
        self._connection, self._end = connection, end
        end.add_done_callback(lambda _: self._some.set())

    def answered(self, head: Head, at_ns: int) -> None:
        """The transport returns it."""

    def feed(self, data: bytes, at_ns: int, stamp: Stamp) -> None:  # noqa: ARG002 - a sink's signature
        """A piece, kept until it is pulled."""
        self._pieces.append(data)
        self._some.set()

    async def __aiter__(self) -> AsyncIterator[bytes]:
        while True:
            while self._pieces:
                yield self._pieces.popleft()
            if self._end.done():
                self._end.result()
                return
            self._some.clear()
            await self._some.wait()

    async def aclose(self) -> None:
        """Left before its end, it leaves a connection that nobody can use again."""
        if not self._end.done() or self._end.cancelled():
            self._connection.close()
