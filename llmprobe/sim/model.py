"""A simulated LLM endpoint in time that its caller turns: limits, a balancer, replicas, output lengths.

    advance(t) -> events up to t    arrive(t, ...) -> accepted or rejected    next_at() -> when to come back

Everything follows from the seed and the arrivals, whatever the steps in which time is advanced.
"""

import math
from typing import Literal

from msgspec import Struct

from llmprobe.core.seeding import mix, unit
from llmprobe.sim.limits import Limiter, Limits, Refusal, Standing
from llmprobe.sim.replica import Event, Hardware, Replica

_LENGTHS = 1
"""The stream of draws that output lengths come from."""


class Lengths(Struct, frozen=True):
    """Output tokens that a request would make without a limit: log-normal, by the seed and its number."""

    median: float
    sigma: float = 0.0
    """Of the logarithm; 0 makes every answer as long as the median."""
    longest: int = 4096

    def draw(self, seed: int, number: int) -> int:
        """The length for request `number`."""
        wanted = self.median
        if self.sigma:
            # Box and Muller's transform of two uniform numbers.
            radius = math.sqrt(-2 * math.log(1 - unit(seed, 2 * number)))
            wanted *= math.exp(self.sigma * radius * math.cos(2 * math.pi * unit(seed, 2 * number + 1)))
        return min(max(1, round(wanted)), self.longest)


class Config(Struct, frozen=True):
    """An endpoint: `replicas` of the same hardware, each request going to the least loaded."""

    hardware: Hardware
    lengths: Lengths
    replicas: int = 1
    limits: Limits = Limits()

    def scaled(self, speed: float) -> "Config":
        """The same endpoint with its clock running `speed` times faster."""
        return Config(self.hardware.scaled(speed), self.lengths, self.replicas, self.limits.scaled(speed))


class Accepted(Struct, frozen=True):
    """A request that will be answered."""

    request_id: int
    output_tokens: int
    finish_reason: Literal["stop", "length"]
    standings: dict[str, Standing]


class Rejected(Struct, frozen=True):
    """A request that gets a 429."""

    refusal: Refusal
    standings: dict[str, Standing]


class Model:
    """Simulates one endpoint; the clock starts at 0.

    `per_token` tells every token, as a server needs; without it only first tokens and finishes, at a cost of
    microseconds a request, as a search in virtual time wants. Both tell the same times.
    """

    def __init__(self, config: Config, seed: int, *, per_token: bool = False) -> None:
        self._lengths = config.lengths
        self._seed = mix(seed, _LENGTHS)
        self._limiter = Limiter(config.limits)
        self._replicas = [Replica(config.hardware, per_token=per_token) for _ in range(config.replicas)]
        self._open: dict[int, Replica] = {}
        self._arrivals = 0
        self._now_s = 0.0

    @property
    def running(self) -> int:
        """Requests that hold a slot."""
        return sum(replica.running for replica in self._replicas)

    @property
    def waiting(self) -> int:
        """Requests in a queue."""
        return sum(replica.waiting for replica in self._replicas)

    def arrive(self, at_s: float, prompt_tokens: int, max_tokens: int | None) -> Accepted | Rejected:
        """A request comes; everything before `at_s` must have been advanced over, or `ValueError`."""
        self._pass(at_s)
        if self.next_at() < at_s:
            raise ValueError(f"events before {at_s} s were not asked for")
        request_id = self._arrivals
        self._arrivals += 1
        drawn = self._lengths.draw(self._seed, request_id)
        limit = self._lengths.longest if max_tokens is None else max_tokens
        refusal = self._limiter.refuse(at_s, prompt_tokens + limit, len(self._open))
        standings = self._limiter.standings(at_s)
        if refusal is not None:
            return Rejected(refusal, standings)
        replica = min(self._replicas, key=lambda replica: replica.running + replica.waiting)
        output_tokens = min(drawn, limit)
        replica.submit(request_id, at_s, prompt_tokens, output_tokens)
        self._open[request_id] = replica
        return Accepted(request_id, output_tokens, "stop" if drawn <= limit else "length", standings)

    def advance(self, to_s: float) -> list[Event]:
        """What happened until `to_s`, in order; `ValueError` when time would go back."""
        self._pass(to_s)
        events: list[Event] = []
        for replica in self._replicas:
            events.extend(replica.advance(to_s))
        if len(self._replicas) > 1:
            events.sort(key=lambda event: event.at_s)
        for event in events:
            if event.kind == "finish":
                del self._open[event.request_id]
        return events

    def next_at(self) -> float:
        """No event comes before this time; infinite when nothing is under way."""
        return min(replica.next_at() for replica in self._replicas)

    def cancel(self, request_id: int) -> None:
        """The client is gone: no more events of the request, and its slot is free after the step under way.

        A request that has finished is no news.
        """
        if (replica := self._open.pop(request_id, None)) is not None:
            replica.cancel(request_id, self._now_s)

    def _pass(self, to_s: float) -> None:
        if to_s < self._now_s:
            raise ValueError(f"time can't go back from {self._now_s} s to {to_s} s")
        self._now_s = to_s
