"""An engine in virtual time: users, or arrivals, on the pure model of an endpoint; it tells real events."""

import heapq
import math
from collections.abc import Callable
from typing import Any

from msgspec import Struct

from llmprobe.core.events import Event, FirstToken, Interval, LoadChanged, RequestFinished, RequestStarted
from llmprobe.core.finding import Finding
from llmprobe.core.histogram import Histogram
from llmprobe.core.load import LoadKind
from llmprobe.core.outcome import Outcome
from llmprobe.core.rate_limit import RateLimit
from llmprobe.core.record import RequestRecord
from llmprobe.core.request import Ask
from llmprobe.core.scenario import Retry
from llmprobe.core.seeding import mix, unit
from llmprobe.engine.backoff import backoff_s
from llmprobe.engine.pacer import Level, arrival_gap, user_steps
from llmprobe.metrics.ticks import Ticks
from llmprobe.sim.faults import AT_ONCE, Faults, Kind, Shares
from llmprobe.sim.fixed import Fixed, FixedModel
from llmprobe.sim.model import Accepted, Config, Model, Rejected

TICK_S = 0.5
FIRST_TOKEN_TIMEOUT_S, STALL_S = 30.0, 30.0
_NETWORK, _PROMPTS, _ARRIVALS = 21, 22, 23
_OUTCOME_OF = {
    Kind.RATE_LIMITED: Outcome.RATE_LIMITED, Kind.SERVER_ERROR: Outcome.SERVER_ERROR,
    Kind.UNAVAILABLE: Outcome.SERVER_ERROR, Kind.STALL: Outcome.TIMEOUT_STALL,
    Kind.TRUNCATE: Outcome.TRUNCATED, Kind.MALFORMED: Outcome.MALFORMED,
    Kind.STREAM_ERROR: Outcome.STREAM_ERROR,
}  # fmt: skip


def normal(seed: int, number: int) -> float:
    """A standard normal number."""
    radius = math.sqrt(-2 * math.log(1 - unit(seed, 2 * number)))
    return radius * math.cos(2 * math.pi * unit(seed, 2 * number + 1))


class Asking(Struct, frozen=True):
    """What is asked: log-normal prompts, some of them long."""

    median: float = 400
    sigma: float = 0.5
    long_share: float = 0.0
    long_tokens: int = 6000
    max_tokens: int = 4096

    def prompt_tokens(self, seed: int, number: int) -> int:
        """Of draw `number`."""
        if self.long_share and unit(mix(seed, 1), number) < self.long_share:
            return self.long_tokens
        return max(8, min(30_000, round(self.median * math.exp(self.sigma * normal(seed, number)))))


class Endpoint(Struct, frozen=True):
    """Everything that a search meets."""

    machine: Config | Fixed
    asking: Asking = Asking()
    rtt_s: float = 0.0
    rtt_sigma: float = 0.0
    think_s: float = 0.0
    faults: Shares = Shares()


class _Flight:
    __slots__ = (
        "answer",
        "ask",
        "fault",
        "first_s",
        "index",
        "level_id",
        "prompt_tokens",
        "rate_limit",
        "sent_s",
        "user",
        "users",
    )

    def __init__(
        self, index: int, user: int, level_id: int, users: int, sent_s: float, ask: Ask | None
    ) -> None:
        self.ask = ask
        self.rate_limit: RateLimit | None = None
        self.index = index
        self.user = user
        self.level_id = level_id
        self.users = users
        self.sent_s = sent_s
        self.first_s: float | None = None
        self.answer: Accepted | None = None
        self.fault: Kind | None = None
        self.prompt_tokens = 0


