"""Maps the rate limits of an endpoint: what its answers tell, else what follows from four mixes of requests.

LOOK    one user; where headers tell the limits, a few more requests tell what counts, and that is all
MIX     one mix after another, each raised to its first 429 and then counted, until one limiter alone explains
        what was let through and what was refused
AGAIN   mixes that a full bucket carried through, once it is empty

It never exceeds the most users, and leaves requests and dollars to the session's ledger; waits that refusals
ask for are the users' own.
"""

from msgspec.structs import replace

from llmprobe.control.decisions import Decisions
from llmprobe.control.inference import infer
from llmprobe.control.mixes import LARGE_MAX_TOKENS, MIXES, SMALL, Visit, sized
from llmprobe.control.told import Told
from llmprobe.core.finding import Finding
from llmprobe.core.limits import Limits, brief
from llmprobe.core.request import Ask
from llmprobe.core.tick import Action, Goal, Move, OpenRequest, Tick

_MINUTE_S = 60.0
_LOOKS = 5
"""Answers of each of the two kinds that are looked at."""
_SHARE, _UNCAPPED = 4, 750
"""The part of the requests left that a mix may take while nothing refuses it, and how many at most."""
_BEGIN = 16
"""Users at most who begin with the next mix, which may be heavier."""
_FEW = 100
"""Requests left that are not worth another mix."""


