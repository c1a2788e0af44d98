"""The four mixes of requests that tell limits apart, and how the mapper moves users through one of them.

raise   twice as many users, until the first 429, the most users, or the mix's share of the requests
count   a minute and until a refusal after that; more users where nobody is refused, fewer where most are
"""

from collections.abc import Iterable
from statistics import median

from msgspec import Struct
from msgspec.structs import replace

from llmprobe.core.outcome import Outcome
from llmprobe.core.record import RequestRecord
from llmprobe.core.request import Ask
from llmprobe.core.tick import Tick

SMALL = Ask("small requests", 50, 16)
LARGE_PROMPTS = Ask("large prompts", 2000, 16)
LARGE_MAX_TOKENS = Ask("large max_tokens", 50, 4096)
LONG_ANSWERS = Ask("long answers", 50, 512, long=True)
MIXES = (SMALL, LARGE_PROMPTS, LARGE_MAX_TOKENS, LONG_ANSWERS)
"""In the order they are tried; the first two tell requests from tokens, the next what tokens count."""
LARGEST_MAX_TOKENS = max(ask.max_tokens for ask in MIXES)

_MOST_OF_ROOM, _CONTRAST = 0.6, 4.0
"""A large request takes so much of what a full bucket may hold, and is so many times a small one."""
_STEP_S, _STEP_E2E = 1.0, 1.5
_AT_MOST_S = 10.0
"""How long the most users are held where nothing refuses them."""
_COUNT_S, _COUNT_N, _COUNT_LEAST_S = 60.0, 240, 4.0
_OVER_S, _FRESH_S = 130.0, 1.0
_QUIET_S, _CONTROL_S = 3.0, 2.0
_CROWDED, _FEWEST = 2.0, 2
"""Refused over let through, from which on there are too many users; and how many there are at least."""
_BROKEN_N = 3


def sized(ask: Ask, room: float | None) -> Ask:
    """The mix with its requests no larger than a limiter with that much room for tokens lets through."""
    if room is None or ask is SMALL:
        return ask
    small = SMALL.prompt_tokens + SMALL.max_tokens
    size = int(max(_CONTRAST * small, _MOST_OF_ROOM * room))
    if ask is LARGE_PROMPTS:
        return replace(ask, prompt_tokens=min(ask.prompt_tokens, size - ask.max_tokens))
    return replace(ask, max_tokens=min(ask.max_tokens, size - ask.prompt_tokens))


class Count(Struct):
    """Requests of a stretch of time."""

    let: int = 0
    refused: int = 0


class Visit:
    """A stay at one mix."""

    def __init__(self, ask: Ask, users: int, now_s: float, *, most: int, budget: int, speed: float) -> None:
        self.ask = ask
        self.users = self.enough = users
        """`enough`: as many as hit the limit when it lets something through."""
        self.first_429_s: float | None = None
        self._most = most
        self._budget = budget
        self._speed = speed
        self._began_s = self._moved_s = self._looked_s = now_s
        self._last_429_s = now_s
        self._all, self._counted, self._lately = Count(), Count(), Count()
        self._broken = 0
        self._e2e_s: list[float] = []

    @property
    def hit(self) -> bool:
        """Whether anything was refused."""
        return self.first_429_s is not None

    @property
    def e2e_s(self) -> float:
        """The median time of an answer; 0 before there was one."""
        return median(self._e2e_s) if self._e2e_s else 0.0

    def take(self, ended: Iterable[RequestRecord]) -> None:
        """Requests that ended."""
        for record in ended:
            if record.prompt_id != self.ask.name or record.started_s < self._began_s:
                continue
            counts = [self._all, self._lately]
            if self.first_429_s is not None and record.started_s >= self.first_429_s:
                counts.append(self._counted)
            if record.outcome is Outcome.RATE_LIMITED:
                self._last_429_s = record.ended_s
                self.first_429_s = self.first_429_s or record.ended_s
                for count in counts:
                    count.refused += 1
            elif record.outcome.completed:
                self._e2e_s.append(record.e2e_s)
                for count in counts:
                    count.let += 1
            elif record.outcome.failed:
                self._broken += 1

    def over(self, tick: Tick) -> bool:
        """Whether it has told what it can."""
        if self._broken >= _BROKEN_N and not self._all.let:
            return True
        if self.first_429_s is None:
            held = self.users >= self._most and self._all.let > 0
            long = held and (tick.at_s - self._moved_s) * self._speed >= _AT_MOST_S
            return long or self._all.let + tick.in_flight >= self._budget
        for_s = (tick.at_s - self.first_429_s) * self._speed
        counted = for_s >= _COUNT_S or (self._counted.let >= _COUNT_N and for_s >= _COUNT_LEAST_S)
        exhausted = (tick.at_s - self._last_429_s) * self._speed <= _FRESH_S or not tick.in_flight
        return (counted and exhausted and self._counted.let > 0) or for_s >= _OVER_S

    def steer(self, tick: Tick) -> bool:
        """Change the number of users where that helps; whether it did."""
        users = self._held(tick) if self.hit else self._raised(tick)
        if users == self.users:
            return False
        self.users, self._moved_s = users, tick.at_s
        return True

    def says(self, tick: Tick) -> str:
        """What it does, in words."""
        if self.first_429_s is None:
            return f"raises users until a 429: {self.ask.name}, {self._all.let} let through"
        for_s = min(_COUNT_S, (tick.at_s - self.first_429_s) * self._speed)
        counted = self._counted
        return (
            f"counts what is let through for {_COUNT_S:.0f} s: {self.ask.name}, {for_s:.0f} s, "
            f"{counted.let} let through, {counted.refused} refused"
        )

    def _raised(self, tick: Tick) -> int:
        step_s = max(_STEP_S / self._speed, _STEP_E2E * self.e2e_s)
        if not self._all.let or tick.at_s - self._moved_s < step_s:
            return self.users
        self.enough = min(2 * self.users, self._most)
        return self.enough

    def _held(self, tick: Tick) -> int:
        quiet_s = max(_QUIET_S / self._speed, 2 * self.e2e_s)
        busy = 2 * tick.in_flight >= self.users
        if busy and tick.at_s - max(self._last_429_s, self._moved_s) >= quiet_s:
            self.enough = min(max(2 * self.users, self.enough), self._most)
            return self.enough
        if tick.at_s - max(self._looked_s, self._moved_s) < max(_CONTROL_S / self._speed, self.e2e_s):
            return self.users
        lately, self._lately, self._looked_s = self._lately, Count(), tick.at_s
        if lately.refused > _CROWDED * lately.let and self.users > _FEWEST:
            fewer = max(_FEWEST, self.users // (2 if lately.let else 4))
            if lately.let:
                self.enough = fewer
            return fewer
        return self.users
