"""A tiny endpoint without a queue or dice, and users on it: what a strategy sees, in no time."""

import heapq
from collections.abc import Callable, Iterator

import pytest

from llmprobe.control.strategy import Strategy
from llmprobe.core.finding import Finding
from llmprobe.core.outcome import Outcome
from llmprobe.core.record import RequestRecord
from llmprobe.core.tick import Action, OpenRequest, Tick

Answer = tuple[float, float, Outcome]
"""TTFT, TPOT and how it ends."""


class Bench:
    """Users in a closed loop; `answers(load, index, at_s)` says what a request gets, of so many tokens."""

    def __init__(self, answers: Callable[[float, int, float], Answer], tokens: int = 40) -> None:
        self._answers = answers
        self._tokens = tokens
        self.now_s, self.load, self.level_id, self.since_s, self.over_s = 0.0, 0.0, -1, 0.0, 0.0
        self.sent = 0
        self.armed = True
        self.requests_left: int | None = None
        self.bound: str | None = None
        self._due: list[tuple[float, int]] = []
        self._users: set[int] = set()
        self._open: dict[int, tuple[OpenRequest, RequestRecord, int]] = {}

    def move(self, load: float, over_s: float = 0.0) -> None:
        """What the engine does."""
        self.level_id, self.load, self.since_s, self.over_s = self.level_id + 1, load, self.now_s, over_s
        new = [user for user in range(int(load)) if user not in self._users]
        for k, user in enumerate(new):
            self._users.add(user)
            heapq.heappush(self._due, (self.now_s + over_s * k / len(new), user))

    def tick(self) -> Tick:
        """Half a second later."""
        self.now_s += 0.5
        ended: list[RequestRecord] = []
        while self._due and self._due[0][0] <= self.now_s:
            at_s, user = heapq.heappop(self._due)
            if user >= self.load:
                self._users.discard(user)
                continue
            ttft_s, tpot_s, outcome = self._answers(self.load, self.sent, at_s)
            e2e_s = ttft_s + (self._tokens - 1) * tpot_s if outcome is Outcome.OK else 0.05
            index, self.sent = self.sent, self.sent + 1
            came = outcome is Outcome.OK
            record = RequestRecord(
                index=index, prompt_id="p", user=user, level_id=self.level_id, users=int(self.load),
                started_s=at_s, ttft_s=ttft_s if came else None, tpot_s=tpot_s if came else None, e2e_s=e2e_s,
                output_tokens=self._tokens if came else None, outcome=outcome,
            )  # fmt: skip
            self._open[index] = (OpenRequest(index, self.level_id, self.load, at_s), record, user)
            heapq.heappush(self._due, (at_s + e2e_s + (0.0 if came else 0.5), user))
        for index, (_, record, _) in list(self._open.items()):
            if record.ended_s <= self.now_s:
                ended.append(record)
                del self._open[index]
        return Tick(
            at_s=self.now_s, load=self.load, level_id=self.level_id, since_s=self.since_s, over_s=self.over_s,
            armed=self.armed, active=len(self._users), draining=0, in_flight=len(self._open),
            open=tuple(self._shown()), ended=tuple(sorted(ended, key=lambda record: record.ended_s)),
            requests_left=self.requests_left, bound=self.bound,
        )  # fmt: skip

    def _shown(self) -> Iterator[OpenRequest]:
        for request, record, _ in self._open.values():
            first_s = None if record.ttft_s is None else record.started_s + record.ttft_s
            came = first_s is not None and first_s <= self.now_s
            yield OpenRequest(
                request.index, request.level_id, request.load, request.started_s, first_s if came else None
            )

    def step(self, strategy: Strategy) -> Action:
        """One tick, and what it is answered with is done."""
        action = strategy.step(self.tick())
        if action.move is not None:
            self.move(action.move.load, action.move.over_s)
        return action

    def search(self, strategy: Strategy, *, at_most_s: float = 900.0) -> Finding:
        """Until there is a finding."""
        while self.now_s < at_most_s:
            if (finding := self.step(strategy).finding) is not None:
                return finding
        raise AssertionError("no finding")


@pytest.fixture
def bench() -> type[Bench]:
    return Bench
