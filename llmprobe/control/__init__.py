"""Strategies that find the breaking point: step machines without clock, dice or I/O."""

from collections.abc import Callable

from llmprobe.control.strategy import Strategy
from llmprobe.core.tick import Goal


def _knee(goal: Goal) -> Strategy:
    from llmprobe.control.knee import Knee
    from llmprobe.control.search import Search

    return Search(goal, Knee(goal))


def _stairs(goal: Goal) -> Strategy:
    from llmprobe.control.search import Search
    from llmprobe.control.stairs import Stairs

    return Search(goal, Stairs(goal))


def _aimd(goal: Goal) -> Strategy:
    from llmprobe.control.aimd import Aimd
    from llmprobe.control.search import Search

    return Search(goal, Aimd(goal))


STRATEGIES: dict[str, Callable[[Goal], Strategy]] = {"knee": _knee, "stairs": _stairs, "aimd": _aimd}
"""By the name that `--strategy` takes; the first is the default. Each is imported when it is used."""
