"""HTTP/1.1 over a stream socket: one request and its answer at a time, framed by httptools.

idle -> head awaited -> body -> idle | closed
"""

import asyncio

import httptools
import httpx

from llmprobe.core.record import Stamp
from llmprobe.wire.sink import Head, Sink
from llmprobe.wire.stream_socket import StreamSocket

MAX_BARE_BYTES = 1 << 20
"""How much of an answer may come without any of its body: its head, or what follows the last chunk."""


class Answer:
    """What a request waits for: `head`, then `end`. Each raises `httpx.TransportError` when it can't come."""

    def __init__(self) -> None:
        loop = asyncio.get_running_loop()
        self.head: asyncio.Future[Head] = loop.create_future()
        self.end: asyncio.Future[None] = loop.create_future()

    def fail(self, error: httpx.TransportError) -> None:
        """Nothing more comes."""
        for future in (self.head, self.end):
            if not future.done():
                future.set_exception(error)
                # Whoever waited may have left before it is told; that is no error of anybody's.
                future.exception()


class Http1Connection:
    """Speaks to one server; `usable` tells whether another request may follow."""

    def __init__(self) -> None:
        self.socket: StreamSocket | None = None
        self._sink: Sink | None = None
        self._parser: httptools.HttpResponseParser | None = None
        self._answer: Answer | None = None
        self._headers: list[tuple[bytes, bytes]] = []
        self._framed = False
        self._bare = 0
        self._at_ns = 0
        self._stamp: Stamp = "loop"

    @property
    def usable(self) -> bool:
        """Whether it is open and idle."""
        return self.socket is not None and not self.socket.closed and self._answer is None

    def expect(self, sink: Sink) -> Answer:
        """Get ready for the answer to what is sent next: it goes to `sink`."""
        self._sink = sink
        self._parser = httptools.HttpResponseParser(self)
        self._answer = answer = Answer()
        self._bare = 0
        return answer

    def send(self, request: bytes) -> int:
        """Send a request whole; when its bytes were handed over, on the clock of the stamps."""
        assert self.socket is not None
        return self.socket.write(request)

    def close(self) -> None:
        """Close, whatever is under way."""
        if self.socket is not None:
            self.socket.close()
        self._answer = self._sink = self._parser = None

    # What the socket tells

    def data(self, data: bytes | memoryview, at_ns: int, stamp: Stamp) -> None:
        """Bytes of the answer; any that come unasked end the connection."""
        if self._parser is None:
            self.close()
            return
        self._at_ns, self._stamp = at_ns, stamp
        self._bare += len(data)
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError as error:
            self._fail(httpx.RemoteProtocolError(f"{error}"))
            return
        if self._bare > MAX_BARE_BYTES and self._answer is not None:
            self._fail(httpx.RemoteProtocolError(f"more than {MAX_BARE_BYTES} bytes of headers"))
            return
        if self._sink is not None and self._sink.sated:
            self._finish(keep=False)

    def lost(self, error: OSError | None) -> None:
        """The connection is gone."""
        if self._answer is None:
            return
        if error is not None:
            trouble: httpx.TransportError = httpx.ReadError(str(error))
            trouble.__cause__ = error
            self._fail(trouble)
        elif not self._answer.head.done():
            self._fail(httpx.RemoteProtocolError("Server disconnected without sending a response."))
        elif self._framed:
            self._fail(httpx.RemoteProtocolError("peer closed the connection in the middle of the body"))
        else:
            self._finish(keep=False)

    # What httptools tells

    def on_message_begin(self) -> None:
        """An answer begins."""
        self._headers = []

    def on_header(self, name: bytes, value: bytes) -> None:
        """One header."""
        self._headers.append((name, value))

    def on_headers_complete(self) -> None:
        """The head is whole."""
        assert self._parser is not None
        status = self._parser.get_status_code()
        if status < 200 or self._answer is None or self._sink is None:
            return
        names = {name.lower() for name, _ in self._headers}
        self._framed = not names.isdisjoint((b"content-length", b"transfer-encoding"))
        head = Head(status, self._headers)
        self._sink.answered(head, self._at_ns)
        if not self._answer.head.done():
            self._answer.head.set_result(head)

    def on_body(self, body: bytes) -> None:
        """A piece of the body."""
        self._bare = 0
        if self._sink is not None:
            self._sink.feed(body, self._at_ns, self._stamp)

    def on_message_complete(self) -> None:
        """The answer is whole, unless it only was an interim one (1xx)."""
        assert self._parser is not None
        if self._parser.get_status_code() >= 200:
            self._finish(keep=self._parser.should_keep_alive())

    def _finish(self, *, keep: bool) -> None:
        answer, self._answer, self._sink, self._parser = self._answer, None, None, None
        if not keep and self.socket is not None:
            self.socket.close()
        if answer is not None and not answer.end.done():
            answer.end.set_result(None)

    def _fail(self, error: httpx.TransportError) -> None:
        answer = self._answer
        self.close()
        if answer is not None:
            answer.fail(error)
