"""Text from outside made safe: without keys (`scrub`), and without control of a terminal (`clean`).

`clean` keeps what a reader can see, and newline and tab. It drops escape sequences, other control characters,
and what is invisible or turns the direction of text, so that a line says what it seems to say.
"""

import json
import re
from collections.abc import Iterable
from functools import lru_cache
from urllib.parse import quote

LONGEST = 500
"""Characters of a scrubbed text."""
HIDDEN = "***"
"""Stands where a secret stood."""
_SHORTEST_SECRET = 4
"""A shorter one (`x` for a server that takes any key) would only riddle the text."""

_USERINFO = re.compile(r"(\b[a-z][a-z0-9+.-]{0,20}://)[^/\s@?#]+@", re.IGNORECASE)
_PASSWORD_BEGINS = re.compile(r"://[^/\s?#@:\[]+:\d*[^\d/\s?#]")
"""Where a port would be, and is none."""
_SCHEME = re.compile(r"\b(bearer|basic)\s+[A-Za-z0-9._~+/=*-]{6,}", re.IGNORECASE)
_NAMED = re.compile(
    r"""(?<![A-Za-z0-9])
    ( (?:proxy-)?authorization | (?:set-)?cookie | password | (?:client[-_]?)?secret
    | (?:[a-z0-9]{1,20}[-_]){0,4}
      (?:api[-_]?key | subscription-key | (?:access|auth|security|session|refresh)[-_]?token)
    | (?<=[?&])(?:key|token|sig|signature) )
    ( ["']?\s*[:=]\s*["']? )
    (?: (?:bearer|basic|token)\s+ )?
    [^\s"',;&}]+""",
    re.IGNORECASE | re.VERBOSE,
)
_KEY = re.compile(
    r"(?<![A-Za-z0-9])(?:(?:sk|pk|rk|xai|nvapi|fw)-[A-Za-z0-9_*-]{8,}|(?:gsk|hf|ghp|r8|fw)_[A-Za-z0-9_*]{16,}"
    r"|AIza[A-Za-z0-9_-]{20,}|eyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{10,}(?:\.[A-Za-z0-9_-]*)?)"
)
_SECRET_HEADER = re.compile(
    r"(?:.*[-_])?(?:auth|authorization|authentication|cookie|api-?key|key|token|secret|password|credentials?)"
)
_SECRET_FIELD = re.compile(
    r"key|token|(?:.*[-_])?(?:authorization|password|secret|api[-_]?key"
    r"|(?:access|private|secret)[-_]key|(?:access|auth|security|session|refresh)[-_]?token)"
)

_ESCAPE = re.compile(
    r"(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]"  # CSI: colours, cursor
    r"|(?:\x1b[\]PX^_]|[\x9d\x90\x98\x9e\x9f])[^\x07\x1b\x9c]*(?:\x07|\x1b\\|\x9c)"  # OSC, DCS: clipboard
    r"|\x1b[ -/]*[0-Z\\^-~]"  # the short ones: charset, reset
)
_INVISIBLE = (
    *range(0x09), *range(0x0B, 0x20), *range(0x7F, 0xA0), 0xAD, 0x061C, 0x180E,
    *range(0x200B, 0x2010), *range(0x202A, 0x202F), *range(0x2060, 0x2070), 0xFEFF,
    *range(0xFFF9, 0xFFFC), *range(0xE0000, 0xE0080),
)  # fmt: skip
_VISIBLE = (
    dict.fromkeys(_INVISIBLE)
    | {0x2028: "\n", 0x2029: "\n"}
    # Half a surrogate pair comes out of JSON and can't be encoded for any terminal or file.
    | dict.fromkeys(range(0xD800, 0xE000), "\ufffd")
)


def clean(text: str) -> str:
    """`text` without anything that a terminal would obey or that a reader couldn't see."""
    return _ESCAPE.sub("", text.replace("\r\n", "\n")).translate(_VISIBLE)


def scrub(text: str, secrets: Iterable[str] = ()) -> str:
    """`text` clean, without `secrets` and whatever looks like a key, at most 500 characters (… when cut)."""
    for secret in sorted(secrets, key=len, reverse=True):
        if len(secret) >= _SHORTEST_SECRET:
            for spelling in (secret, json.dumps(secret)[1:-1], quote(secret, safe="")):
                text = text.replace(spelling, HIDDEN)
    text = _USERINFO.sub(r"\1", clean(text))
    text = _SCHEME.sub(rf"\1 {HIDDEN}", text)
    text = _NAMED.sub(rf"\1\2{HIDDEN}", text)
    text = _KEY.sub(HIDDEN, text)
    return text if len(text) <= LONGEST else text[: LONGEST - 1] + "…"


def looks_like_key(text: str) -> bool:
    """Whether a text is, or carries, what providers hand out as a key."""
    return bool(_KEY.search(text) or _SCHEME.search(text))


def carries_secret(url: str) -> bool:
    """Whether an address, or a template of one, has a user, a password or a key in it."""
    return looks_like_key(url) or bool(_USERINFO.search(url) or _NAMED.search(url))


def may_carry_secret(half: str) -> bool:
    """Whether an address that is still being typed has one in it: `https://user:p`, before the `@` tells."""
    return carries_secret(half) or bool(_PASSWORD_BEGINS.search(half))


@lru_cache(maxsize=256)
def is_secret_header(name: str) -> bool:
    """Whether a header carries a key, by its name: `Authorization`, `X-Api-Key`, `Cookie`, `X-Team-Token`."""
    lower = name.strip().lower()
    return lower != "idempotency-key" and bool(_SECRET_HEADER.fullmatch(lower))


def is_secret_field(name: str) -> bool:
    """Whether a field of a body, an address or a file carries a key, by its name: `api_key`, `token`."""
    return bool(_SECRET_FIELD.fullmatch(name.strip().lower()))
