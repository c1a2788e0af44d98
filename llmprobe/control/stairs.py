"""A plain staircase: fixed steps up, a verdict at each, and the end at the first that fails.

Each step is half as high again as the one before it, and at least one user.
"""

import math

from llmprobe.control.ending import ending, refusal
from llmprobe.control.evidence import Evidence
from llmprobe.control.search import Plan
from llmprobe.core.finding import Finding
from llmprobe.core.tick import Goal

_STEP = 1.5
_N = 60
_HELD_S = 15.0


class Stairs:
    """The policy; see the module."""

    def __init__(self, goal: Goal) -> None:
        self._goal = goal

    def next(self, evidence: Evidence, now_s: float) -> Plan | Finding:  # noqa: ARG002 - a policy's signature
        """The next step, or the end."""
        if evidence.bound is not None:
            return refusal(evidence, f"the probe was the bottleneck ({evidence.bound})")
        top = max((stay.load for stay in evidence.stays if stay.held), default=0.0)
        if evidence.failed() or top >= self._goal.most:
            return self.last(evidence)
        load = evidence.least
        if top:
            higher = math.ceil(top * _STEP) if self._goal.kind == "users" else top * _STEP
            load = min(self._goal.most, evidence.rounded(higher))
        says = f"takes a step to {evidence.called(load)}"
        return Plan(load, _N, says, held_s=max(_HELD_S / self._goal.speed, 3 * evidence.residence_s))

    def last(self, evidence: Evidence) -> Finding:
        """The highest step that held, below the first that failed."""
        top = max((stay.load for stay in evidence.stays if stay.held), default=0.0)
        if not top and not evidence.failed():
            return refusal(evidence, "too few requests counted to judge one step")
        return ending(evidence, top, between=(top, min(evidence.failed(), default=top)))

    def toward(self, evidence: Evidence) -> float | None:  # noqa: ARG002 - a policy's signature
        """A staircase expects nothing."""
        return None
