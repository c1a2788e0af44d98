"""A bare script in the client bench: the reads and stamps of `llmprobe.wire.direct`, and nothing around them.

What a client of this design costs at least: no users, no records, no figures but the bench's own.
"""

import asyncio
import socket
import time
from urllib.parse import urlsplit

import httptools  # type: ignore[import-not-found,unused-ignore]  # has no types
import msgspec

from llmprobe.wire.kernel_time import ANCILLARY_BYTES, ask_for_stamps, stamp_ns
from llmprobe.wire.stream_socket import open_tcp
from llmprobe.wire.url import below
from tests.bench.cell import Cell, Measured, Stream, Tally, answer, body, measure

_BUFFER = bytearray(1 << 18)
_VIEW = memoryview(_BUFFER)


class Connection:
    """One socket, one answer at a time."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self._loop = asyncio.get_running_loop()
        ask_for_stamps(sock)
        self._loop.add_reader(sock.fileno(), self._readable)

    async def ask(self, request: bytes, tally: Tally, *, first: bool) -> None:
        """Send, and wait until the answer is whole."""
        self._parser = httptools.HttpResponseParser(self)
        self._end = self._loop.create_future()
        self._stream = Stream(tally, time.monotonic_ns(), first=first)
        self._sock.send(request)
        await self._end

    def _readable(self) -> None:
        count, ancillary, _, _ = self._sock.recvmsg_into([_BUFFER], ANCILLARY_BYTES)
        if not count:
            raise ConnectionResetError("the server closed the connection")
        read_ns = time.monotonic_ns()
        self._at_ns = stamp_ns(ancillary, read_ns) or read_ns
        self._parser.feed_data(_VIEW[:count])

    def on_body(self, data: bytes) -> None:
        """What httptools found."""
        self._stream.feed(data, self._at_ns)

    def on_message_complete(self) -> None:
        """The answer is whole."""
        self._end.set_result(None)


async def client(cell: Cell) -> Measured:
    """Each user has a connection."""
    url = urlsplit(below(cell.url, "/chat/completions"))
    target = f"{url.path}?{url.query}" if url.query else url.path
    content = msgspec.json.encode(body(cell))
    head = f"POST {target} HTTP/1.1\r\nHost: {url.netloc}\r\nContent-Type: application/json\r\n"
    request = f"{head}Content-Length: {len(content)}\r\n\r\n".encode() + content
    free: list[Connection] = []

    async def ask(tally: Tally, first: bool) -> None:
        connection = free.pop()
        await connection.ask(request, tally, first=first)
        free.append(connection)

    async def touch() -> None:
        assert url.hostname is not None
        free.append(Connection(await open_tcp(url.hostname, url.port or 80)))

    return await measure(cell, ask, touch)


if __name__ == "__main__":
    answer(client)
