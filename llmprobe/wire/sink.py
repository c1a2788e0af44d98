"""Where an answer goes as it arrives, when a request names one in its extensions (`sink`)."""

from typing import NamedTuple, Protocol

from llmprobe.core.record import Stamp


class Head(NamedTuple):
    """What comes before a body; headers as they were sent."""

    status: int
    headers: list[tuple[bytes, bytes]]


class Sink(Protocol):
    """Called from the middle of the loop, so quick and without errors."""

    sated: bool
    """Whether more of the body is of no use."""

    def answered(self, head: Head, at_ns: int) -> None:
        """Status and headers are there."""

    def feed(self, data: bytes, at_ns: int, stamp: Stamp) -> None:
        """Some of the body; feeds of one read share `at_ns`."""
