"""Exceptions of the network, each one outcome and one sentence."""

import errno
import socket
import ssl

import httpx
import pytest

from llmprobe.core.outcome import Outcome
from llmprobe.wire.trouble import ending_of, secrets_in

URL = "https://api.example/v1/chat/completions"


def raised(outer: Exception, *causes: BaseException) -> Exception:
    """`outer`, raised from the first cause, which was raised from the next."""
    inner: BaseException = outer
    for cause in causes:
        inner.__cause__ = cause
        inner = cause
    return outer


@pytest.mark.parametrize(
    ("error", "outcome", "sentence"),
    [
        (
            raised(httpx.ConnectError("x"), socket.gaierror(-2, "Name or service not known")),
            Outcome.CONNECTION,
            "there is no host api.example: Name or service not known",
        ),
        (
            raised(httpx.ConnectError("x"), OSError("all failed"), ConnectionRefusedError()),
            Outcome.CONNECTION,
            "api.example:443 refuses connections; is the server running?",
        ),
        (
            raised(httpx.ConnectError("x"), OSError("x"), ExceptionGroup("two", [ConnectionRefusedError()])),
            Outcome.CONNECTION,
            "api.example:443 refuses connections; is the server running?",
        ),
        (
            raised(httpx.ConnectError("x"), OSError(errno.EMFILE, "x")),
            Outcome.CONNECTION,
            "this machine has no open files left; raise `ulimit -n`",
        ),
        (
            raised(httpx.ConnectError("x"), OSError(errno.EADDRNOTAVAIL, "x")),
            Outcome.CONNECTION,
            "this machine has no local ports left",
        ),
        (
            raised(httpx.ConnectError("x"), OSError(errno.ENETUNREACH, "x")),
            Outcome.CONNECTION,
            "there is no route to api.example:443",
        ),
        (
            raised(httpx.ReadError(""), BrokenPipeError()),
            Outcome.CONNECTION,
            "api.example:443 reset the connection",
        ),
        (
            raised(httpx.ConnectError("x"), ssl.SSLError(1, "[SSL: WRONG_VERSION_NUMBER] x")),
            Outcome.CONNECTION,
            "TLS with api.example:443 failed: [SSL: WRONG_VERSION_NUMBER] x",
        ),
        (
            httpx.ConnectTimeout(""),
            Outcome.TIMEOUT_CONNECT,
            "api.example:443 did not accept a connection in time",
        ),
        (
            httpx.ProxyError("407 Proxy Authentication Required"),
            Outcome.CONNECTION,
            "the connection to api.example:443 failed: 407 Proxy Authentication Required",
        ),
        (httpx.ReadError(""), Outcome.CONNECTION, "the connection to api.example:443 failed: ReadError"),
        (
            httpx.UnsupportedProtocol("no such scheme"),
            Outcome.CLIENT_ERROR,
            "the request can't be sent: no such scheme",
        ),
        (httpx.InvalidURL("bad"), Outcome.CLIENT_ERROR, "the request can't be sent: bad"),
    ],
)
def test_what_the_network_raises_is_one_sentence(error: Exception, outcome: Outcome, sentence: str) -> None:
    ending = ending_of(error, URL)
    assert (ending.outcome, ending.error) == (outcome, sentence)


def test_an_untrusted_certificate_says_what_to_do() -> None:
    error = ssl.SSLCertVerificationError(1, "certificate verify failed")
    ending = ending_of(raised(httpx.ConnectError("x"), error), URL)
    assert (ending.error or "").startswith("the certificate of api.example:443 isn't trusted")


def test_secrets_of_headers_are_the_value_and_the_key_in_it() -> None:
    headers = {"Authorization": "Bearer abc", "x-api-key": "k", "X-Team": "search"}
    assert secrets_in(headers) == {"Bearer abc", "abc", "k"}
