"""One JSON object laid over another, as RFC 7396 (JSON merge patch) has it: null takes a key away."""

from typing import Any


def merged(body: dict[str, Any], patch: dict[str, Any]) -> dict[str, Any]:
    """A new object; objects in both are merged, everything else of `patch` replaces."""
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
