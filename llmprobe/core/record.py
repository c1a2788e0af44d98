"""A finished request: one line of records.jsonl. What is not known is null."""

from typing import Literal

from msgspec import Struct

from llmprobe.core.outcome import Outcome

Stamp = Literal["kernel", "loop", "coalesced"]
"""How a token's time was taken: by the kernel, when it was read, or shared by several in one read."""


class RequestRecord(Struct, frozen=True, kw_only=True):
    """All durations are seconds from `started_s` (request bytes handed to the socket)."""

    index: int
    """Which draw of the run this was (0 first)."""
    turn: int = 0
    step: str | None = None
    prompt_id: str
    target: str | None = None
    user: int
    level_id: int
    """The load level in force when it started; -1 is the warm-up."""
    users: int
    """Target users at its start."""
    started_s: float
    """Since the run's start."""
    scheduled_s: float | None = None
    """Since the run's start; when the pacer meant it to start (open load only)."""
    connect_s: float | None = None
    """Connect and TLS time, when this request opened the connection."""
    ack_s: float | None = None
    """First byte of the response. Never TTFT."""
    ttft_s: float | None = None
    ttfo_s: float | None = None
    tpot_s: float | None = None
    e2e_s: float
    """Until the last byte, or until it failed."""
    itl_s: tuple[float, ...] | None = None
    input_tokens: int | None = None
    output_tokens: int | None = None
    reasoning_tokens: int | None = None
    cached_tokens: int | None = None
    token_source: str | None = None
    """`usage`, `tokenizer:NAME` or `estimate`."""
    outcome: Outcome
    status: int | None = None
    finish_reason: str | None = None
    request_id: str | None = None
    """The server's own id."""
    error: str | None = None
    """Scrubbed, at most 500 characters."""
    retries: int = 0
    retry_after_s: float | None = None
    stamps: dict[str, int] = {}
    """Text-carrying events by kind of stamp; their sum is the number of text chunks."""
    usd: float | None = None
    text: str | None = None

    @property
    def ended_s(self) -> float:
        """Since the run's start."""
        return self.started_s + self.e2e_s

    @property
    def text_chunks(self) -> int:
        """How many events carried text; not a count of tokens."""
        return sum(self.stamps.values())
