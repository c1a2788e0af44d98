"""What a limiter decided about each request, as far as it can be known by now."""

import math
from collections.abc import Iterable, Mapping
from statistics import fmean, median

from llmprobe.control.limiters import Decision
from llmprobe.core.outcome import Outcome
from llmprobe.core.record import RequestRecord
from llmprobe.core.request import Ask
from llmprobe.core.tick import OpenRequest

_NEVER_COUNTED = frozenset({
    Outcome.SERVER_ERROR, Outcome.CLIENT_ERROR, Outcome.CONNECTION, Outcome.TIMEOUT_CONNECT, Outcome.LOST,
})  # fmt: skip
"""Failures before a limiter saw the request, or of which nobody knows."""
_LET, _LET_S = 3.0, 0.5
"""Refusals' times, or seconds, after which a request under way was let through."""


class Decisions:
    """Books requests that ended."""

    def __init__(self, speed: float) -> None:
        self._speed = speed
        self._known: dict[int, Decision] = {}
        self._refusals_s: list[float] = []
        self._e2e_s: list[float] = []

    @property
    def refused(self) -> int:
        """How many were."""
        return len(self._refusals_s)

    @property
    def delay_s(self) -> float:
        """How long a refusal takes: the way there and back."""
        return median(self._refusals_s) if self._refusals_s else 0.0

    @property
    def known_after_s(self) -> float:
        """A request that is under way for longer was let through."""
        return max(_LET * self.delay_s, _LET_S / self._speed)

    @property
    def e2e_s(self) -> float | None:
        """The mean time of an answer."""
        return fmean(self._e2e_s) if self._e2e_s else None

    def book(self, record: RequestRecord, ask: Ask) -> None:
        """A request that has ended."""
        if record.outcome in _NEVER_COUNTED:
            return
        prompt_tokens = record.input_tokens or ask.prompt_tokens
        decision = Decision(record.started_s, True, ask.name, prompt_tokens, ask.max_tokens)
        if record.outcome is Outcome.RATE_LIMITED:
            decision.accepted = False
            self._refusals_s.append(record.e2e_s)
        else:
            decision.ended_s, decision.output_tokens = record.ended_s, record.output_tokens or 0
        if record.outcome.completed:
            self._e2e_s.append(record.e2e_s)
        self._known[record.index] = decision

    def until(
        self, now_s: float, under_way: Iterable[OpenRequest], asks: Mapping[int, Ask]
    ) -> list[Decision]:
        """All in the order they were asked for, up to the first that isn't known yet; `asks` are by level."""
        known = list(self._known.items())
        until_s = math.inf
        for request in under_way:
            ask = asks.get(request.level_id)
            if now_s - request.started_s <= self.known_after_s:
                until_s = min(until_s, request.started_s)
            elif ask is not None:
                let = Decision(request.started_s, True, ask.name, ask.prompt_tokens, ask.max_tokens)
                known.append((request.index, let))
        # Of several at once the one with the lower index was sent first.
        known.sort(key=lambda one: (one[1].at_s, one[0]))
        return [decision for _, decision in known if decision.at_s < until_s]
