"""What happened in the last seconds."""

from heapq import heappop, heappush
from typing import Generic, TypeVar

from llmprobe.core.outcome import Outcome

V = TypeVar("V", float, Outcome)


class Recent(Generic[V]):
    """Values with their times. They may come in any order: several workers tell, and streams end late."""

    def __init__(self) -> None:
        self._samples: list[tuple[float, V]] = []

    def add(self, at_s: float, value: V) -> None:
        """A value came up at a time."""
        heappush(self._samples, (at_s, value))

    def forget_before(self, at_s: float) -> None:
        """Drop what is older."""
        while self._samples and self._samples[0][0] < at_s:
            heappop(self._samples)

    @property
    def values(self) -> list[V]:
        """In no order."""
        return [value for _, value in self._samples]
