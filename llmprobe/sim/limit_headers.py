"""How an endpoint words its rate limits in headers: one style a provider. Pure.

    openai        x-ratelimit-{limit,remaining,reset}-{requests,tokens}, resets as 59.7s, 6m0s, 12ms
    azure         the same with resets in whole seconds
    anthropic     anthropic-ratelimit-{requests,tokens}-{limit,remaining,reset}, resets in RFC 3339
    retry-after   that alone, in seconds
    retry-date    that alone, as a date of HTTP
    none          nothing: neither headers nor numbers in the body

The first three send retry-after beside a refusal, the first two retry-after-ms as well.
"""

import math
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import formatdate
from typing import Literal, get_args

from llmprobe.core.errors import UsageError
from llmprobe.sim.limits import Standing

Style = Literal["openai", "azure", "anthropic", "retry-after", "retry-date", "none"]
STYLES: tuple[Style, ...] = get_args(Style)


def style_named(name: str) -> Style:
    """The style of that name; `UsageError` lists those there are."""
    for style in STYLES:
        if style == name:
            return style
    raise UsageError(f"no style of rate-limit headers {name!r}; there is {', '.join(STYLES)}")


def limit_headers(
    style: Style, standings: Mapping[str, Standing], wait_s: float | None, now_s: float
) -> dict[str, str]:
    """Of an answer; `wait_s` is how long one that is refused should wait, `now_s` the Unix time."""
    headers: dict[str, str] = {}
    for what, standing in standings.items():
        if style in {"openai", "azure"}:
            reset_s = standing.reset_s
            headers[f"x-ratelimit-limit-{what}"] = str(standing.limit)
            headers[f"x-ratelimit-remaining-{what}"] = str(standing.remaining)
            headers[f"x-ratelimit-reset-{what}"] = (
                str(math.ceil(reset_s)) if style == "azure" else _spelled(reset_s)
            )
        elif style == "anthropic":
            headers[f"anthropic-ratelimit-{what}-limit"] = str(standing.limit)
            headers[f"anthropic-ratelimit-{what}-remaining"] = str(standing.remaining)
            headers[f"anthropic-ratelimit-{what}-reset"] = _rfc3339(now_s + standing.reset_s)
    if wait_s is not None and style != "none":
        if style == "retry-date":
            headers["Retry-After"] = formatdate(math.ceil(now_s + wait_s), usegmt=True)
        else:
            headers["Retry-After"] = str(math.ceil(wait_s))
        if style in {"openai", "azure"}:
            # Whole seconds are too coarse for an endpoint that runs 10 times faster.
            headers["Retry-After-Ms"] = str(math.ceil(wait_s * 1000))
    return headers


def _spelled(seconds: float) -> str:
    """`12ms`, `59.7s`, `6m0s`."""
    millis = math.ceil(seconds * 1000)
    if millis < 1000:
        return f"{millis}ms"
    minutes, rest = divmod(millis, 60_000)
    return (f"{minutes}m" if minutes else "") + f"{rest / 1000:g}s"


def _rfc3339(at_s: float) -> str:
    return datetime.fromtimestamp(at_s, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
