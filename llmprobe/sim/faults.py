"""Which fault, if any, hits request k of the simulated endpoint: from a seed and k alone."""

from enum import StrEnum

from msgspec import Struct

from llmprobe.core.seeding import mix, unit

_KINDS = 2
_PLACES = 3
"""Streams of draws, apart from those of the model."""


class Kind(StrEnum):
    """The first three answer in place of the model; the others break an answer that has begun."""

    RATE_LIMITED = "fail_429"
    SERVER_ERROR = "fail_500"
    UNAVAILABLE = "fail_503"
    STALL = "stall"
    """The stream goes silent and stays open until the client leaves."""
    TRUNCATE = "truncate"
    """The socket is cut in the middle of the stream."""
    MALFORMED = "malformed"
    """A chunk is half a chunk; the stream goes on behind it."""
    STREAM_ERROR = "stream_error"
    """An error object comes where a chunk should, and the stream ends."""


AT_ONCE = frozenset({Kind.RATE_LIMITED, Kind.SERVER_ERROR, Kind.UNAVAILABLE})
"""The kinds that answer in place of the model."""


class Shares(Struct, frozen=True):
    """The share of requests that each fault hits; together at most 1."""

    fail_429: float = 0.0
    fail_500: float = 0.0
    fail_503: float = 0.0
    stall: float = 0.0
    truncate: float = 0.0
    malformed: float = 0.0
    stream_error: float = 0.0

    @property
    def total(self) -> float:
        """The share of requests that fail."""
        return sum(share for _, share in self.by_kind())

    def by_kind(self) -> list[tuple[Kind, float]]:
        """Those that are not 0."""
        return [(kind, share) for kind in Kind if (share := float(getattr(self, kind)))]


class Faults:
    """Throws the dice for each request."""

    def __init__(self, shares: Shares, seed: int) -> None:
        self._shares = shares.by_kind()
        self._kinds = mix(seed, _KINDS)
        self._places = mix(seed, _PLACES)

    def of(self, number: int) -> Kind | None:
        """The fault of request `number` (0 first)."""
        if not self._shares:
            return None
        drawn = unit(self._kinds, number)
        for kind, share in self._shares:
            if drawn < share:
                return kind
            drawn -= share
        return None

    def breaks_after(self, number: int, tokens: int) -> int:
        """How many of its `tokens` an answer brings before it breaks: at least 1 of 2, never all."""
        return min(tokens - 1, 1 + int(unit(self._places, number) * (tokens - 1)))
