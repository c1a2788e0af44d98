"""JSON as it is really sent: laid over another object, or with half a character in it."""

import json
from typing import Any

import msgspec

UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
"""What decoding raises on bytes that aren't the JSON they should be."""


def merged(body: dict[str, Any], patch: dict[str, Any]) -> dict[str, Any]:
    """`patch` over `body` by RFC 7396 (JSON merge patch): objects merge, null takes a key away."""
    result = dict(body)
    for key, value in patch.items():
        if value is None:
            result.pop(key, None)
        elif isinstance(value, dict):
            inner = result.get(key)
            result[key] = merged(inner if isinstance(inner, dict) else {}, value)
        else:
            result[key] = value
    return result


def mended(data: bytes) -> bytes | None:
    """The same JSON with half characters replaced (some servers cut an emoji in two); None for no JSON."""
    try:
        half = json.loads(data.decode(errors="replace"))
    except (ValueError, RecursionError):
        return None
    return json.dumps(half, ensure_ascii=False, separators=(",", ":")).encode(errors="replace")


def as_text(value: Any) -> str:
    """Arguments of a tool call as text: some APIs send them as a string of JSON, some as an object."""
    if value is None or isinstance(value, str):
        return value or ""
    return msgspec.json.encode(value).decode()
