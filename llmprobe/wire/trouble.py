"""Failures at the border, foreign exceptions and refusals: each becomes an outcome and one sentence."""

import errno
import socket
import ssl
from collections.abc import Iterator, Mapping
from urllib.parse import urlsplit

import httpx

from llmprobe.core.outcome import Outcome
from llmprobe.core.scrub import is_secret_header
from llmprobe.wire.dialects.faults import error_message
from llmprobe.wire.reader import Ending

FOREIGN = (httpx.HTTPError, httpx.InvalidURL, OSError)
"""What a transport may raise."""

_OUT_OF_FILES = frozenset({errno.EMFILE, errno.ENFILE})
_NO_ROUTE = frozenset({errno.EHOSTUNREACH, errno.ENETUNREACH})


def ending_of(error: Exception, url: str) -> Ending:
    """How a request to `url` ended that raised `error`."""
    if isinstance(error, httpx.ConnectTimeout):
        return Ending(Outcome.TIMEOUT_CONNECT, f"{_place(url)} did not accept a connection in time")
    for cause in _causes(error):
        if (sentence := _sentence(cause, url)) is not None:
            return Ending(Outcome.CONNECTION, sentence)
    if isinstance(error, httpx.RemoteProtocolError):
        if "disconnected" in str(error):
            return Ending(Outcome.CONNECTION, "the server closed the connection without an answer")
        return Ending(Outcome.MALFORMED, f"the answer is not what HTTP asks for: {error}")
    if isinstance(error, httpx.LocalProtocolError | httpx.UnsupportedProtocol | httpx.InvalidURL):
        return Ending(Outcome.CLIENT_ERROR, f"the request can't be sent: {error}")
    said = str(error) or type(error).__name__
    return Ending(Outcome.CONNECTION, f"the connection to {_place(url)} failed: {said}")


def refusal(status: int, headers: Mapping[str, str], body: bytes) -> Ending:
    """How a request ended that was answered with status 300 and above; `headers` by lower-case name."""
    if status < 400:
        to = headers.get("location", "nowhere")
        return Ending(Outcome.CLIENT_ERROR, f"HTTP {status}: it redirects to {to}; use that address")
    packed = compression(headers)
    said = (
        f"{error_message(status, b'')} (its body is {packed}-encoded)"
        if packed
        else error_message(status, body)
    )
    if status == 429:
        return Ending(Outcome.RATE_LIMITED, said)
    return Ending(Outcome.SERVER_ERROR if status >= 500 else Outcome.CLIENT_ERROR, said)


def compression(headers: Mapping[str, str]) -> str | None:
    """What an answer's body is compressed with; nothing here reads it then."""
    encoding = headers.get("content-encoding", "").strip().lower()
    return encoding if encoding not in {"", "identity"} else None


def secrets_in(headers: Mapping[str, str]) -> set[str]:
    """What must not be seen of a request's headers: the whole value, and the key behind `Bearer`."""
    values = [value for name, value in headers.items() if is_secret_header(name)]
    return {part for value in values for part in (value, *value.split()[-1:])}


def _sentence(cause: BaseException, url: str) -> str | None:
    """What one exception of a chain means; None when it says nothing definite."""
    place = _place(url)
    if isinstance(cause, socket.gaierror):
        return f"there is no host {urlsplit(url).hostname}: {cause.strerror}"
    if isinstance(cause, ssl.SSLCertVerificationError):
        return f"the certificate of {place} isn't trusted ({_why(cause)}); name its authority with --cacert"
    if isinstance(cause, ssl.SSLError):
        return f"TLS with {place} failed: {_why(cause)}"
    if isinstance(cause, ConnectionRefusedError):
        return f"{place} refuses connections; is the server running?"
    if isinstance(cause, ConnectionResetError | BrokenPipeError):
        return f"{place} reset the connection"
    if not isinstance(cause, OSError):
        return None
    if cause.errno in _OUT_OF_FILES:
        return "this machine has no open files left; raise `ulimit -n`"
    if cause.errno == errno.EADDRNOTAVAIL:
        return "this machine has no local ports left"
    return f"there is no route to {place}" if cause.errno in _NO_ROUTE else None


def _why(error: ssl.SSLError) -> str:
    """What OpenSSL says, without its line of C."""
    return str(error.strerror or error).partition(" (_ssl")[0]


def _causes(error: BaseException) -> Iterator[BaseException]:
    """The error, what it was raised from, and what a group holds, outermost first."""
    yield error
    if isinstance(error, BaseExceptionGroup):
        for part in error.exceptions:
            yield from _causes(part)
    if (cause := error.__cause__ or error.__context__) is not None:
        yield from _causes(cause)


def _place(url: str) -> str:
    parts = urlsplit(url)
    port = parts.port or (443 if parts.scheme == "https" else 80)
    return f"{parts.hostname}:{port}"
