"""What servers say when they fail: an error as a string, an object, plain text, or nothing at all.

{"error": {"message": ..., "type": ..., "code": ...}}    {"error": "..."}    {"error": {..., "status": ...}}
{"object": "error", "message": ...}    {"detail": ...}    {"message": ...}    text/plain    an empty body
"""

from http import HTTPStatus
from typing import Any

import msgspec

from llmprobe.wire.dialects.dialect import StreamFault
from llmprobe.wire.dialects.loose_json import UNREADABLE

_LIMIT_WORDS = ("rate_limit", "rate limit", "ratelimit", "too many requests", "quota", "resource_exhausted")


def fault_in(data: bytes) -> StreamFault:
    """The error that an event inside a stream carries, as JSON or in plain words."""
    try:
        error = msgspec.json.decode(data)
    except UNREADABLE:
        error = data.decode(errors="replace")
    return fault_of(error)


def fault_of(error: Any) -> StreamFault:
    """The error that was sent as this JSON value."""
    return StreamFault(_message_of(error) or "the server sent an error without a message", _is_limit(error))


def error_message(status: int, body: bytes) -> str:
    """What an answer with status 400 and above says, in one line: `HTTP 404: The model does not exist`."""
    try:
        said = _message_of(msgspec.json.decode(body))
    except UNREADABLE:
        said = body.decode(errors="replace")
    said = " ".join(said.split()) or _phrase(status)
    return f"HTTP {status}: {said}" if said else f"HTTP {status}"


def _message_of(error: Any) -> str:
    if isinstance(error, str):
        return error
    if isinstance(error, dict):
        for key in ("error", "message", "detail", "type", "code"):
            if error.get(key):
                return _message_of(error[key])
        return ""
    if isinstance(error, list) and error and isinstance(error[0], dict) and "error" in error[0]:
        return _message_of(error[0])
    return "" if error is None else msgspec.json.encode(error).decode()


def _is_limit(error: Any) -> bool:
    if isinstance(error, str):
        said = error.lower()
        return error == "429" or any(words in said for words in _LIMIT_WORDS)
    if isinstance(error, dict):
        return any(_is_limit(error.get(key)) for key in ("error", "code", "type", "status", "message"))
    return bool(error == 429)


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return ""
