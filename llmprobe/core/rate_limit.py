"""What an answer tells of the rate limits in force; `wire` reads it out of headers and bodies."""

from typing import Literal

from msgspec import Struct


class Allowance(Struct, frozen=True):
    """One limit; None is what the answer doesn't tell."""

    limit: int | None = None
    remaining: int | None = None
    reset_s: float | None = None


What = Literal["requests", "tokens", "input tokens", "output tokens"]
Per = Literal["second", "minute", "hour", "day"]


class Further(Struct, frozen=True):
    """A limit that is not one of requests or tokens a minute."""

    what: What
    per: Per
    limit: int


class RateLimit(Struct, frozen=True):
    """Everything an answer tells about its rate limits."""

    requests: Allowance = Allowance()
    """A minute, as the tokens, unless `told.py` finds out otherwise."""
    tokens: Allowance = Allowance()
    requested_tokens: int | None = None
    """What the refused request would have been charged, where a body says so."""
    retry_after_s: float | None = None
    source: Literal["headers", "body"] | None = None
    """Where the limits come from."""
    further: tuple[Further, ...] = ()
