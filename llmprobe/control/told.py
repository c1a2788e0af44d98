"""What answers tell of the limits in force, and what follows from how that changes from one to the next."""

from collections import deque
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Literal

from msgspec import Struct
from msgspec.structs import replace

from llmprobe.core.limits import Limits, Window
from llmprobe.core.outcome import Outcome
from llmprobe.core.rate_limit import Allowance, Further, RateLimit
from llmprobe.core.record import RequestRecord

_SPAN_S = 3.0
"""Answers that are closer together tell no window by their resets."""
_COARSE_S = 1.0
"""Some tell resets in whole seconds."""
_DAY_S = 86_400.0
_DAYS, _LIKE_A_DAY = 3, 0.2
"""Looks that must agree, and how far each may be off. A minute's window is counted down and can't agree."""
_REMEMBERED = 200
_OTHERS, _OTHERS_N = 0.5, 3
"""The share of our own requests, and their number, from which on somebody else's are worth a sentence."""


class Look(Struct, frozen=True):
    """An answer that told of its limits."""

    record: RequestRecord
    told: RateLimit
    max_tokens: int


class Told:
    """Remembers what answers told lately, in order."""

    def __init__(self) -> None:
        self.looks: deque[Look] = deque(maxlen=_REMEMBERED)

    def take(
        self, ended: Sequence[RequestRecord], told: Mapping[int, RateLimit], limits: Mapping[str, int]
    ) -> None:
        """Answers of a tick; `limits` are the output limits by the prompt's id, where they are known."""
        for record in ended:
            limit = told.get(record.index)
            if limit is not None and (limit.requests.limit or limit.tokens.limit or limit.further):
                self.looks.append(Look(record, limit, limits.get(record.prompt_id, 0)))

    def limits(self) -> Limits | None:
        """The newest of each; None where nothing was told."""
        told = [look.told for look in reversed(self.looks)]
        rpm = next((limits.requests.limit for limits in told if limits.requests.limit), None)
        tpm = next((limits.tokens.limit for limits in told if limits.tokens.limit), None)
        further = {(more.what, more.per): more for limits in reversed(told) for more in limits.further}
        if rpm is not None and self._a_day():
            further["requests", "day"], rpm = Further("requests", "day", rpm), None
        if rpm is None and tpm is None and not further:
            return None
        return Limits(
            rpm=rpm, tpm=tpm, further=tuple(further.values()), source=self.looks[-1].told.source,
            counts=self._requested(),
        )  # fmt: skip

    def binding(self) -> Limits | None:
        """What refusals tell: of two limits the one that is used up."""
        limits = self.limits()
        refused = [look.told for look in self.looks if look.record.outcome is Outcome.RATE_LIMITED]
        if limits is None or limits.rpm is None or limits.tpm is None or not refused:
            return limits
        by_requests = sum(told.requests.remaining == 0 for told in refused)
        return replace(limits, tpm=None) if 2 * by_requests > len(refused) else replace(limits, rpm=None)

    def room(self) -> float | None:
        """Tokens that were left at the last answer that told."""
        left = (look.told.tokens.remaining for look in reversed(self.looks))
        return next((remaining for remaining in left if remaining is not None), None)

    def closer(self, limits: Limits, minute_s: float) -> Limits:
        """The same with what the looks of a single user tell, who asks for one answer after another."""
        what: Literal["requests", "tokens"] = "tokens" if limits.rpm is None else "requests"
        return replace(
            limits,
            counts=limits.counts or self._counts(),
            window=self._window(what, minute_s),
            others=self._others(what),
        )

    def _a_day(self) -> bool:
        """Whether the requests are a day's though no name says so: by how long they take to refill."""
        days = [
            requests.reset_s * requests.limit / (requests.limit - requests.remaining) / _DAY_S
            for look in self.looks
            if (requests := look.told.requests).limit is not None
            and requests.remaining is not None
            and requests.reset_s is not None
            and requests.remaining < requests.limit
        ]
        return len(days) >= _DAYS and all(abs(day - 1) < _LIKE_A_DAY for day in days)

    def _requested(self) -> Literal["declared", "real"] | None:
        """By what a refusal says that the request would have taken."""
        for look in self.looks:
            requested, prompt = look.told.requested_tokens, look.record.input_tokens or 0
            if requested is not None and look.max_tokens:
                return "declared" if requested >= prompt + look.max_tokens else "real"
        return None

    def _counts(self) -> Literal["declared", "real"] | None:
        """By how much less is left after the first request that declares much; none is fuller than full."""
        left = [(look.max_tokens, look.told.tokens.remaining) for look in self.looks]
        known = [(declared, remaining) for declared, remaining in left if remaining is not None]
        if not known:
            return None
        most = max(declared for declared, _ in known)
        before = [remaining for declared, remaining in known if declared < most / 4]
        after = next(remaining for declared, remaining in known if declared == most)
        if not before:
            return None
        return "declared" if max(before) - after >= most / 2 else "real"

    def _window(self, what: Literal["requests", "tokens"], minute_s: float) -> Window | None:
        """A full minute ends when it ends; a bucket is full the later, the more is taken."""
        resets = [
            (look.record.started_s, look.record.started_s + allowance.reset_s)
            for look in self.looks
            if (allowance := _of(look, what)).reset_s is not None
        ]
        speed = 60 / minute_s
        if len(resets) < 4 or resets[-1][0] - resets[0][0] < _SPAN_S / speed:
            return None
        moved_s, span_s = 0.0, 0.0
        for (at_s, full_s), (next_s, next_full_s) in pairwise(resets):
            if abs(next_full_s - full_s) < minute_s / 2:
                moved_s += next_full_s - full_s
                span_s += next_s - at_s
        coarse_s = _COARSE_S / speed
        if moved_s > 0.6 * span_s - coarse_s / 2 and moved_s > 1.5 * coarse_s:
            return "bucket"
        return "minute" if abs(moved_s) <= coarse_s + 0.1 * span_s else None

    def _others(self, what: Literal["requests", "tokens"]) -> str | None:
        """By what is left, where it falls faster than we spend."""
        theirs, ours = 0.0, 0.0
        for look, following in pairwise(self.looks):
            left, then = _of(look, what).remaining, _of(following, what).remaining
            spent = _spent(look, following, what)
            if left is not None and then is not None and not following.record.outcome.failed:
                theirs += max(0.0, left - then - spent)
                ours += spent
        if theirs < _OTHERS * ours or theirs < _OTHERS_N * (ours / max(1, len(self.looks) - 1)):
            return None
        return (
            f"Somebody else draws on the same quota: while we took {ours:,.0f} {what}, "
            f"{theirs:,.0f} more were gone."
        )


def _of(look: Look, what: Literal["requests", "tokens"]) -> Allowance:
    return look.told.requests if what == "requests" else look.told.tokens


def _spent(look: Look, following: Look, what: Literal["requests", "tokens"]) -> float:
    """What the second of two answers may have taken at most, and the first since it was let through."""
    if what == "requests":
        return 1.0
    return (
        (following.record.input_tokens or 0)
        + max(following.max_tokens, following.record.output_tokens or 0)
        + (look.record.output_tokens or 0)
    )
