"""OpenAI's responses: a stream of named events about items, which ends with the whole response once more.

response.created · output_item.added · output_text.delta ... · response.completed | incomplete | failed
"""

from typing import Any

import msgspec
from msgspec import Struct

from llmprobe.core.request import Draw
from llmprobe.core.scenario import Endpoint
from llmprobe.wire.dialects import openai
from llmprobe.wire.dialects.asking import limit_of, post
from llmprobe.wire.dialects.conversation import Image, Part, Turn, text_of, turns
from llmprobe.wire.dialects.dialect import (
    Asked,
    Delta,
    Failure,
    MalformedRequestError,
    StreamFault,
    Usage,
    WireRequest,
)
from llmprobe.wire.dialects.faults import fault_in, fault_of
from llmprobe.wire.dialects.finish import finish_reason
from llmprobe.wire.dialects.loose_json import UNREADABLE
from llmprobe.wire.dialects.openai import TokenDetails, encode
from llmprobe.wire.dialects.stray import NOTHING, stray
from llmprobe.wire.framing import Event, Framing
from llmprobe.wire.url import below

PATH = "/responses"
framing: Framing = "sse"
ends = True
paths: tuple[str, ...] = ("/v1" + PATH, PATH)
models_path = openai.MODELS_PATH
own_headers = openai.bearer
models_url = openai.models_url
decode_models = openai.decode_models
next_models = openai.next_models
model_in = openai.model_in
encode_models = openai.models_body
encode_error_body = openai.error_body


# Out


def encode_request(
    endpoint: Endpoint, url: str, model: str, draw: Draw, max_tokens: int | None, api_key: str | None
) -> WireRequest:
    """Ask for a stream; the endpoint's own body and headers win over everything."""
    body: dict[str, Any] = {"model": model, "input": [_message(turn) for turn in turns(draw)], "stream": True}
    limit = limit_of(draw, max_tokens)
    if limit is not None:
        body["max_output_tokens"] = limit
    return post(endpoint, below(url, PATH), own_headers(api_key), body)


def _message(turn: Turn) -> dict[str, Any]:
    if all(isinstance(part, str) for part in turn.parts):
        return {"role": turn.role, "content": turn.text}
    return {"role": turn.role, "content": [_part(part) for part in turn.parts]}


def _part(part: Part) -> dict[str, Any]:
    match part:
        case str():
            return {"type": "input_text", "text": part}
        case Image():
            return {"type": "input_image", "image_url": part.url}
        case _:
            return part


# In


class _Usage(Struct):
    input_tokens: int | None = None
    output_tokens: int | None = None
    input_tokens_details: TokenDetails | None = None
    output_tokens_details: TokenDetails | None = None


class _Why(Struct):
    reason: str | None = None


class _Item(Struct):
    type: str | None = None
    name: str | None = None


class _Response(Struct):
    status: str | None = None
    usage: _Usage | None = None
    incomplete_details: _Why | None = None
    error: Any = None
    output: list[_Item] | None = None


class _Event(Struct):
    type: str | None = None
    delta: Any = None
    item: _Item | None = None
    response: _Response | None = None
    error: Any = None
    created_ns: int | None = None


_decode_event = msgspec.json.Decoder(_Event).decode
_TEXTS = frozenset({"response.output_text.delta", "response.refusal.delta"})
_TOOLS = ("_arguments.delta", "_input.delta", "_code.delta")
"""Ends of the events that bring a call: `response.function_call_arguments.delta` and its kin."""
_CALLS = frozenset({"function_call", "custom_tool_call", "mcp_call"})
_ENDS = frozenset({"response.completed", "response.incomplete", "response.failed", "response.cancelled"})


def decode_event(event: Event) -> Delta:
    """Read one event; raises `MalformedEventError`."""
    try:
        told = _decode_event(event.data)
    except UNREADABLE as error:
        return stray(event, error, "one of a response", decode_event)
    kind = told.type or event.event or ""
    if isinstance(told.delta, str):
        return _delta(kind, told.delta, told.created_ns)
    if kind == "response.output_item.added" and told.item is not None and told.item.type in _CALLS:
        return Delta(tool_text=told.item.name or "")
    if kind in _ENDS:
        return _end(kind, told.response or _Response())
    return Delta(error=fault_in(event.data)) if kind == "error" or told.error is not None else NOTHING


def _delta(kind: str, text: str, created_ns: int | None) -> Delta:
    if kind in _TEXTS:
        return Delta(text=text, created_ns=created_ns)
    if kind.startswith("response.reasoning"):
        return Delta(reasoning=text, created_ns=created_ns)
    return Delta(tool_text=text, created_ns=created_ns) if kind.endswith(_TOOLS) else NOTHING


