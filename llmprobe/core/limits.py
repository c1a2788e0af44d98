"""What limits a provider sets, as far as it was told or found out, and how that is said."""

from typing import Literal

from msgspec import Struct

from llmprobe.core.rate_limit import Further

Quantity = Literal["requests", "declared", "real", "in_flight"]
"""What is counted: requests; prompt and max_tokens up front; prompt and answer; requests under way."""
Window = Literal["minute", "sliding", "bucket"]
"""Over which time: since the last full minute, over the last 60 s, or refilled steadily."""
KEEP_FREE = 0.3
"""The share of a limit that clients leave to others, unless told otherwise."""


class Limits(Struct, frozen=True):
    """Limits of an endpoint, a minute; None is what is not known."""

    rpm: float | None = None
    tpm: float | None = None
    concurrency: int | None = None
    further: tuple[Further, ...] = ()
    """Told limits of another kind: input tokens alone, a day's."""
    source: Literal["headers", "body", "inferred"] | None = None
    """None: no limit was told, and none was hit."""
    counts: Literal["declared", "real"] | None = None
    """Which tokens: of prompt and max_tokens up front, or of prompt and answer."""
    window: Window | None = None
    burst: float | None = None
    """What a full bucket lets through at once: requests, or tokens."""
    rpm_above: float | None = None
    """No lower limit fits what went through; this one or more can't be excluded."""
    tpm_above: float | None = None
    concurrency_above: int | None = None
    decisions: int = 0
    """Requests let through or refused, on which an inference rests."""
    explained: float | None = None
    """The share of them that the limit explains."""
    mixes: int = 0
    """Kinds of requests that hit the limit."""
    e2e_s: float | None = None
    """The mean time of a request while it was measured: what turns a rate into requests at once."""
    keep_free: float = KEEP_FREE
    others: str | None = None
    """How somebody else draws on the same quota, if they do."""


def brief(limits: Limits) -> str:
    """The limits in a few words: `240 requests a minute, told by headers`."""
    parts = []
    if limits.rpm is not None:
        parts.append(f"{limits.rpm:,.0f} requests a minute")
    if limits.tpm is not None:
        counted = {"declared": " (prompt and max_tokens)", "real": " (prompt and answer)"}
        parts.append(f"{limits.tpm:,.0f} tokens a minute{counted.get(limits.counts or '', '')}")
    if limits.concurrency is not None:
        parts.append(f"{limits.concurrency} requests at once")
    parts.extend(f"{more.limit:,} {more.what} a{_n(more.per)} {more.per}" for more in limits.further)
    if not parts:
        return "no rate limit was hit"
    told = {"headers": "told by headers", "body": "told by a refusal"}
    return f"{_listed(parts)}, {told.get(limits.source or '', 'inferred')}"


def statement(limits: Limits) -> str:
    """The limits as a paragraph for people."""
    sentences = [_what(limits), _how(limits), _unseen(limits), limits.others or ""]
    return " ".join(sentence for sentence in sentences if sentence)


def settings(limits: Limits) -> str | None:
    """What clients should be set to; None where nothing is known to limit them."""
    share, parts = 1 - limits.keep_free, []
    if limits.concurrency is not None:
        parts.append(f"at most {max(1, int(limits.concurrency * share))} requests at once")
    if limits.rpm is not None:
        rpm = limits.rpm * share
        parts.append(f"{_at_most(rpm)} requests a minute{_at_once(rpm, limits.e2e_s)}")
    if limits.tpm is not None:
        tpm = limits.tpm * share
        rpm = tpm / 1000
        parts.append(
            f"{_at_most(tpm)} tokens a minute, that is {_number(rpm)} requests of 1,000 tokens"
            f"{_at_once(rpm, limits.e2e_s)}"
        )
    parts.extend(
        f"{_at_most(more.limit * share)} {more.what} a{_n(more.per)} {more.per}" for more in limits.further
    )
    if not parts:
        return None
    free = f" ({limits.keep_free:.0%} is kept free)" if limits.keep_free else ""
    said = f"Set all clients together to {_listed(parts)}{free}."
    if limits.tpm is not None and limits.counts == "declared":
        said += " max_tokens counts in full, however short the answer: set it no higher than needed."
    return said


def _what(limits: Limits) -> str:
    if limits.source is None:
        return "No rate limit was hit, and no answer told of one."
    what = brief(limits)
    burst = ""
    if limits.window == "bucket" and limits.burst is not None and limits.burst >= 1:
        unit = "requests" if limits.rpm is not None else "tokens"
        burst = f"; a full one lets {limits.burst:,.0f} {unit} through at once"
    window = {
        "minute": "The count begins anew with each full minute.",
        "sliding": "The last 60 seconds count.",
        "bucket": f"It is a bucket that refills steadily{burst}.",
    }
    said = f"The limit is {what}."
    return said if limits.window is None else f"{said} {window[limits.window]}"


def _how(limits: Limits) -> str:
    if limits.source != "inferred" or limits.explained is None:
        return ""
    kinds = "one kind" if limits.mixes == 1 else f"{limits.mixes} kinds"
    return f"That explains {limits.explained:.1%} of {limits.decisions:,} decisions on {kinds} of requests."


def _unseen(limits: Limits) -> str:
    """What was not hit, and from where on it could be all the same."""
    parts = []
    if limits.rpm is None and limits.rpm_above is not None:
        parts.append(f"at least {_number(limits.rpm_above)} requests a minute")
    if limits.tpm is None and limits.tpm_above is not None:
        parts.append(f"at least {_number(limits.tpm_above)} tokens a minute")
    if limits.concurrency is None and limits.concurrency_above is not None:
        parts.append(f"more than {limits.concurrency_above} at once")
    if not parts:
        return ""
    listed = _listed(parts, "or")
    return f"A{' further' if limits.source else ''} limit of {listed} can't be excluded."


def _listed(parts: list[str], last: str = "and") -> str:
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} {last} {parts[-1]}"


def _n(word: str) -> str:
    return "n" if word == "hour" else ""


def _at_most(number: float) -> str:
    return f"at most {_number(number)}"


def _at_once(rpm: float, e2e_s: float | None) -> str:
    """Little's law."""
    if e2e_s is None:
        return ""
    return f", about {max(1, round(rpm / 60 * e2e_s))} at once at {e2e_s:.2g} s each"


def _number(number: float) -> str:
    """Rounded down: a setting must not exceed its limit."""
    return f"{int(number):,}" if number >= 10 else f"{number:.2g}"
