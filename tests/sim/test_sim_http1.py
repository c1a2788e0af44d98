"""Bytes into requests."""

import pytest

from llmprobe.sim.http1 import LONGEST_BODY, LONGEST_HEAD, BadRequestError, Request, RequestParser

POST = b"POST /v1/x?a=b HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\nX-A:  1 \r\n\r\nhello"
GET = b"GET /health HTTP/1.0\r\n\r\n"


def parsed(parser: RequestParser) -> list[Request]:
    requests = []
    while (request := parser.next()) is not None:
        requests.append(request)
    return requests


@pytest.mark.parametrize("cut", range(len(POST + GET)))
def test_requests_are_whole_wherever_the_bytes_were_cut(cut: int) -> None:
    parser = RequestParser()
    parser.feed((POST + GET)[:cut])
    requests = parsed(parser)
    parser.feed((POST + GET)[cut:])
    first, second = requests + parsed(parser)
    assert (first.method, first.path, first.body, first.keep_alive) == ("POST", "/v1/x", b"hello", True)
    assert first.headers == {"host": "h", "content-length": "5", "x-a": "1"}
    assert (second.method, second.path, second.body, second.keep_alive) == ("GET", "/health", b"", False)


@pytest.mark.parametrize(
    ("connection", "version", "kept"),
    [("close", "1.1", False), ("Keep-Alive", "1.0", True), ("keep-alive", "1.1", True)],
)
def test_the_client_chooses_whether_the_connection_is_kept(
    connection: str, version: str, *, kept: bool
) -> None:
    parser = RequestParser()
    parser.feed(f"GET / HTTP/{version}\r\nConnection: {connection}\r\n\r\n".encode())
    request = parser.next()
    assert request is not None
    assert request.keep_alive is kept


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (b"hello\r\n\r\n", 400),
        (b"GET / HTTP/2\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nno colon\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nContent-Length: -1\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n", 411),
        (b"POST / HTTP/1.1\r\nContent-Length: %d\r\n\r\n" % (LONGEST_BODY + 1), 413),
        (b"POST / HTTP/1.1\r\nContent-Length: " + b"9" * 5000 + b"\r\n\r\n", 413),
        (b"GET / HTTP/1.1\r\nX: " + b"x" * LONGEST_HEAD, 431),
    ],
)
def test_what_is_no_request_gets_its_status(data: bytes, status: int) -> None:
    parser = RequestParser()
    parser.feed(data)
    with pytest.raises(BadRequestError) as caught:
        parser.next()
    assert caught.value.status == status


def test_a_client_that_waits_to_go_on_is_told_once() -> None:
    parser = RequestParser()
    parser.feed(b"POST / HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n")
    assert parser.next() is None
    assert parser.wants_continue()
    assert not parser.wants_continue()
    parser.feed(b"ok")
    request = parser.next()
    assert request is not None
    assert request.body == b"ok"
