"""What a dialect is: a two-way codec of one API, without clock, dice or socket.

    out      Draw -> WireRequest            the probe asks
    in       SseEvent -> Delta              the probe reads
    reverse  bytes -> Asked, text -> bytes  the simulated endpoint reads and answers

A module with these functions is a dialect; `DIALECTS` names it.
"""

from typing import Protocol

from msgspec import Struct

from llmprobe.core.request import Draw
from llmprobe.core.scenario import Endpoint
from llmprobe.wire.sse import SseEvent


class WireRequest(Struct, frozen=True):
    """A request as it goes out; `headers` lack only `Host` and `Content-Length`."""

    method: str
    url: str
    headers: dict[str, str]
    body: bytes


class Usage(Struct, frozen=True):
    """Tokens as the server counts them; None is what it doesn't tell."""

    input_tokens: int | None = None
    output_tokens: int | None = None
    reasoning_tokens: int | None = None
    """Of the output tokens."""
    cached_tokens: int | None = None
    """Of the input tokens."""


class StreamFault(Struct, frozen=True):
    """An error that came inside a 200 stream."""

    message: str
    rate_limited: bool = False


class Delta(Struct, frozen=True, gc=False):
    """What one event says; empty text is none."""

    text: str = ""
    reasoning: str = ""
    tool_text: str = ""
    finish_reason: str | None = None
    usage: Usage | None = None
    usage_choice: int | None = None
    """The choice that `usage` stands beside; None when it stands for the whole answer."""
    error: StreamFault | None = None
    done: bool = False
    """The dialect's terminator."""
    created_ns: int | None = None
    """CLOCK_MONOTONIC of a server on this machine at the write, where it tells."""


class Asked(Struct, frozen=True):
    """A request as the simulated endpoint reads it."""

    model: str
    prompt_text: str
    """Of all messages."""
    max_tokens: int | None
    stream: bool
    include_usage: bool


class MalformedEventError(ValueError):
    """The event's data is not what the dialect sends; one sentence."""


class MalformedRequestError(ValueError):
    """The request can't be answered (400); one sentence."""


class Dialect(Protocol):
    """One API, both ways."""

    paths: tuple[str, ...]
    """Where the API answers, for the simulated endpoint."""
    terminator: bytes
    """The bytes that end a whole stream; empty where the API has none."""

    def request_headers(self, endpoint: Endpoint, api_key: str | None) -> dict[str, str]:
        """What every request carries; the endpoint's own headers win."""

    def encode_request(
        self,
        endpoint: Endpoint,
        url: str,
        model: str,
        draw: Draw,
        max_tokens: int | None,
        api_key: str | None,
    ) -> WireRequest:
        """Ask for a stream. `url` is the API's base (`.../v1`) or the full address."""

    def decode_event(self, event: SseEvent) -> Delta:
        """Raises `MalformedEventError`."""

    def decode_request(self, body: bytes) -> Asked:
        """Raises `MalformedRequestError`."""

    def encode_role(self, *, reply_id: str, model: str) -> bytes:
        """The first event, without text; empty where the API has none. All events of a reply share its id."""

    def encode_text(self, text: str, *, created_ns: int, reply_id: str, model: str) -> bytes:
        """A whole event that carries text, and the server's CLOCK_MONOTONIC as `created_ns`."""

    def encode_finish(self, reason: str, *, reply_id: str, model: str) -> bytes:
        """The event that tells why it ended: `stop`, `length`, `content_filter`."""

    def encode_usage(self, usage: Usage, *, reply_id: str, model: str) -> bytes:
        """The event with the token counts."""

    def encode_error(self, message: str, *, kind: str, code: str | int | None = None) -> bytes:
        """An error inside a stream, as an event; `kind` is the API's `type`."""

    def encode_error_body(self, message: str, *, kind: str, code: str | int | None = None) -> bytes:
        """The JSON body of an answer with status 400 and above."""

    def encode_reply(self, text: str, reason: str, usage: Usage, *, reply_id: str, model: str) -> bytes:
        """The whole answer as one JSON body, for a request that asked for no stream."""
