"""Samples of the last seconds."""

from collections import deque


class Recent:
    """Values with their times, roughly in order of time; old ones are forgotten from the front."""

    def __init__(self, span_s: float) -> None:
        self.span_s = span_s
        self._samples: deque[tuple[float, float]] = deque()
        self.total = 0.0

    def add(self, at_s: float, value: float) -> None:
        """A value came up at a time."""
        self._samples.append((at_s, value))
        self.total += value

    def forget_before(self, at_s: float) -> None:
        """Drop what is older."""
        while self._samples and self._samples[0][0] < at_s:
            self.total -= self._samples.popleft()[1]

    @property
    def values(self) -> list[float]:
        """In order of arrival."""
        return [value for _, value in self._samples]
