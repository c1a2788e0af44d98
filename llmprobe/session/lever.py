"""The load that is asked of the engine: of which kind, how much of it, and as which level."""

from llmprobe.core.engine import Engine
from llmprobe.core.load import LEAST_RATE, Load, LoadKind
from llmprobe.core.request import Ask


class Lever:
    """Moved by a hand, a profile, the autopilot, or a stop; a timed plan goes on until one of them does."""

    def __init__(self, engine: Engine, load: Load, *, timed: bool) -> None:
        self.kind: LoadKind = load.first_kind
        self.wanted = load.first_target
        """Where the next start begins."""
        self.target = 0.0
        self._engine = engine
        self._most = float(load.max_users)
        self._ask: Ask | None = None
        # Levels of a plan are numbered by its stages; those of a hand come after them.
        self._stages = len(load.stages) if timed else 0
        self._level_id = self._stages - 1

    @property
    def by_plan(self) -> bool:
        """Whether a plan still has the load, whose stages may be of both kinds."""
        return 0 < self._stages > self._level_id

    def turn(self, kind: LoadKind) -> bool:
        """The load counts something else from now on; whether that is new."""
        is_new, self.kind = kind != self.kind, kind
        return is_new

    def want(self, target: float) -> float:
        """Where a hand puts it, within its bounds."""
        least = LEAST_RATE if self.kind == "rate" else 1.0
        self.wanted = max(least, min(float(target), self._most))
        return self.wanted

    def holds(self, target: float, ask: Ask | None) -> bool:
        """Whether that is what is asked already."""
        return (target, ask) == (self.target, self._ask)

    async def move(
        self, target: float, *, over_s: float = 0.0, by: str | None = "hand", ask: Ask | None = None
    ) -> None:
        """Begin a level."""
        self.target, self._ask = target, ask
        self._level_id += 1
        await self._engine.set_load(self._level_id, target, over_s, by, ask, self.kind)
