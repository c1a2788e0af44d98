"""When a run ends by itself, and what that says of it: pure."""

from enum import StrEnum

from msgspec import Struct

from llmprobe.core.outcome import Outcome
from llmprobe.core.scenario import Stop
from llmprobe.metrics.snapshot import Snapshot

_ERROR_WINDOW = 100
_ERROR_SHARE = 0.9
_RATE_LIMITED = Outcome.RATE_LIMITED


class Reason(StrEnum):
    """Why a run ended."""

    PLAN = "plan"
    """The last stage is over."""
    DURATION = "duration"
    REQUESTS = "requests"
    MONEY = "money"
    ERRORS = "errors"
    """Nearly everything fails: going on would only hammer a broken endpoint."""
    ENDPOINT = "endpoint"
    """Not one answer came."""
    FAULT = "fault"
    """This machine failed."""
    FOUND = "found"
    """The autopilot has its answer, or knows that there is none."""
    STOPPED = "stopped"
    """By a person."""
    INTERRUPTED = "interrupted"
    """By a signal."""


PLANNED = frozenset({Reason.PLAN, Reason.DURATION, Reason.REQUESTS, Reason.FOUND, Reason.STOPPED})


class Ending(Struct, frozen=True):
    """Why, and one sentence for a person."""

    reason: Reason
    message: str


def ending(
    stop: Stop, snapshot: Snapshot, *, elapsed_s: float, plan_ended: bool, capped: str | None, guard: bool
) -> Ending | None:
    """The first rule that holds, or None. With `guard` (nobody watches) a run that only fails ends too."""
    if plan_ended:
        return Ending(Reason.PLAN, "all stages are done")
    if stop.duration_s is not None and elapsed_s >= stop.duration_s:
        return Ending(Reason.DURATION, "the planned duration is over")
    if capped is not None:
        reason = Reason.MONEY if "$" in capped else Reason.REQUESTS
        return Ending(reason, capped)
    return _hopeless(snapshot) if guard else None


def _hopeless(snapshot: Snapshot) -> Ending | None:
    failed = snapshot.failed - snapshot.outcomes.get(_RATE_LIMITED, 0)
    because = f" ({snapshot.last_error})" if snapshot.last_error else ""
    if snapshot.completed == 0 and failed >= max(5, int(snapshot.target)):
        return Ending(Reason.ENDPOINT, f"{failed} requests failed and none was answered{because}")
    recent = snapshot.log[:_ERROR_WINDOW]
    bad = sum(line.outcome.failed and line.outcome is not _RATE_LIMITED for line in recent)
    if len(recent) == _ERROR_WINDOW and bad >= _ERROR_SHARE * _ERROR_WINDOW:
        return Ending(Reason.ERRORS, f"{bad} of the last {_ERROR_WINDOW} requests failed{because}")
    return None
