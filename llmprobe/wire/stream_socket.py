"""One TCP or TLS connection, read in the loop's callback and stamped by the kernel.

    open -> data, data, ... -> lost (by the peer, by an error) or closed (by us)

Whatever is written is written whole: what the socket doesn't take at once waits until it does.
"""

import asyncio
import contextlib
import socket
import ssl
from time import monotonic_ns
from typing import Any, Protocol

from llmprobe.core.record import Stamp
from llmprobe.wire.kernel_time import ANCILLARY_BYTES, ask_for_stamps, stamp_ns

_BUFFER = bytearray(1 << 18)
"""Shared by all sockets: a read is parsed before the next one begins."""
_BUFFERS = [_BUFFER]
_VIEW = memoryview(_BUFFER)


_LOOP: Stamp = "loop"
_KERNEL: Stamp = "kernel"


class Reader(Protocol):
    """Hears what arrives."""

    def data(self, data: bytes | memoryview, at_ns: int, stamp: Stamp) -> None:
        """Bytes, valid only until this returns; those of one read share `at_ns`."""

    def lost(self, error: OSError | None) -> None:
        """Nothing more comes: the peer closed (None), or the connection broke."""


class StreamSocket:
    """See the module. Make one with `open_tcp`."""

    def __init__(self, sock: socket.socket, reader: Reader) -> None:
        self._sock = sock
        self._reader = reader
        self._loop = asyncio.get_running_loop()
        self._unsent = bytearray()
        self._tls: ssl.SSLObject | None = None
        self._incoming = ssl.MemoryBIO()
        self._outgoing = ssl.MemoryBIO()
        self._stamped = ask_for_stamps(sock)
        self._receive = sock.recvmsg_into
        self.closed = False

    def listen(self) -> None:
        """From now on `reader` hears what arrives."""
        self._loop.add_reader(self._sock.fileno(), self._readable)
        if self._tls is not None:
            self._decrypt(monotonic_ns(), "loop")

    async def start_tls(self, context: ssl.SSLContext, host: str) -> None:
        """Shake hands; raises `ssl.SSLError` or `OSError`. Before `listen`."""
        tls = context.wrap_bio(self._incoming, self._outgoing, server_hostname=host)
        while True:
            try:
                tls.do_handshake()
            except ssl.SSLWantReadError:
                await self._flush()
                data = await self._loop.sock_recv(self._sock, len(_BUFFER))
                if not data:
                    raise ConnectionResetError(
                        "the peer closed the connection during the TLS handshake"
                    ) from None
                self._incoming.write(data)
            else:
                break
        await self._flush()
        self._tls = tls

    def write(self, data: bytes) -> int:
        """Send all of it, now or as soon as the socket takes it; returns when that began."""
        if self._tls is not None:
            self._tls.write(data)
            data = self._outgoing.read()
        at_ns = monotonic_ns()
        self._send(data)
        return at_ns

    def close(self) -> None:
        """Give the socket back; the reader hears nothing of it."""
        if self.closed:
            return
        self.closed = True
        self._loop.remove_reader(self._sock.fileno())
        self._loop.remove_writer(self._sock.fileno())
        self._sock.close()

    def _send(self, data: bytes) -> None:
        if self._unsent:
            self._unsent += data
            return
        try:
            sent = self._sock.send(data)
        except (BlockingIOError, InterruptedError):
            sent = 0
        except OSError as error:
            self._lose(error)
            return
        if sent < len(data):
            self._unsent += data[sent:]
            self._loop.add_writer(self._sock.fileno(), self._writable)

    def _writable(self) -> None:
        try:
            sent = self._sock.send(self._unsent)
        except (BlockingIOError, InterruptedError):
            return
        except OSError as error:
            self._lose(error)
            return
        del self._unsent[:sent]
        if not self._unsent:
            self._loop.remove_writer(self._sock.fileno())

    def _readable(self) -> None:
        try:
            count, ancillary, _, _ = self._receive(_BUFFERS, ANCILLARY_BYTES)
        except (BlockingIOError, InterruptedError):
            return
        except OSError as error:
            self._lose(error)
            return
        read_ns = monotonic_ns()
        if not count:
            self._lose(None)
            return
        at_ns, stamp = read_ns, _LOOP
        if self._stamped and (kernel_ns := stamp_ns(ancillary, read_ns)) is not None:
            at_ns, stamp = kernel_ns, _KERNEL
        if self._tls is None:
            self._reader.data(_VIEW[:count], at_ns, stamp)
        else:
            self._incoming.write(_VIEW[:count])
            self._decrypt(at_ns, stamp)

    def _decrypt(self, at_ns: int, stamp: Stamp) -> None:
        assert self._tls is not None
        while not self.closed:
            try:
                data = self._tls.read(len(_BUFFER))
            except ssl.SSLWantReadError:
                break
            except (ssl.SSLZeroReturnError, ssl.SSLEOFError):
                self._lose(None)
                return
            except ssl.SSLError as error:
                self._lose(error)
                return
            if not data:
                self._lose(None)
                return
            self._reader.data(data, at_ns, stamp)
        if not self.closed and self._outgoing.pending:
            self._send(self._outgoing.read())

    def _lose(self, error: OSError | None) -> None:
        if not self.closed:
            self.close()
            self._reader.lost(error)

    async def _flush(self) -> None:
        if data := self._outgoing.read():
            await self._loop.sock_sendall(self._sock, data)


async def open_tcp(host: str, port: int) -> socket.socket:
    """A connected, non-blocking socket to the first address that answers; raises `OSError`."""
    loop = asyncio.get_running_loop()
    trouble: OSError | None = None
    for family, kind, protocol, _, address in await _addresses(host, port):
        sock = socket.socket(family, kind, protocol)
        sock.setblocking(False)
        try:
            with contextlib.suppress(OSError):
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            await loop.sock_connect(sock, address)
        except OSError as error:
            sock.close()
            trouble = trouble or error
        except BaseException:
            sock.close()
            raise
        else:
            return sock
    raise trouble or OSError(f"{host} has no address")


async def _addresses(host: str, port: int) -> list[Any]:
    """As `socket.getaddrinfo` gives them. An address in figures needs no resolver, and no thread."""
    with contextlib.suppress(socket.gaierror):
        return socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_NUMERICHOST)
    return await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
