"""How a body is cut into events: server-sent events (`sse`), or one JSON object a line (`ndjson`)."""

from typing import Literal, Protocol

from msgspec import Struct

Framing = Literal["sse", "ndjson"]
MAX_EVENT_BYTES = 8 * 1024 * 1024


class Event(Struct, frozen=True, gc=False):
    """One event: its type where the framing has one and the server names it, and its data."""

    event: str | None
    data: bytes


class EventOverflowError(ValueError):
    """An event grew past `MAX_EVENT_BYTES` and still has no end."""


class Parser(Protocol):
    """Reads one body, cut anywhere; holds what is unfinished between two reads."""

    def feed(self, data: bytes) -> list[Event]:
        """The events that `data` completes, in order; raises `EventOverflowError`."""

    def close(self) -> list[Event]:
        """The events that the body's end completes."""

    def unfinished(self) -> bool:
        """Whether an event has begun and lacks its end."""
