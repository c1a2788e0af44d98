"""For a soak: holds the load just below its limit, as TCP does: up by a little, down when it fails.

It doubles until the first failure, goes a tenth down on each, and up by a thirtieth where nothing has failed
for long. It has no end of its own: whoever ends the run gets what it held.
"""

from llmprobe.control.ending import ending, refusal
from llmprobe.control.evidence import Evidence
from llmprobe.control.search import Plan
from llmprobe.core.finding import Finding
from llmprobe.core.tick import Goal

_UP, _DOWN = 1.03, 0.9
_N = 40
_STARTING_S, _HELD_S = 5.0, 60.0
"""Between two rises: until the first failure, and after it."""


class Aimd:
    """The policy; see the module."""

    def __init__(self, goal: Goal) -> None:
        self._goal = goal

    def next(self, evidence: Evidence, now_s: float) -> Plan | Finding:  # noqa: ARG002 - a policy's signature
        """A little more, or a little less."""
        stay = evidence.stay
        starting = not evidence.failed()
        held_s = (_STARTING_S if starting else _HELD_S) / self._goal.speed
        if stay is None or stay.held is None:
            load = evidence.least if stay is None else stay.load
            return Plan(load, _N, f"begins with {evidence.called(load)}", held_s=held_s, eager=True)
        step = evidence.step(stay.load)
        if not stay.held:
            load = max(evidence.least, min(evidence.rounded(stay.load * _DOWN), stay.load - step))
            return Plan(load, _N, f"backs off to {evidence.called(load)}", held_s=held_s)
        load = evidence.rounded(2 * stay.load if starting else max(stay.load * _UP, stay.load + step))
        says = f"holds {evidence.called(load)}, just below what failed"
        if starting:
            says = f"doubles to {evidence.called(load)}: nothing has failed yet"
        return Plan(load, _N, says, held_s=held_s, eager=starting)

    def last(self, evidence: Evidence) -> Finding:
        """The largest load that held, and did not fail later."""
        held = [
            load for load in evidence.held() if load < min(evidence.failed(), default=self._goal.most + 1)
        ]
        if not held:
            return refusal(evidence, "no load was held for long enough")
        top = max(held)
        return ending(evidence, top, between=(top, min(evidence.failed(), default=top)))

    def toward(self, evidence: Evidence) -> float | None:
        """Just below what failed last."""
        return min(evidence.failed()) * _DOWN if evidence.failed() else None
