"""A simulated LLM endpoint in time that its caller turns: limits, a balancer, replicas, output lengths.

    advance(t) -> events up to t    arrive(t, ...) -> accepted or rejected    next_at() -> when to come back

Everything follows from the seed and the arrivals, whatever the steps in which time is advanced.
"""

import math
from typing import Literal

from msgspec import Struct
from msgspec.structs import replace

from llmprobe.core.seeding import mix, unit
from llmprobe.sim.limits import Limiter, Limits, Refusal, Standing
from llmprobe.sim.replica import Event, Hardware, Replica

_LENGTHS, _CACHED, _BALANCER, _OTHERS = 1, 5, 6, 7
"""Streams of draws, apart from those of faults (2, 3) and reply ids (4)."""
_READ_ANYWAY = 0.1
"""Of a prompt whose prefix is cached, the share that is read all the same."""


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


class Others(Struct, frozen=True):
    """Other people's requests on the same servers, Poisson."""

    per_s: float
    prompt_tokens: int


class Autoscale(Struct, frozen=True):
    """One replica more, up to `most`, `takes_s` after `waiting` requests were queued."""

    most: int
    waiting: int
    takes_s: float


class Config(Struct, frozen=True):
    """An endpoint: `replicas` of the same hardware behind a balancer."""

    hardware: Hardware
    lengths: Lengths
    replicas: int = 1
    limits: Limits = Limits()
    balancing: Literal["least", "round_robin", "random"] = "least"
    """`least` loaded, which is what it is for a caller who can't see inside."""
    first_slower: float = 1.0
    """How much slower the first replica is than the others."""
    cached_share: float = 0.0
    """Of prompts whose prefix is in the cache, so that little of them is read."""
    others: Others | None = None
    autoscale: Autoscale | None = None

    def scaled(self, speed: float) -> "Config":
        """The same endpoint with its clock running `speed` times faster."""
        others, autoscale = self.others, self.autoscale
        return replace(
            self,
            hardware=self.hardware.scaled(speed),
            limits=self.limits.scaled(speed),
            others=None if others is None else Others(others.per_s * speed, others.prompt_tokens),
            autoscale=None if autoscale is None else replace(autoscale, takes_s=autoscale.takes_s / speed),
        )


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
        self._config = config
        self._per_token = per_token
        self._lengths = config.lengths
        self._seed = mix(seed, _LENGTHS)
        self._cached, self._balancer, self._dice = (mix(seed, s) for s in (_CACHED, _BALANCER, _OTHERS))
        self._limiter = Limiter(config.limits)
        # Slower at its work; the way there and the weather are everyone's.
        hardware = config.hardware
        slow = replace(
            hardware.scaled(1 / config.first_slower), latency_s=hardware.latency_s, weather=hardware.weather
        )
        first, rest = [Replica(slow, per_token=per_token)], range(1, config.replicas)
        self._replicas = first + [Replica(config.hardware, per_token=per_token) for _ in rest]
        self._more_at_s = math.inf
        self._others = 0
        """Requests of others so far; their ids are negative."""
        self._others_at_s = math.inf
        if config.others is not None:
            self._others_at_s = self._gap_s(config.others)
        self._open: dict[int, tuple[Replica, int]] = {}
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
        refusal = self._limiter.refuse(at_s, prompt_tokens, limit, len(self._open))
        standings = self._limiter.standings(at_s)
        if refusal is not None:
            return Rejected(refusal, standings)
        replica = self._choose(request_id)
        output_tokens = min(drawn, limit)
        cached = self._config.cached_share and unit(self._cached, request_id) < self._config.cached_share
        cached_tokens = int(prompt_tokens * (1 - _READ_ANYWAY)) if cached else 0
        replica.submit(request_id, at_s, prompt_tokens, output_tokens, cached_tokens)
        self._open[request_id] = replica, output_tokens
        if self._config.autoscale is not None:
            self._scale(self._config.autoscale, at_s)
        return Accepted(request_id, output_tokens, "stop" if drawn <= limit else "length", standings)

    def advance(self, to_s: float) -> list[Event]:
        """What happened until `to_s`, in order; `ValueError` when time would go back."""
        self._pass(to_s)
        events: list[Event] = []
        while self._others_at_s <= to_s and self._config.others is not None:
            self._step(self._others_at_s, events)
            self._others += 1
            drawn = self._lengths.draw(self._dice, self._others)
            tokens = self._config.others.prompt_tokens
            self._choose(self._others).submit(-self._others, self._others_at_s, tokens, drawn)
            self._others_at_s += self._gap_s(self._config.others)
        self._step(to_s, events)
        return events

    def next_at(self) -> float:
        """No event comes before this time; infinite when nothing is under way, now or ever."""
        return min(self._others_at_s, *(replica.next_at() for replica in self._replicas))

    def cancel(self, request_id: int) -> None:
        """The client is gone: no more events of the request, and its slot is free after the step under way.

        A request that has finished is no news.
        """
        if (held := self._open.pop(request_id, None)) is not None:
            held[0].cancel(request_id, self._now_s)

    def _step(self, to_s: float, into: list[Event]) -> None:
        if self._more_at_s <= to_s and self._more_at_s < math.inf:
            self._replicas.append(Replica(self._config.hardware, per_token=self._per_token))
            self._more_at_s = math.inf
        events = [event for replica in self._replicas for event in replica.advance(to_s)]
        if len(self._replicas) > 1:
            events.sort(key=lambda event: event.at_s)
        if self._others:
            events = [event for event in events if event.request_id >= 0]
        for event in events:
            if event.kind == "finish":
                _, output_tokens = self._open.pop(event.request_id)
                self._limiter.finished(event.at_s, output_tokens)
        into += events

    def _choose(self, number: int) -> Replica:
        replicas = self._replicas
        if self._config.balancing == "round_robin":
            return replicas[number % len(replicas)]
        if self._config.balancing == "random":
            return replicas[mix(self._balancer, number) % len(replicas)]
        return min(replicas, key=lambda replica: replica.running + replica.waiting)

    def _scale(self, autoscale: Autoscale, at_s: float) -> None:
        full = len(self._replicas) >= autoscale.most or self._more_at_s < math.inf
        if not full and self.waiting >= autoscale.waiting:
            self._more_at_s = at_s + autoscale.takes_s

    def _gap_s(self, others: Others) -> float:
        return -math.log1p(-unit(self._dice, self._others)) / others.per_s

    def _pass(self, to_s: float) -> None:
        if to_s < self._now_s:
            raise ValueError(f"time can't go back from {self._now_s} s to {to_s} s")
        self._now_s = to_s
