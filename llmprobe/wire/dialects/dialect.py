"""What a dialect is: a two-way codec of one API, without clock, dice or socket.

    out      Draw -> WireRequest            the probe asks
    in       Event -> Delta                 the probe reads
    reverse  bytes -> Asked, text -> bytes  the simulated endpoint reads and answers

A module with these functions is a dialect; `DIALECTS` names it.
"""

from typing import Protocol

from msgspec import Struct

from llmprobe.core.request import Draw
from llmprobe.core.scenario import Endpoint
from llmprobe.wire.framing import Event, Framing


class WireRequest(Struct, frozen=True):
    """A request as it goes out; `headers` lack only `Host` and `Content-Length`."""

    method: str
    url: str
    headers: dict[str, str]
    body: bytes


class Usage(Struct, frozen=True):
    """Tokens as the server counts them; None is what it doesn't tell, here or yet."""

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
    """In the words of `finish.py`."""
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
    include_usage: bool = True


class Failure(Struct, frozen=True):
    """An error as the simulated endpoint tells it; `kind` and `code` are OpenAI's `type` and `code`."""

    status: int
    """400 or above; inside a stream what it would have been."""
    message: str
    kind: str
    code: str | int | None = None
    headers: dict[str, str] = {}


class MalformedEventError(ValueError):
    """The event's data is not what the dialect sends; one sentence."""


class MalformedRequestError(ValueError):
    """The request can't be answered (400); one sentence."""


class Dialect(Protocol):
    """One API, both ways."""

    framing: Framing
    ends: bool
    """Whether a stream's last event says that it is the last."""
    paths: tuple[str, ...]
    """Where the API answers, for the simulated endpoint; `{model}` stands for a name."""
    models_path: str
    """Where it lists its models; empty where it doesn't."""

    def own_headers(self, api_key: str | None) -> dict[str, str]:
        """What this API wants in the headers besides what they all want: its key, its version."""

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

    def decode_event(self, event: Event) -> Delta:
        """Raises `MalformedEventError`."""

    def models_url(self, url: str) -> str | None:
        """Where the models are listed; None where they aren't."""

    def decode_models(self, body: bytes) -> list[str] | None:
        """Their names; None where this is no list of models as this API gives it."""

    def next_models(self, address: str, body: bytes) -> str | None:
        """Where a list of models that came from `address` goes on; None where it is whole."""

    def model_in(self, url: str) -> str | None:
        """The model that a full address names already."""

    def decode_request(self, path: str, body: bytes) -> Asked:
        """Raises `MalformedRequestError`."""

    def encode_begin(self, usage: Usage, *, reply_id: str, model: str) -> bytes:
        """What comes before the first text; may be empty. All events of a reply share its id."""

    def encode_text(self, text: str, *, created_ns: int, reply_id: str, model: str) -> bytes:
        """A whole event that carries text, and before it the server's CLOCK_MONOTONIC as `created_ns`."""

    def encode_end(self, text: str, reason: str, usage: Usage | None, *, reply_id: str, model: str) -> bytes:
        """What comes behind the last text: why it ended (`stop`, `length`), the counts, the terminator."""

    def encode_error(self, failure: Failure) -> bytes:
        """An error inside a stream, which ends with it."""

    def encode_error_body(self, failure: Failure) -> bytes:
        """The JSON body of an answer with status 400 and above."""

    def encode_reply(self, text: str, reason: str, usage: Usage, *, reply_id: str, model: str) -> bytes:
        """The whole answer as one JSON body, for a request that asked for no stream."""

    def encode_models(self, model: str) -> bytes:
        """The list of models, of one."""