def _end(kind: str, response: _Response) -> Delta:
    """How it ended: some servers say `completed` of an answer that isn't, and give the reason inside."""
    counts = response.usage
    usage = None
    if counts is not None:
        usage = openai.usage_of(
            counts.input_tokens, counts.output_tokens,
            counts.input_tokens_details, counts.output_tokens_details,
        )  # fmt: skip
    if response.error is not None or kind == "response.failed":
        return Delta(usage=usage, error=fault_of(response.error), done=True)
    if kind == "response.cancelled":
        return Delta(usage=usage, error=StreamFault("the server cancelled the response"), done=True)
    why = response.incomplete_details
    if why is not None and why.reason:
        reason = finish_reason(why.reason)
    elif kind == "response.incomplete":
        reason = "length"
    else:
        called = any(item.type in _CALLS for item in response.output or ())
        reason = "tool_calls" if called else "stop"
    return Delta(finish_reason=reason, usage=usage, done=True)


# Reverse


class _Request(Struct):
    input: str | list[dict[str, Any]]
    model: str = ""
    instructions: str | None = None
    max_output_tokens: int | None = None
    stream: bool | None = None


_decode_body = msgspec.json.Decoder(_Request).decode


def decode_request(path: str, body: bytes) -> Asked:
    """Read what a client asks; raises `MalformedRequestError`."""
    try:
        asked = _decode_body(body)
    except UNREADABLE as error:
        raise MalformedRequestError(str(error)) from None
    items = [asked.input] if isinstance(asked.input, str) else asked.input
    said = [asked.instructions or "", *map(text_of, items)]
    prompt = "\n".join(text for text in said if text)
    return Asked(asked.model, prompt, asked.max_output_tokens, bool(asked.stream))


def _named(kind: bytes, rest: bytes) -> bytes:
    return b'event: %b\ndata: {"type":"%b",%b}\n\n' % (kind, kind, rest)


def _item_id(reply_id: str) -> bytes:
    return encode(f"msg_{reply_id}")


def encode_begin(usage: Usage, *, reply_id: str, model: str) -> bytes:
    """That there is a response, an item in it, and a part in that."""
    begun = b'"response":%b' % encode(_response(reply_id, model, "in_progress"))
    item = b'"output_index":0,"item":%b' % encode(_item(reply_id, "in_progress", []))
    part = b'"item_id":%b,"output_index":0,"content_index":0,"part":%b' % (
        _item_id(reply_id),
        encode(_text("")),
    )
    return (
        _named(b"response.created", begun)
        + _named(b"response.in_progress", begun)
        + _named(b"response.output_item.added", item)
        + _named(b"response.content_part.added", part)
    )


def encode_text(text: str, *, created_ns: int, reply_id: str, model: str) -> bytes:
    """A delta of text with the extra key `created_ns`."""
    rest = b'"created_ns":%d,"item_id":%b,"output_index":0,"content_index":0,"delta":%b'
    return _named(b"response.output_text.delta", rest % (created_ns, _item_id(reply_id), encode(text)))


def encode_end(text: str, reason: str, usage: Usage | None, *, reply_id: str, model: str) -> bytes:
    """The text once more, then the whole response."""
    whole = _whole(text, reason, usage, reply_id, model)
    done = b'"item_id":%b,"output_index":0,"content_index":0,"text":%b'
    item = b'"output_index":0,"item":%b' % encode(whole["output"][0])
    kind = b"response.completed" if whole["status"] == "completed" else b"response.incomplete"
    return (
        _named(b"response.output_text.done", done % (_item_id(reply_id), encode(text)))
        + _named(b"response.output_item.done", item)
        + _named(kind, b'"response":%b' % encode(whole))
    )


def encode_error(failure: Failure) -> bytes:
    """The response has failed."""
    code = "rate_limit_exceeded" if failure.status == 429 else "server_error"
    error = {"code": code, "message": failure.message}
    response = {"object": "response", "status": "failed", "error": error}
    return _named(b"response.failed", b'"response":%b' % encode(response))


def encode_reply(text: str, reason: str, usage: Usage, *, reply_id: str, model: str) -> bytes:
    """The response, whole."""
    return encode(_whole(text, reason, usage, reply_id, model))


def _response(reply_id: str, model: str, status: str) -> dict[str, Any]:
    return {
        "id": f"resp_{reply_id}", "object": "response", "created_at": 0, "model": model, "status": status,
        "error": None, "incomplete_details": None, "output": [], "usage": None,
    }  # fmt: skip


def _item(reply_id: str, status: str, content: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "type": "message", "id": f"msg_{reply_id}", "status": status, "role": "assistant", "content": content,
    }  # fmt: skip


def _text(text: str) -> dict[str, Any]:
    return {"type": "output_text", "text": text, "annotations": []}


def _whole(text: str, reason: str, usage: Usage | None, reply_id: str, model: str) -> dict[str, Any]:
    status = "completed" if reason == "stop" else "incomplete"
    whole = _response(reply_id, model, status) | {"output": [_item(reply_id, status, [_text(text)])]}
    if status == "incomplete":
        whole["incomplete_details"] = {"reason": "max_output_tokens" if reason == "length" else reason}
    if usage is not None:
        sent, made = usage.input_tokens or 0, usage.output_tokens or 0
        whole["usage"] = {
            "input_tokens": sent, "input_tokens_details": {"cached_tokens": usage.cached_tokens or 0},
            "output_tokens": made, "output_tokens_details": {"reasoning_tokens": usage.reasoning_tokens or 0},
            "total_tokens": sent + made,
        }  # fmt: skip
    return whole
