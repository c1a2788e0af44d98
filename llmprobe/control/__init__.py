"""Strategies that find the breaking point: step machines without clock, dice or I/O."""

from collections.abc import Callable

from llmprobe.control.strategy import Strategy
from llmprobe.core.scenario import MAPPING
from llmprobe.core.tick import Goal


def _knee(goal: Goal) -> Strategy:
    from llmprobe.control.idle import begin
    from llmprobe.control.knee import Knee

    return begin(goal, Knee)


def _bisect(goal: Goal) -> Strategy:
    from llmprobe.control.bisect import Bisect
    from llmprobe.control.idle import begin

    return begin(goal, Bisect)


def _stairs(goal: Goal) -> Strategy:
    from llmprobe.control.idle import begin
    from llmprobe.control.stairs import Stairs

    return begin(goal, Stairs)


def _aimd(goal: Goal) -> Strategy:
    from llmprobe.control.aimd import Aimd
    from llmprobe.control.idle import begin

    return begin(goal, Aimd)


def _limits(goal: Goal) -> Strategy:
    from llmprobe.control.mapper import Mapper

    return Mapper(goal)


STRATEGIES: dict[str, Callable[[Goal], Strategy]] = {
    "knee": _knee,
    "bisect": _bisect,
    "stairs": _stairs,
    "aimd": _aimd,
    MAPPING: _limits,
}
"""By the name that `--strategy` takes; the first is the default. Each is imported when it is used.

The last looks for rate limits rather than for a capacity.
"""