class VirtualEngine:
    """`set_load`, then `until` a moment; `events` are what a session would have heard meanwhile."""

    def __init__(
        self,
        endpoint: Endpoint,
        seed: int,
        kind: LoadKind = "users",
        asked: Callable[[int], tuple[int, int | None]] | None = None,
        told: Callable[[Accepted | Rejected, float], RateLimit] | None = None,
    ) -> None:
        self.endpoint = endpoint
        self.kind = kind
        self.now_s = 0.0
        self.level_id = -1
        self.target = 0.0
        self.sent = 0
        self.sent_by_level: dict[int, int] = {}
        self.active: dict[int, bool] = {}
        """Users that are there, and whether they retire."""
        self.events: list[Event] = []
        self._seed = seed
        machine = endpoint.machine
        self._model: Model | FixedModel = (
            Model(machine, seed) if isinstance(machine, Config) else FixedModel(machine)
        )
        self._faults = Faults(endpoint.faults, seed)
        self._network, prompts, self._gaps = (mix(seed, s) for s in (_NETWORK, _PROMPTS, _ARRIVALS))
        asking = endpoint.asking
        self._asked = asked or (lambda k: (asking.prompt_tokens(prompts, k), asking.max_tokens))
        self._ask: Ask | None = None
        self._told = told
        self._heap: list[tuple[float, int, Callable[[Any, float], None], Any]] = []
        self._pushed = 0
        self._open: dict[int, _Flight] = {}
        self._failures: dict[int, int] = {}
        self._arrivals = 0
        self._steps = 0

    def set_load(self, target: float, over_s: float = 0.0, ask: Ask | None = None) -> None:
        """Begin a level."""
        self._ask = ask
        self.level_id += 1
        change = LoadChanged(self.level_id, target, self.now_s, over_s, "autopilot")
        origin, self.target = self.target, target
        self.events.append(change)
        self._steps += 1
        if self.kind == "rate":
            self._next_arrival(self.now_s)
            return
        level = Level(self.level_id, self.now_s, over_s, origin, target)
        for at_s, users in user_steps(level):
            if at_s <= self.now_s:
                self._users((users, self._steps), at_s)
            else:
                self._at(at_s, self._users, (users, self._steps))

    def until(self, to_s: float) -> None:
        """Let time pass."""
        heap, model = self._heap, self._model
        while True:
            due_s = heap[0][0] if heap else math.inf
            next_s = min(due_s, model.next_at())
            if next_s > to_s:
                break
            self.now_s = next_s
            for event in model.advance(next_s):
                if event.kind == "first":
                    self._first(self._open[event.request_id], event.at_s)
                elif event.kind == "finish":
                    self._finished(event.request_id, event.at_s)
            while heap and heap[0][0] <= next_s:
                _, _, call, what = heapq.heappop(heap)
                call(what, next_s)
        model.advance(to_s)
        self.now_s = to_s

    def interval(self) -> Interval:
        """How many users there are, as a worker tells it."""
        draining = sum(self.active.values())
        return Interval(
            worker=0, at_s=self.now_s, text_chunks=0, itl=_NO_GAPS, active=len(self.active) - draining,
            draining=draining, in_flight=len(self._open), backing_off=0, cpu_share=0.0, lag_s=0.0,
        )  # fmt: skip

    def _at(self, at_s: float, call: Callable[[Any, float], None], what: Any) -> None:
        self._pushed += 1
        heapq.heappush(self._heap, (at_s, self._pushed, call, what))

    def _users(self, step: tuple[int, int], at_s: float) -> None:
        users, of = step
        if of != self._steps:
            return
        for user in self.active:
            self.active[user] = user >= users
        for user in range(users):
            if user not in self.active:
                self.active[user] = False
                self._send(user, at_s)

    def _next_arrival(self, now_s: float) -> None:
        if self.target > 0:
            gap_s = arrival_gap("poisson", self._gaps, self._arrivals) / self.target
            self._at(now_s + gap_s, self._arrived, self._steps)

    def _arrived(self, step: int, at_s: float) -> None:
        if step == self._steps:
            user, self._arrivals = self._arrivals, self._arrivals + 1
            self.active[user] = True
            self._launch(user, at_s)
            self._next_arrival(at_s)

    def _send(self, user: int, at_s: float) -> None:
        if self.active.get(user) is False:
            self._launch(user, at_s)
        elif user in self.active:
            del self.active[user]

    def _launch(self, user: int, at_s: float) -> None:
        index, self.sent = self.sent, self.sent + 1
        self.sent_by_level[self.level_id] = self.sent_by_level.get(self.level_id, 0) + 1
        users = int(self.target) if self.kind == "users" else 0
        flight = _Flight(index, user, self.level_id, users, at_s, self._ask)
        self.events.append(RequestStarted(user, index, self.level_id, at_s, users, ""))
        endpoint = self.endpoint
        delay_s = endpoint.rtt_s
        if endpoint.rtt_sigma:
            delay_s *= math.exp(endpoint.rtt_sigma * normal(self._network, index))
        self._at(at_s + delay_s, self._reach, flight)

    def _reach(self, flight: _Flight, at_s: float) -> None:
        fault = self._faults.of(flight.index)
        if fault in AT_ONCE:
            self._end(flight, at_s, _OUTCOME_OF[fault])
            return
        ask = flight.ask
        prompt_tokens, max_tokens = (
            self._asked(flight.index) if ask is None else (ask.prompt_tokens, ask.max_tokens)
        )
        flight.fault, flight.prompt_tokens = fault, prompt_tokens
        answer = self._model.arrive(at_s, prompt_tokens, max_tokens)
        if self._told is not None:
            flight.rate_limit = self._told(answer, at_s)
        if isinstance(answer, Accepted):
            flight.answer = answer
            self._open[answer.request_id] = flight
            self._at(flight.sent_s + FIRST_TOKEN_TIMEOUT_S, self._give_up, flight)
        else:
            told = flight.rate_limit
            wait_s = answer.refusal.retry_after_s if told is None else told.retry_after_s
            self._end(flight, at_s, Outcome.RATE_LIMITED, wait_s)

    def _give_up(self, flight: _Flight, at_s: float) -> None:
        if flight.first_s is None and flight.answer is not None:
            del self._open[flight.answer.request_id]
            self._model.cancel(flight.answer.request_id)
            self._end(flight, at_s, Outcome.TIMEOUT_FIRST_TOKEN)

    def _first(self, flight: _Flight, at_s: float) -> None:
        flight.first_s = at_s
        self.events.append(FirstToken(flight.user, flight.index, flight.level_id, at_s, at_s - flight.sent_s))

    def _finished(self, request_id: int, at_s: float) -> None:
        flight = self._open.pop(request_id)
        if flight.fault is Kind.STALL:
            self._at(at_s + STALL_S, self._stalled, flight)
        else:
            self._end(flight, at_s, Outcome.OK if flight.fault is None else _OUTCOME_OF[flight.fault])

    def _stalled(self, flight: _Flight, at_s: float) -> None:
        self._end(flight, at_s, Outcome.TIMEOUT_STALL)

    def _end(
        self, flight: _Flight, at_s: float, outcome: Outcome, retry_after_s: float | None = None
    ) -> None:
        made = flight.answer.output_tokens if flight.answer is not None else 0
        tpot_s = None
        if flight.first_s is not None and made >= 2:
            tpot_s = (at_s - flight.first_s) / (made - 1)
        ttft_s = None if flight.first_s is None else flight.first_s - flight.sent_s
        self.events.append(RequestFinished(RequestRecord(
            index=flight.index, prompt_id="" if flight.ask is None else flight.ask.name,
            user=flight.user, level_id=flight.level_id, users=flight.users, started_s=flight.sent_s,
            scheduled_s=flight.sent_s if self.kind == "rate" else None, ttft_s=ttft_s, ttfo_s=ttft_s,
            tpot_s=tpot_s, e2e_s=at_s - flight.sent_s, input_tokens=flight.prompt_tokens,
            output_tokens=made, outcome=outcome, retry_after_s=retry_after_s,
        ), rate_limit=flight.rate_limit))  # fmt: skip
        user = flight.user
        if self.kind == "rate":
            del self.active[user]
            return
        failures = self._failures[user] = self._failures.get(user, 0) + 1 if outcome.failed else 0
        wait_s = backoff_s(
            Retry(),
            outcome,
            failures=failures,
            retry_after_s=retry_after_s,
            seed=self._seed,
            index=flight.index,
        )
        if self.endpoint.think_s and not outcome.failed:
            wait_s = self.endpoint.think_s
        if wait_s and not self.active[user]:
            self._at(at_s + wait_s, self._send, user)
        else:
            self._send(user, at_s)


