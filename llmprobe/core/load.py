"""Load over time: stages, the levels they make, and a change of load."""

from typing import Literal

from msgspec import Struct

LoadKind = Literal["users", "rate"]
Arrivals = Literal["poisson", "constant", "gamma"]

WARMUP_LEVEL = -1
"""The `level_id` of requests that start while warming up; they count in totals only."""
FIRST_USERS = 4
"""The load of a run that names none."""
LEAST_RATE = 0.1
"""Requests a second: the least that a hand asks for, and what it moves by."""
UNTIL_STOPPED_S = 86_400.0
"""How long a stage holds that nobody gave an end: a day, which a person cuts short."""

MOST = 1_000_000
"""Users, or requests a second: more than one machine holds connections for, by far."""


def too_much(load: float, kind: LoadKind) -> str | None:
    """Why no machine carries such a load; None for one that some machine may."""
    if load <= MOST:
        return None
    unit = "users" if kind == "users" else "requests a second"
    return f"is {load:,.0f} {unit}, more than any machine can carry; the most is {MOST:,}"


class Stage(Struct, frozen=True):
    """Go to a load and stay there: one load level."""

    to: float
    """Users (a whole number), or requests per second in an open load."""
    hold_s: float
    ramp_s: float = 0.0
    by: str | None = None
    """`hand` or `autopilot` when it was recorded; None when it was written."""
    kind: LoadKind | None = None
    """What `to` counts, where that is not what the load says."""


class Load(Struct, frozen=True):
    """What generates requests, and how much over time."""

    kind: LoadKind = "users"
    """What stages count that don't say it."""
    arrivals: Arrivals = "poisson"
    """How requests of an open load are spaced."""
    warmup_s: float = 0.0
    """Spent at the first stage's load before the stages begin; kept out of every verdict."""
    stages: tuple[Stage, ...] = ()
    max_users: int = 256

    def kind_of(self, stage: Stage) -> LoadKind:
        """What a stage of it counts."""
        return stage.kind or self.kind

    @property
    def first_target(self) -> float:
        """What a run begins with: its first stage's load, else 4 users or one request a second."""
        if self.stages:
            return self.stages[0].to
        return float(FIRST_USERS) if self.kind == "users" else 1.0

    @property
    def first_kind(self) -> LoadKind:
        """What that counts."""
        return self.kind_of(self.stages[0]) if self.stages else self.kind

    @property
    def duration_s(self) -> float:
        """Of warm-up and all stages."""
        return self.warmup_s + sum(stage.ramp_s + stage.hold_s for stage in self.stages)
