"""An endpoint without a queue: every first token after the same time, every next one after the same gap.

It speaks as `model.Model` does and costs well under a microsecond a token, so that benches can rest on it.
"""

import math
from collections import deque

from msgspec import Struct

from llmprobe.sim.model import Accepted, Rejected
from llmprobe.sim.replica import Event


class Fixed(Struct, frozen=True):
    """Times of every answer."""

    ttft_s: float = 0.2
    itl_s: float = 0.02
    tokens: int = 100
    """Of an answer, if its `max_tokens` allows."""

    def scaled(self, speed: float) -> "Fixed":
        """The same with the clock running `speed` times faster."""
        return Fixed(self.ttft_s / speed, self.itl_s / speed, self.tokens)


class _Stream:
    __slots__ = ("due_s", "id", "left")

    def __init__(self, request_id: int, due_s: float, left: int) -> None:
        self.id = request_id
        self.due_s = due_s
        self.left = left


class FixedModel:
    """See `model.Model` for what its functions promise. It rejects nothing."""

    waiting = 0

    def __init__(self, config: Fixed) -> None:
        self._config = config
        self._open: dict[int, _Stream] = {}
        self._arrivals = 0
        # Each in the order in which it is due, because all wait equally long: no heap is needed.
        self._first: deque[_Stream] = deque()
        self._later: deque[_Stream] = deque()

    @property
    def running(self) -> int:
        """Requests under way."""
        return len(self._open)

    def arrive(self, at_s: float, prompt_tokens: int, max_tokens: int | None) -> Accepted | Rejected:  # noqa: ARG002 - as the model's
        """A request comes."""
        request_id = self._arrivals
        self._arrivals += 1
        tokens = self._config.tokens if max_tokens is None else min(self._config.tokens, max_tokens)
        stream = self._open[request_id] = _Stream(request_id, at_s + self._config.ttft_s, tokens)
        self._first.append(stream)
        return Accepted(request_id, tokens, "stop" if tokens == self._config.tokens else "length", {})

    def advance(self, to_s: float) -> list[Event]:
        """What happened until `to_s`, in order."""
        events: list[Event] = []
        first, later, itl_s = self._first, self._later, self._config.itl_s
        while (queue := self._due()) and queue[0].due_s <= to_s:
            stream = queue.popleft()
            if not stream.left:
                continue
            events.append(Event(stream.id, "first" if queue is first else "token", stream.due_s))
            stream.left -= 1
            if stream.left:
                stream.due_s += itl_s
                later.append(stream)
            else:
                del self._open[stream.id]
                events.append(Event(stream.id, "finish", stream.due_s))
        return events

    def next_at(self) -> float:
        """No event comes before this time; infinite when nothing is under way."""
        queue = self._due()
        return queue[0].due_s if queue else math.inf

    def cancel(self, request_id: int) -> None:
        """The client is gone: no more events of the request."""
        if (stream := self._open.pop(request_id, None)) is not None:
            stream.left = 0

    def _due(self) -> deque[_Stream]:
        """The queue whose head is due first."""
        first, later = self._first, self._later
        return first if not later or (first and first[0].due_s <= later[0].due_s) else later