_NO_GAPS = Histogram()


class Searched(Struct, frozen=True):
    """What a search came to, and what it took."""

    finding: Finding
    seconds: float
    requests: int
    loads: tuple[tuple[float, float, int], ...]
    """Each level: when it began, its load, requests sent at it."""

    def above(self, load: float) -> int:
        """Requests sent at loads above this one."""
        return sum(sent for _, at, sent in self.loads if at > load)


def search(
    strategy: Any, engine: VirtualEngine, *, longest_s: float = 1800.0, max_requests: int | None = None,
    told: Callable[[float, float, str], None] | None = None,
) -> Searched:  # fmt: skip
    """Let a strategy search, as a session does."""
    ticks = Ticks()
    loads: list[tuple[float, float]] = []
    finding = None
    while finding is None:
        engine.until(engine.now_s + TICK_S if loads else 0.0)
        engine.events.append(engine.interval())
        ticks.fold(engine.events)
        engine.events = []
        left = None if max_requests is None else max_requests - engine.sent
        action = strategy.step(ticks.tick(engine.now_s, requests_left=left))
        finding = action.finding
        if told is not None:
            told(engine.now_s, engine.target, action.says)
        if finding is None and (engine.now_s >= longest_s or (left is not None and left <= 0)):
            finding = strategy.finding()
        if action.move is not None and finding is None:
            engine.set_load(action.move.load, action.move.over_s, action.move.ask)
            loads.append((engine.now_s, action.move.load))
        elif not loads:
            raise AssertionError("a strategy begins with a move")
    by_level = engine.sent_by_level
    return Searched(
        finding, engine.now_s, engine.sent,
        tuple((at_s, load, by_level.get(level, 0)) for level, (at_s, load) in enumerate(loads)),
    )  # fmt: skip
