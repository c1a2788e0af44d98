"""The load changes of a run, and the stages that repeat them. Pure."""

from msgspec import Struct

from llmprobe.core.events import LoadChanged
from llmprobe.core.load import WARMUP_LEVEL, LoadKind, Stage


class _Visit(Struct):
    """One change of load as it took place."""

    level_id: int
    at_s: float
    target: float
    over_s: float
    by: str | None
    kind: LoadKind
    quiet_s: float | None = None
    """When the last request in flight had ended, at a target of 0."""


class History:
    """Changes of load as they took place."""

    def __init__(self) -> None:
        self._visits: list[_Visit] = []

    def change(self, event: LoadChanged) -> bool:
        """Note a change; false when another worker told of it already."""
        if self._visits and self._visits[-1].level_id >= event.level_id:
            return False
        self._visits.append(
            _Visit(event.level_id, event.at_s, event.target, event.over_s, event.by, event.kind)
        )
        return True

    def quiet(self, at_s: float) -> None:
        """Nothing is in flight any more."""
        if self._visits and self._visits[-1].target == 0 and self._visits[-1].quiet_s is None:
            self._visits[-1].quiet_s = at_s

    def taken_over(self, planned: int) -> bool:
        """Whether a hand moved the load after, or in place of, the `planned` stages of a plan."""
        return any(visit.level_id >= planned and visit.target > 0 for visit in self._visits)

    def stages(self, until_s: float, usual: LoadKind) -> tuple[Stage, ...]:
        """Stages up to now, in whole milliseconds; those of another kind than the `usual` say so.

        A pause is kept as long as requests were still in flight; the quiet rest of it teaches nothing and is
        left out, as is a pause at the end.
        """
        stages: list[Stage] = []
        visits = [visit for visit in self._visits if visit.level_id != WARMUP_LEVEL]
        while visits and visits[-1].target == 0:
            until_s = visits.pop().at_s
        ends = [visit.at_s for visit in visits[1:]] + [until_s]
        for visit, next_s in zip(visits, ends, strict=True):
            quiet_s = visit.quiet_s if visit.target == 0 else None
            end_s = next_s if quiet_s is None else min(next_s, quiet_s)
            span_ms = max(0, round(end_s * 1000) - round(visit.at_s * 1000))
            ramp_ms = min(span_ms, round(visit.over_s * 1000))
            hold_ms = span_ms - ramp_ms
            kind = None if visit.kind == usual or not visit.target else visit.kind
            stages.append(Stage(visit.target, hold_ms / 1000, ramp_ms / 1000, visit.by, kind))
        return tuple(stages)
