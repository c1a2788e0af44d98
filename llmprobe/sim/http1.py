"""Just enough of HTTP/1.1 for a server of JSON and event streams: bytes in, requests out, and heads to send.

A request is a head, and a body of `Content-Length` bytes. What is wrong with one is a `BadRequestError` with
the status to answer; the connection is of no use after it.
"""

from collections.abc import Mapping
from http import HTTPStatus

from msgspec import Struct

LONGEST_HEAD = 64 * 1024
LONGEST_BODY = 16 * 1024 * 1024
LAST_CHUNK = b"0\r\n\r\n"


class Request(Struct, frozen=True):
    """A whole request."""

    method: str
    path: str
    """Without its query."""
    headers: dict[str, str]
    """By lower-case name."""
    body: bytes
    keep_alive: bool


class BadRequestError(ValueError):
    """What came is no request that this server reads."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.message = message


class RequestParser:
    """Feed it bytes as they come, cut anywhere; take requests as they are whole."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._head: Request | None = None
        self._missing = 0
        """Length of the body that belongs to the head."""

    def feed(self, data: bytes) -> None:
        """More bytes have come."""
        self._buffer += data

    def next(self) -> Request | None:
        """The next whole request, or None until more bytes come; raises `BadRequestError`."""
        if self._head is None and not self._read_head():
            return None
        assert self._head is not None
        if len(self._buffer) < self._missing:
            return None
        head, self._head = self._head, None
        body = bytes(self._buffer[: self._missing])
        del self._buffer[: self._missing]
        return Request(head.method, head.path, head.headers, body, head.keep_alive)

    def wants_continue(self) -> bool:
        """Whether the client holds its body back until it is told to go on; asked once, it counts as told."""
        return self._head is not None and self._head.headers.pop("expect", "").lower() == "100-continue"

    def _read_head(self) -> bool:
        buffer = self._buffer
        while buffer[:2] == b"\r\n":
            del buffer[:2]
        end = buffer.find(b"\r\n\r\n", 0, LONGEST_HEAD)
        if end < 0:
            if len(buffer) >= LONGEST_HEAD:
                raise BadRequestError(431, f"the head is longer than {LONGEST_HEAD} bytes")
            return False
        line, *fields = bytes(buffer[:end]).decode("latin-1").split("\r\n")
        del buffer[: end + 4]
        self._head = _head(line, fields)
        self._missing = _length(self._head.headers)
        return True


def _head(line: str, fields: list[str]) -> Request:
    method, _, rest = line.partition(" ")
    target, _, version = rest.partition(" ")
    if version not in {"HTTP/1.1", "HTTP/1.0"} or not target.startswith("/"):
        raise BadRequestError(400, "the request line is not that of HTTP/1.1")
    headers: dict[str, str] = {}
    for field in fields:
        name, colon, value = field.partition(":")
        if not colon or not name or name != name.strip():
            raise BadRequestError(400, "a header field has no name")
        headers[name.lower()] = value.strip()
    tokens = headers.get("connection", "").lower()
    keep_alive = "close" not in tokens and (version == "HTTP/1.1" or "keep-alive" in tokens)
    return Request(method, target.partition("?")[0], headers, b"", keep_alive)


def _length(headers: dict[str, str]) -> int:
    if "transfer-encoding" in headers:
        raise BadRequestError(411, "send the body whole, with a Content-Length")
    text = headers.get("content-length", "0")
    if not (text.isascii() and text.isdigit()):
        raise BadRequestError(400, "the Content-Length is not a number")
    length = int(text) if len(text) < 20 else LONGEST_BODY + 1
    if length > LONGEST_BODY:
        raise BadRequestError(413, f"the body is longer than {LONGEST_BODY} bytes")
    return length


def stream_head(headers: Mapping[str, str], *, content_type: str, keep_alive: bool) -> bytes:
    """The head of a stream, which comes in chunks."""
    return _encode(
        200,
        {"Content-Type": content_type, "Cache-Control": "no-cache"}
        | dict(headers)
        | {"Transfer-Encoding": "chunked"},
        keep_alive=keep_alive,
    )


def response(
    status: int,
    body: bytes,
    headers: Mapping[str, str] | None = None,
    *,
    content_type: str = "application/json",
    keep_alive: bool = True,
) -> bytes:
    """A whole answer."""
    own = {"Content-Type": content_type, "Content-Length": str(len(body))}
    return _encode(status, own | dict(headers or {}), keep_alive=keep_alive) + body


def chunk(data: bytes) -> bytes:
    """A piece of a body that comes in chunks."""
    return b"%x\r\n%b\r\n" % (len(data), data)


def _encode(status: int, headers: Mapping[str, str], *, keep_alive: bool) -> bytes:
    lines = [f"HTTP/1.1 {status} {HTTPStatus(status).phrase}", "Server: llmprobe-sim"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    lines.append("Connection: keep-alive" if keep_alive else "Connection: close")
    return "\r\n".join([*lines, "", ""]).encode("latin-1")