class Mapper:
    """A strategy; see the module."""

    def __init__(self, goal: Goal) -> None:
        self._goal = goal
        self._minute_s = _MINUTE_S / goal.speed
        self._told = Told()
        self._asks: dict[str, Ask] = {}
        self._asks_at: dict[int, Ask] = {}
        """By level, of requests under way."""
        self._ask: Ask | None = None
        self._decisions = Decisions(goal.speed)
        self._open: tuple[OpenRequest, ...] = ()
        self._now_s = 0.0
        self._awaits: int | None = None
        """The level that a move is to end."""
        self._look: Ask | None = None
        self._looked = 0
        self._visit: Visit | None = None
        self._queue = list(MIXES)
        self._unhit: list[Ask] = []
        self._hits: set[str] = set()
        self._over_s: float | None = None
        """When the mix had told what it can."""
        self._again = False
        self._users = 1
        self._room: float | None = None

    def step(self, tick: Tick) -> Action:
        """Take in what happened, and say what to do."""
        self._take(tick)
        if not tick.armed:
            self._awaits = None
            return Action("watches: a hand has the load")
        if self._awaits is not None and tick.level_id == self._awaits:
            return Action(self._says(tick))
        self._awaits = None
        if self._visit is None:
            return self._looks(tick)
        if self._over_s is None and self._visit.over(tick):
            self._over_s = tick.at_s
        if self._over_s is not None:
            # What was let through last is known some time after what was refused then.
            settled = tick.at_s - self._over_s > 2 * self._decisions.known_after_s
            return self._next(tick) if settled else Action(self._says(tick))
        if self._visit.steer(tick):
            return self._move(tick, self._visit.ask, self._visit.users)
        return Action(self._says(tick))

    def finding(self) -> Finding:
        """What can be said by now."""
        told = self._told.limits()
        return self._mapped(self._closer(told)) if told is not None else self._inferred()

    # What is seen

    def _take(self, tick: Tick) -> None:
        self._now_s, self._open = tick.at_s, tick.open
        if self._ask is not None and tick.level_id != self._awaits:
            self._asks_at[tick.level_id] = self._ask
        limits = {name: ask.max_tokens for name, ask in self._asks.items()}
        self._told.take(tick.ended, tick.rate_limits, limits)
        for record in tick.ended:
            if (ask := self._asks.get(record.prompt_id)) is not None:
                self._looked += self._look is not None and ask.name == self._look.name
                self._decisions.book(record, ask)
        if self._visit is not None:
            self._visit.take(tick.ended)

    # What is done

    def _looks(self, tick: Tick) -> Action:
        """A single user asks for one answer after another."""
        if self._look is None:
            self._look = SMALL
            return self._move(tick, SMALL, 1)
        if self._looked < _LOOKS and not self._decisions.refused:
            return Action(self._says(tick))
        told = self._told.limits()
        if told is None:
            return self._begin(tick)
        if self._look is SMALL:
            self._look, self._looked = sized(LARGE_MAX_TOKENS, self._told.room()), 0
            return self._move(tick, self._look, 1)
        return self._ends(self._mapped(self._closer(told)))

    def _next(self, tick: Tick) -> Action:
        visit = self._visit
        assert visit is not None
        if visit.hit:
            self._hits.add(visit.ask.name)
            self._users = visit.enough
        else:
            self._unhit.append(visit.ask)
        if (told := self._told.limits()) is not None:
            return self._ends(self._mapped(self._closer(told)))
        finding = self._inferred()
        if self._hits and finding.refused is None:
            return self._ends(finding)
        if not self._queue and self._hits and not self._again:
            # They were let through while a bucket was full; it is empty now.
            self._queue, self._again = self._unhit, True
        if not self._queue or (tick.requests_left is not None and tick.requests_left < _FEW):
            return self._ends(finding)
        return self._begin(tick)

    def _begin(self, tick: Tick) -> Action:
        self._look = self._over_s = None
        ask = sized(self._queue.pop(0), self._room)
        budget = _UNCAPPED if tick.requests_left is None else min(_UNCAPPED, tick.requests_left // _SHARE)
        users = min(max(1, self._users // 2), _BEGIN) if self._hits else 1
        self._visit = Visit(
            ask, users, tick.at_s, most=int(self._goal.most), budget=budget, speed=self._goal.speed
        )
        return self._move(tick, ask, users)

    def _move(self, tick: Tick, ask: Ask, users: int) -> Action:
        if (tick.load, self._ask) == (users, ask):
            return Action(self._says(tick))
        self._asks[ask.name] = self._ask = ask
        self._awaits = tick.level_id
        plural = "" if users == 1 else "s"
        return Action(f"goes to {users} user{plural}: {ask.name}", Move(users, ask=ask))

    def _says(self, tick: Tick) -> str:
        if self._visit is not None:
            return self._visit.says(tick)
        return "looks whether answers tell of limits"

    @staticmethod
    def _ends(finding: Finding) -> Action:
        if finding.refused is not None or finding.limits is None:
            return Action(f"ends without an answer: {finding.refused}", finding=finding)
        return Action(f"is done: {brief(finding.limits)}", finding=finding)

    # What follows

    def _closer(self, told: Limits) -> Limits:
        return self._told.closer(told, self._minute_s)

    def _mapped(self, limits: Limits, *, refused: str | None = None) -> Finding:
        if limits.source not in {"headers", "body"}:
            limits = self._a_minute(limits)
        limits = replace(limits, keep_free=self._goal.keep_free, e2e_s=self._decisions.e2e_s)
        return Finding(
            capacity=None, estimate=None, low=None, high=None, cause=None, refused=refused, limits=limits,
            maps_limits=True,
        )  # fmt: skip

    def _inferred(self) -> Finding:
        """What explains the decisions; refused where nothing does, or too much."""
        inferred = infer(
            self._decisions.until(self._now_s, self._open, self._asks_at),
            delay_s=self._decisions.delay_s, minute_s=self._minute_s, hits=len(self._hits),
        )  # fmt: skip
        self._room = inferred.room or self._room
        return self._mapped(inferred.limits, refused=inferred.undetermined)

    def _a_minute(self, limits: Limits) -> Limits:
        """A simulated endpoint's minute may be shorter than that of the clock which rates are told by."""
        speed = self._goal.speed
        rates = {name: getattr(limits, name) for name in ("rpm", "tpm", "rpm_above", "tpm_above")}
        return replace(limits, **{name: rate and rate * speed for name, rate in rates.items()})
