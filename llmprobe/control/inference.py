"""From decisions to limits: named only where one limiter explains them, and no other nearly as well."""

from collections.abc import Sequence

from msgspec import Struct
from msgspec.structs import replace

from llmprobe.control.limiters import Decision, Fit, fits, seen
from llmprobe.core.limits import Limits

_WRONG, _CLEARLY_WRONG = 0.03, 0.05
"""The share of decisions that the right limiter may leave unexplained, and that every other must."""
_KIND = 0.03
"""How much worse other windows of the same quantity must explain for the window to be named."""
_REFUSALS = 5
_MIXES = 2
"""Mixes that must have been refused before a limit is named."""


class Inferred(Struct, frozen=True):
    """What follows from decisions."""

    limits: Limits
    """Rates are by the endpoint's own minute."""
    undetermined: str | None = None
    """Why no limit is named although requests were refused."""
    room: float | None = None
    """How many tokens, prompt and max_tokens, a full bucket may let through at once."""


def infer(decisions: Sequence[Decision], *, delay_s: float, minute_s: float, hits: int) -> Inferred:
    """`hits` is how many mixes were refused."""
    least = seen(decisions, delay_s=delay_s, minute_s=minute_s)
    refused = sum(not decision.accepted for decision in decisions)
    if not refused:
        return Inferred(least)
    if refused < _REFUSALS or refused == len(decisions):
        said = "all requests were refused" if refused == len(decisions) else f"only {refused} were refused"
        return Inferred(least, f"{said}: too little to tell a limit by")
    found = fits(decisions, delay_s=delay_s, minute_s=minute_s)
    declared = next(fit for fit in found if fit.quantity == "declared")
    room = declared.burst if declared.window == "bucket" else declared.limit
    best = found[0]
    rival = next(fit for fit in found if fit.quantity != best.quantity)
    if best.wrong > _WRONG:
        return Inferred(least, _unexplained(best), room)
    if hits < _MIXES or rival.wrong < _CLEARLY_WRONG + 2 * best.wrong:
        return Inferred(least, _ambiguous(best, rival), room)
    others = [fit for fit in found if fit.quantity == best.quantity and fit is not best]
    told = all(fit.wrong > best.wrong + _KIND for fit in others)
    named = replace(
        _named(best, least),
        window=best.window if told else None,
        burst=best.burst if told else None,
        decisions=len(decisions),
        explained=1 - best.wrong,
        mixes=hits,
    )
    return Inferred(named, None, room)


def _named(fit: Fit, least: Limits) -> Limits:
    """The limit that a fit names, beside what was not hit."""
    match fit.quantity:
        case "requests":
            return replace(least, source="inferred", rpm=fit.limit)
        case "in_flight":
            return replace(least, source="inferred", concurrency=int(fit.limit))
        case counts:
            return replace(least, source="inferred", tpm=fit.limit, counts=counts)


_SAID = {
    "requests": "requests a minute",
    "declared": "prompt and max_tokens a minute",
    "real": "tokens of prompt and answer a minute",
    "in_flight": "requests at once",
}


def _unexplained(best: Fit) -> str:
    return (
        "requests are refused, but no limit of requests, tokens or requests at once explains which: "
        f"the best, {_SAID[best.quantity]}, leaves {best.wrong:.0%} unexplained"
    )


def _ambiguous(best: Fit, rival: Fit) -> str:
    return (
        f"requests are refused, but whether by a limit of {_SAID[best.quantity]} or of "
        f"{_SAID[rival.quantity]} is undetermined: both explain which"
    )
