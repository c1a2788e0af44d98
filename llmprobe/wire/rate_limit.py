"""What an answer says about rate limits: in its headers, and in the body of a 429.

    retry-after: 20 | Wed, 21 Oct 2026 07:28:00 GMT          retry-after-ms: 19699
    x-ratelimit-{limit,remaining,reset}-{requests,tokens}    resets as 59.7s, 6m0s, 12ms, 30
    x-ratelimit-{limit,remaining,reset}-{requests,tokens}-{minute,hour,day}
    anthropic-ratelimit-{requests,tokens,input-tokens,output-tokens}-{limit,remaining,reset}    RFC 3339
    "... on tokens per min (TPM): Limit 30000, Used 28943, Requested 4096. Please try again in 6.078s."

`retry_after_s` is to be obeyed; a reset is the time until the allowance is full again, which is longer.
"""

import math
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from llmprobe.core.rate_limit import Allowance, Further, Per, RateLimit, What
from llmprobe.core.units import parse_duration

_EPOCH_S = 1e9
"""A number of seconds above this is a date (from 2001 on), not a time to wait."""
_INT = r"(\d[\d,]{0,14})"
_LIMIT = re.compile(r"\blimit(?:\s+of|:)?\s+" + _INT, re.IGNORECASE)
_USED = re.compile(r"\bused:?\s+" + _INT, re.IGNORECASE)
_REQUESTED = re.compile(r"\brequested:?\s+" + _INT, re.IGNORECASE)
_PER = re.compile(
    r"\b(token|request)s?[ _-]per[ _-](s|m|h|d)(?:ec|in|our|ay)|\b([TR])P([MDHS])\b", re.IGNORECASE
)
_PERIODS: dict[str, Per] = {"s": "second", "m": "minute", "h": "hour", "d": "day"}
_NAMED: dict[str, tuple[What, Per]] = {
    "input-tokens": ("input tokens", "minute"),
    "output-tokens": ("output tokens", "minute"),
    "requests-hour": ("requests", "hour"),
    "tokens-hour": ("tokens", "hour"),
    "requests-day": ("requests", "day"),
    "tokens-day": ("tokens", "day"),
}
"""Endings of headers that name what else is limited."""
_DURATION = r"((?:\d+(?:\.\d+)?(?:ms|s|m|h)(?![a-z]))+|\d+(?:\.\d+)?(?= sec))"
_WAIT = re.compile(
    r"\b(?:try again in|retry after|retry in|wait)\s+" + _DURATION + r'|"retryDelay":\s*"([\d.]+m?s)"',
    re.IGNORECASE,
)


def parse_rate_limit(headers: Mapping[str, str], body: bytes, now_s: float) -> RateLimit:
    """Read an answer; `headers` by lower-case name, `now_s` in Unix time, which dates are told from.

    The server's own `Date` stands in for `now_s` where it is given, so that its clock may be wrong.
    """
    if not body and not any("ratelimit" in name or name.startswith("retry-after") for name in headers):
        return RateLimit()
    now_s = _date_s(headers.get("date")) or now_s
    requests = _from_headers(headers, ("requests", "requests-minute"), now_s)
    tokens = _from_headers(headers, ("tokens", "tokens-minute"), now_s)
    further = tuple(
        Further(what, per, limit)
        for name, (what, per) in _NAMED.items()
        if (limit := _from_headers(headers, (name,), now_s).limit) is not None
    )
    told = further or requests != Allowance() or tokens != Allowance()
    said = body.decode(errors="replace")
    retry_after_s = _retry_after_s(headers, now_s)
    if retry_after_s is None:
        retry_after_s = _wait_in(said)
    if told:
        return RateLimit(requests, tokens, _number_in(_REQUESTED, said), retry_after_s, "headers", further)
    return _from_body(said, retry_after_s)


def _from_headers(headers: Mapping[str, str], names: tuple[str, ...], now_s: float) -> Allowance:
    for name in names:
        limit, remaining, reset = (
            headers.get(f"x-ratelimit-{what}-{name}") or headers.get(f"anthropic-ratelimit-{name}-{what}")
            for what in ("limit", "remaining", "reset")
        )
        if limit or remaining or reset:
            return Allowance(_count(limit), _count(remaining), _until_s(reset, now_s))
    return Allowance()


def _from_body(said: str, retry_after_s: float | None) -> RateLimit:
    limit, used = _number_in(_LIMIT, said), _number_in(_USED, said)
    per = _PER.search(said)
    if limit is None or per is None:
        return RateLimit(retry_after_s=retry_after_s)
    requested = _number_in(_REQUESTED, said)
    by_request = (per[1] or per[3]).lower().startswith("r")
    period = _PERIODS[(per[2] or per[4]).lower()]
    if period != "minute":
        further = Further("requests" if by_request else "tokens", period, limit)
        return RateLimit(
            further=(further,), requested_tokens=None if by_request else requested,
            retry_after_s=retry_after_s, source="body",
        )  # fmt: skip
    allowance = Allowance(limit, None if used is None else max(0, limit - used))
    if by_request:
        return RateLimit(requests=allowance, retry_after_s=retry_after_s, source="body")
    return RateLimit(tokens=allowance, requested_tokens=requested, retry_after_s=retry_after_s, source="body")


def _retry_after_s(headers: Mapping[str, str], now_s: float) -> float | None:
    millis = _number(headers.get("retry-after-ms"))
    return millis / 1000 if millis is not None else _until_s(headers.get("retry-after"), now_s)


def _until_s(text: str | None, now_s: float) -> float | None:
    """Seconds to wait, from a number, a duration (`6m0s`) or a date; None for anything else."""
    if text is None:
        return None
    if (number := _number(text)) is not None:
        return max(0.0, number - now_s) if number > _EPOCH_S else number
    try:
        return parse_duration(text)
    except ValueError:
        date_s = _date_s(text)
        return None if date_s is None else max(0.0, date_s - now_s)


def _date_s(text: str | None) -> float | None:
    """Unix time of an HTTP or RFC 3339 date."""
    if text is None:
        return None
    for parse in (datetime.fromisoformat, parsedate_to_datetime):
        try:
            date = parse(text.strip())
            return (date if date.tzinfo is not None else date.replace(tzinfo=UTC)).timestamp()
        except (ValueError, OverflowError):
            continue
    return None


def _count(text: str | None) -> int | None:
    number = _number(text)
    return None if number is None else int(number)


def _number(text: str | None) -> float | None:
    """A finite number that isn't negative."""
    try:
        number = float((text or "").replace(",", ""))
    except ValueError:
        return None
    return number if math.isfinite(number) and number >= 0 else None


def _number_in(pattern: re.Pattern[str], said: str) -> int | None:
    match = pattern.search(said)
    return int(match[1].replace(",", "")) if match else None


def _wait_in(said: str) -> float | None:
    match = _WAIT.search(said)
    if match is None:
        return None
    text = match[1] or match[2]
    number = _number(text)
    return number if number is not None else parse_duration(text)
