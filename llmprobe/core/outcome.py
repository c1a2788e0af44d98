"""How a request ended. Every request ends in exactly one outcome."""

from enum import StrEnum


class Outcome(StrEnum):
    """The outcomes; README, "How a number is made", defines each."""

    OK = "ok"
    LENGTH = "length"
    """The output limit was reached (a cut stream is `truncated`)."""
    CONTENT_FILTER = "content_filter"
    RATE_LIMITED = "rate_limited"
    """A 429, or an error like it inside a 200 stream."""
    SERVER_ERROR = "server_error"
    CLIENT_ERROR = "client_error"
    TIMEOUT_CONNECT = "timeout_connect"
    TIMEOUT_FIRST_TOKEN = "timeout_first_token"  # noqa: S105 - not a secret
    TIMEOUT_STALL = "timeout_stall"
    """A gap between two tokens longer than allowed."""
    TIMEOUT_TOTAL = "timeout_total"
    CONNECTION = "connection"
    """Refused, reset, no such host, or a certificate that isn't trusted."""
    TRUNCATED = "truncated"
    """The stream ended without a finish reason or without its terminator, or the socket was cut."""
    MALFORMED = "malformed"
    STREAM_ERROR = "stream_error"
    """An error object inside a 200 stream."""
    CANCELLED = "cancelled"
    """By us: the user was told to stop now, or the run ended."""
    NOT_STREAMED = "not_streamed"
    """A stream was asked for, one JSON body came."""
    LOST = "lost"
    """In flight in a worker process that died; nobody saw how it ended."""

    @property
    def completed(self) -> bool:
        """Whether the answer came whole; percentiles are over these."""
        return self in _COMPLETED

    @property
    def failed(self) -> bool:
        """Whether it counts as an error: neither completed nor ended by our own side."""
        return self not in _COMPLETED and self not in _OURS


_COMPLETED = frozenset({Outcome.OK, Outcome.LENGTH, Outcome.CONTENT_FILTER})
_OURS = frozenset({Outcome.CANCELLED, Outcome.LOST})
TIMEOUTS = frozenset(
    {Outcome.TIMEOUT_CONNECT, Outcome.TIMEOUT_FIRST_TOKEN, Outcome.TIMEOUT_STALL, Outcome.TIMEOUT_TOTAL}
)
