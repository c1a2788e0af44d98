"""When users start and leave, and when requests of an open load are due: pure arithmetic on a plan.

A plan is a row of levels. Each begins at a moment, moves to its target along a ramp, and holds it.
"""

import math
from collections.abc import Iterator

from msgspec import Struct

from llmprobe.core.load import WARMUP_LEVEL, Arrivals, Load, LoadKind
from llmprobe.core.request import Ask
from llmprobe.core.seeding import unit


class Level(Struct, frozen=True):
    """One level of a timeline; times in seconds since the run's start."""

    level_id: int
    start_s: float
    ramp_s: float
    origin: float
    """The load it comes from."""
    target: float
    by: str | None = None
    ask: Ask | None = None
    """What is asked in place of the corpus."""
    kind: LoadKind = "users"
    """What origin and target count."""

    def load_at(self, at_s: float) -> float:
        """Load wanted at a moment at or after `start_s`, on the straight line of the ramp."""
        since = at_s - self.start_s
        if since >= self.ramp_s:
            return self.target
        return self.origin + (self.target - self.origin) * since / self.ramp_s


class Timeline(Struct, frozen=True):
    """All levels of a plan in order, and the moment it is over."""

    levels: tuple[Level, ...]
    end_s: float


def timeline(load: Load) -> Timeline:
    """Levels of a load's stages, the warm-up (if any) before them at the first stage's load.

    Between users and a rate there is no way: a ramp to the other kind begins at 0.
    """
    levels: list[Level] = []
    at_s = 0.0
    if load.warmup_s and load.stages:
        first = load.stages[0]
        levels.append(Level(WARMUP_LEVEL, 0.0, 0.0, 0.0, first.to, kind=load.kind_of(first)))
        at_s = load.warmup_s
    for level_id, stage in enumerate(load.stages):
        kind = load.kind_of(stage)
        origin = levels[-1].target if levels and levels[-1].kind == kind else 0.0
        levels.append(Level(level_id, at_s, stage.ramp_s, origin, stage.to, stage.by, kind=kind))
        at_s += stage.ramp_s + stage.hold_s
    return Timeline(tuple(levels), at_s)


def user_steps(level: Level) -> Iterator[tuple[float, int]]:
    """Yield `(at_s, users)` for each change by one user along the ramp; the first comes at once.

    k users that join over r seconds start r / k apart, so the ramp's last user has its own slot too.
    Without a ramp there is one step to the target.
    """
    origin, target = int(level.origin), int(level.target)
    count = abs(target - origin)
    if not level.ramp_s or count <= 1:
        yield level.start_s, target
        return
    sign = 1 if target > origin else -1
    for k in range(count):
        yield level.start_s + k * level.ramp_s / count, origin + sign * (k + 1)


def arrival_gap(arrivals: Arrivals, seed: int, number: int) -> float:
    """Gap before arrival `number`, in units of the mean gap (mean 1).

    `constant` is 1, `poisson` exponential, `gamma` has shape 1/2: bursts with twice the variance.
    """
    if arrivals == "constant":
        return 1.0
    exponential = -math.log1p(-unit(seed, 2 * number))
    if arrivals == "poisson":
        return exponential
    # Gamma of shape 1/2 and mean 1 is the square of a standard normal (Box-Muller makes one).
    normal = math.sqrt(2 * exponential) * math.cos(2 * math.pi * unit(seed, 2 * number + 1))
    return normal * normal
