"""Strategies that find the breaking point: step machines without clock, dice or I/O."""

from collections.abc import Callable

from llmprobe.control.strategy import Strategy
from llmprobe.core.tick import Goal


def _knee(goal: Goal) -> Strategy:
    from llmprobe.control.knee import Knee

    return Knee(goal)


STRATEGIES: dict[str, Callable[[Goal], Strategy]] = {"knee": _knee}
"""By the name that `--strategy` takes; the first is the default. Each is imported when it is used."""
