"""How a request ended, in the figures that a record takes."""

from collections.abc import Callable

from msgspec import Struct

from llmprobe.core.outcome import Outcome
from llmprobe.core.rate_limit import RateLimit


class Tokenizer(Struct, frozen=True):
    """Counts tokens where the server doesn't say; `name` as in `tokenizer:o200k`."""

    name: str
    count: Callable[[str], int]


class Reply(Struct, frozen=True, kw_only=True):
    """Fields that `RequestRecord` has too mean the same there."""

    start_ns: int
    """When its bytes were handed to the socket, on the flight's clock; when it began, if they never were."""
    connect_s: float | None
    ack_s: float | None
    ttft_s: float | None
    ttfo_s: float | None
    tpot_s: float | None
    e2e_s: float
    itl_s: tuple[float, ...] | None
    input_tokens: int | None
    output_tokens: int | None
    reasoning_tokens: int | None
    cached_tokens: int | None
    token_source: str | None
    outcome: Outcome
    status: int | None
    finish_reason: str | None
    request_id: str | None
    error: str | None
    retries: int
    retry_after_s: float | None
    stamps: dict[str, int]
    text: str
    """What it said, reasoning and tool calls included: all with `save_text` or a tokenizer, else the end."""
    rate_limit: RateLimit
