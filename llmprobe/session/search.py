"""The autopilot of a session: steps a strategy on what the engine tells, and keeps what it says.

    off -> armed -> off (a hand takes the load) -> armed (goes on from what it knows) -> found -> armed (anew)

What a hand showed before counts too: the ticks of that time are kept, and told to the strategy first.
"""

from collections import deque
from collections.abc import Iterable

from msgspec import Struct
from msgspec.structs import replace

from llmprobe.control import STRATEGIES
from llmprobe.control.strategy import Strategy
from llmprobe.core.errors import UsageError
from llmprobe.core.events import Event
from llmprobe.core.finding import Finding
from llmprobe.core.load import LoadKind
from llmprobe.core.tick import Action, Goal, Tick
from llmprobe.metrics.ticks import Ticks

TICK_S = 0.5
_SHORTEST_TICK_S = 0.1
_AWAY_S = 5.0
"""An endpoint that is down for longer was not brought down by the load alone."""
_KEPT_REQUESTS = 20_000
"""Of the time before it was first armed; older ones are forgotten."""


class Searching(Struct, frozen=True):
    """What a face shows of it."""

    strategy: str
    armed: bool
    says: str
    toward: float | None = None
    """The load it expects to end at."""
    finding: Finding | None = None
    idle: dict[str, float] = {}
    """What one user was answered in, as `Finding.idle`."""


class Search:
    """See the module. `fold` what happens, `step` every `tick_s` seconds."""

    def __init__(self, goal: Goal) -> None:
        self.tick_s = max(_SHORTEST_TICK_S, TICK_S / goal.speed)
        self._begin(goal)

    def turn(self, kind: LoadKind) -> None:
        """The load counts something else from now on; what was known of it is of no use."""
        self._begin(replace(self._goal, kind=kind))

    def _begin(self, goal: Goal) -> None:
        self._goal = goal
        self._ticks = Ticks()
        self._past: deque[Tick] = deque()
        self._away: list[Tick] = []
        """While the endpoint is down."""
        self._past_requests = 0
        self._name = next(iter(STRATEGIES))
        self._strategy: Strategy | None = None
        self._armed = False
        self._said = Action("")
        self._idle: dict[str, float] = {}
        self._finding: Finding | None = None

    @property
    def armed(self) -> bool:
        """Whether it has the load."""
        return self._armed

    @property
    def view(self) -> Searching | None:
        """None until it was armed."""
        if self._strategy is None:
            return None
        said, idle = self._said, self._idle
        return Searching(self._name, self._armed, said.says, said.toward, self._finding, idle)

    def fold(self, batch: Iterable[Event]) -> None:
        """Take in what the engine tells, in order."""
        self._ticks.fold(batch)

    def arm(self, name: str | None = None) -> None:
        """Take the load; after a finding, or by another strategy, a search begins anew.

        Raises `UsageError` for a strategy that there is none of.
        """
        if name is not None and name not in STRATEGIES:
            raise UsageError(f"{name!r} is not a strategy; there is {', '.join(STRATEGIES)}")
        if self._strategy is None or self._finding is not None or name not in {None, self._name}:
            self._name = name or self._name
            self._strategy, self._finding = STRATEGIES[self._name](self._goal), None
            while self._past:
                self._strategy.step(self._past.popleft())
        self._armed = True
        self._said = Action("looks at what there is")

    def disarm(self) -> None:
        """A hand has the load, or nobody."""
        self._armed = False
        self._said = Action("paused: a hand has the load; a goes on")

    def conclude(self) -> Finding | None:
        """The run ends under an armed search: what can be said by now, where nothing was found before."""
        if not self._armed or self._strategy is None:
            return None
        self._armed, self._finding = False, self._strategy.finding()
        return self._finding

    def step(
        self, at_s: float, *, requests_left: int | None, bound: str | None, endpoint_down: bool = False
    ) -> Action:
        """One tick; what to do is to be done at once, and nothing while the endpoint is down.

        A load that is too much may cut connections for a moment; who stays away says nothing of a load.
        """
        tick = self._ticks.tick(at_s, armed=self._armed, requests_left=requests_left, bound=bound)
        if endpoint_down:
            if not self._away or at_s - self._away[0].at_s <= _AWAY_S:
                self._away.append(tick)
            if self._armed:
                self._said = Action("waits until the endpoint can be reached again", toward=self._said.toward)
            return self._said
        self._come_back(at_s)
        if self._strategy is None:
            self._keep(tick)
            return self._said
        if self._finding is not None:
            return self._said
        action = self._strategy.step(tick)
        self._idle = action.idle
        if self._armed:
            self._said, self._finding = action, action.finding
            self._armed = action.finding is None
        return action

    def _come_back(self, at_s: float) -> None:
        away, self._away = self._away, []
        if away and at_s - away[0].at_s <= _AWAY_S and self._strategy is not None and self._finding is None:
            for tick in away:
                self._strategy.step(tick)

    def _keep(self, tick: Tick) -> None:
        self._past.append(tick)
        self._past_requests += len(tick.ended)
        while self._past_requests > _KEPT_REQUESTS:
            self._past_requests -= len(self._past.popleft().ended)
