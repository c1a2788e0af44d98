"""What a strategy is: a step machine that is told ticks and answers with actions."""

from typing import Protocol

from llmprobe.core.finding import Finding
from llmprobe.core.tick import Action, Tick


class Strategy(Protocol):
    """Made from a `Goal`; steps once every half second or second, until it answers with a finding.

    Its state is its own. It draws no dice and reads no clock, so that the same ticks give the same actions.
    """

    def step(self, tick: Tick) -> Action:
        """Take in what happened, and say what to do."""

    def finding(self) -> Finding:
        """What can be said by now, when a person or a cap ends the search before it does."""
