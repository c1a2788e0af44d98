"""Anthropic's messages: named events about blocks of content.

    message_start · content_block_start · content_block_delta ... · message_delta · message_stop | error

The tokens read are counted in the first of them, those written in the last but one.
"""

from typing import Any

import msgspec
from msgspec import Struct

from llmprobe.core.request import Draw
from llmprobe.core.scenario import Endpoint
from llmprobe.wire.dialects import openai
from llmprobe.wire.dialects.asking import limit_of, post
from llmprobe.wire.dialects.conversation import Image, Part, Turn, system_text, text_of, turns
from llmprobe.wire.dialects.dialect import Asked, Delta, Failure, MalformedRequestError, Usage, WireRequest
from llmprobe.wire.dialects.faults import fault_in
from llmprobe.wire.dialects.finish import finish_reason
from llmprobe.wire.dialects.loose_json import UNREADABLE, as_text
from llmprobe.wire.dialects.stray import NOTHING, stray
from llmprobe.wire.framing import Event, Framing
from llmprobe.wire.url import asking, below

PATH = "/messages"
framing: Framing = "sse"
ends = True
paths: tuple[str, ...] = ("/v1" + PATH, PATH)
models_path = "/v1/models"
_UNLIMITED = 4096
"""The API refuses a request without a limit; this one is within what every model allows."""

model_in = openai.model_in
encode = msgspec.json.encode


# Out


def own_headers(api_key: str | None) -> dict[str, str]:
    """The version, and the key under its own name."""
    return {"anthropic-version": "2023-06-01"} | ({"x-api-key": api_key} if api_key else {})


def encode_request(
    endpoint: Endpoint, url: str, model: str, draw: Draw, max_tokens: int | None, api_key: str | None
) -> WireRequest:
    """Ask for a stream; the endpoint's own body and headers win over everything."""
    said = turns(draw)
    limit = limit_of(draw, max_tokens)
    body: dict[str, Any] = {
        "model": model,
        "messages": [_message(turn) for turn in said if turn.role != "system"],
        "max_tokens": limit if limit is not None else _UNLIMITED,
        "stream": True,
    }
    if system := system_text(said):
        body["system"] = system
    return post(endpoint, below(url, PATH, version="/v1"), own_headers(api_key), body)


def _message(turn: Turn) -> dict[str, Any]:
    if all(isinstance(part, str) for part in turn.parts):
        return {"role": turn.role, "content": turn.text}
    return {"role": turn.role, "content": [_block(part) for part in turn.parts]}


def _block(part: Part) -> dict[str, Any]:
    match part:
        case str():
            return {"type": "text", "text": part}
        case Image():
            if (inline := part.inline) is None:
                return {"type": "image", "source": {"type": "url", "url": part.url}}
            source = {"type": "base64", "media_type": inline[0], "data": inline[1]}
            return {"type": "image", "source": source}
        case _:
            return part


# In


class _Usage(Struct):
    input_tokens: int | None = None
    output_tokens: int | None = None
    cache_creation_input_tokens: int | None = None
    cache_read_input_tokens: int | None = None


class _Message(Struct):
    usage: _Usage | None = None


class _Block(Struct):
    type: str | None = None
    text: str | None = None
    thinking: str | None = None
    name: str | None = None


class _Delta(Struct):
    text: str | None = None
    thinking: str | None = None
    partial_json: Any = None
    stop_reason: str | None = None


class _Event(Struct):
    type: str | None = None
    delta: _Delta | None = None
    content_block: _Block | None = None
    message: _Message | None = None
    usage: _Usage | None = None
    created_ns: int | None = None


_decode_event = msgspec.json.Decoder(_Event).decode


def decode_event(event: Event) -> Delta:
    """Read one event; raises `MalformedEventError`."""
    try:
        told = _decode_event(event.data)
    except UNREADABLE as error:
        return stray(event, error, "one of a message", decode_event)
    match told.type or event.event:
        case "content_block_delta" if (delta := told.delta) is not None:
            return Delta(
                text=delta.text or "",
                reasoning=delta.thinking or "",
                tool_text=as_text(delta.partial_json),
                created_ns=told.created_ns,
            )
        case "content_block_start" if (block := told.content_block) is not None:
            return Delta(block.text or "", block.thinking or "", block.name or "")
        case "message_start" if told.message is not None and told.message.usage is not None:
            return Delta(usage=_usage(told.message.usage, output_tokens=None))
        case "message_delta":
            reason = told.delta.stop_reason if told.delta is not None else None
            usage = _usage(told.usage, told.usage.output_tokens) if told.usage is not None else None
            return Delta(finish_reason=finish_reason(reason) if reason else None, usage=usage)
        case "message_stop":
            return Delta(done=True)
        case "error":
            return Delta(error=fault_in(event.data))
        case _:
            return NOTHING


def _usage(counts: _Usage, output_tokens: int | None) -> Usage | None:
    """Tokens out of a cache and into it are counted apart from the others; here they are all input.

    What `message_start` says of the output is a placeholder. Zeros are of a server that doesn't count.
    """
    parts = (counts.input_tokens, counts.cache_creation_input_tokens, counts.cache_read_input_tokens)
    sent = sum(part or 0 for part in parts)
    if not sent and not output_tokens:
        return None
    return Usage(sent or None, output_tokens, None, counts.cache_read_input_tokens)


class _Model(Struct, tag_field="type", tag="model"):
    id: str


class _Models(Struct):
    data: list[_Model]
    has_more: bool
    last_id: str | None = None


_decode_models = msgspec.json.Decoder(_Models).decode
decode_models = openai.decode_models
"""Theirs reads as OpenAI's does, and servers of both APIs have OpenAI's at that address."""


def is_own_list(body: bytes) -> bool:
    """Whether it is Anthropic's: `{"data": [{"type": "model", "id": ...}], "has_more": ...}`."""
    try:
        _decode_models(body)
    except UNREADABLE:
        return False
    return True


def next_models(address: str, body: bytes) -> str | None:
    """Behind the last one that came."""
    try:
        told = _decode_models(body)
    except UNREADABLE:
        return None
    return asking(address, limit=1000, after_id=told.last_id) if told.has_more and told.last_id else None


def models_url(url: str) -> str | None:
    """Below the same base; from a full address too. The API gives 20 unless asked for more."""
    return below(url, "/models", instead_of=(PATH,), version="/v1")


# Reverse


class _Request(Struct):
    messages: list[dict[str, Any]]
    max_tokens: int
    model: str = ""
    system: Any = None
    stream: bool | None = None


_decode_body = msgspec.json.Decoder(_Request).decode
_KINDS = {
    400: "invalid_request_error", 401: "authentication_error", 403: "permission_error",
    404: "not_found_error", 429: "rate_limit_error", 503: "overloaded_error", 529: "overloaded_error",
}  # fmt: skip


def decode_request(path: str, body: bytes) -> Asked:
    """Read what a client asks; raises `MalformedRequestError`."""
    try:
        asked = _decode_body(body)
    except UNREADABLE as error:
        raise MalformedRequestError(str(error)) from None
    said = [text_of(asked.system), *map(text_of, asked.messages)]
    prompt = "\n".join(text for text in said if text)
    return Asked(asked.model, prompt, asked.max_tokens, bool(asked.stream))


def _named(kind: bytes, rest: bytes = b"") -> bytes:
    return b'event: %b\ndata: {"type":"%b"%b}\n\n' % (kind, kind, rest)


def encode_begin(usage: Usage, *, reply_id: str, model: str) -> bytes:
    """The message without content, the block without text, and a ping."""
    message = _message_body(reply_id, model) | {
        "usage": {"input_tokens": usage.input_tokens or 0, "output_tokens": 1}
    }
    block = b',"index":0,"content_block":{"type":"text","text":""}'
    started = _named(b"message_start", b',"message":%b' % encode(message))
    return started + _named(b"content_block_start", block) + _named(b"ping")


def encode_text(text: str, *, created_ns: int, reply_id: str, model: str) -> bytes:
    """A delta of text with the extra key `created_ns`."""
    rest = b',"index":0,"created_ns":%d,"delta":{"type":"text_delta","text":%b}'
    return _named(b"content_block_delta", rest % (created_ns, encode(text)))


def encode_end(text: str, reason: str, usage: Usage | None, *, reply_id: str, model: str) -> bytes:
    """The ends of block and message; between them why, and the counts."""
    delta = b',"delta":{"stop_reason":%b,"stop_sequence":null}' % encode(_stop_reason(reason))
    if usage is not None:
        delta += b',"usage":{"output_tokens":%d}' % (usage.output_tokens or 0)
    stopped = _named(b"content_block_stop", b',"index":0')
    return stopped + _named(b"message_delta", delta) + _named(b"message_stop")


def encode_error(failure: Failure) -> bytes:
    """An event of its own."""
    return b"event: error\ndata: " + encode_error_body(failure) + b"\n\n"


def encode_error_body(failure: Failure) -> bytes:
    """The JSON body of a refusal."""
    kind = _KINDS.get(failure.status, "api_error")
    return encode({"type": "error", "error": {"type": kind, "message": failure.message}})


def encode_reply(text: str, reason: str, usage: Usage, *, reply_id: str, model: str) -> bytes:
    """A message, whole."""
    return encode(
        _message_body(reply_id, model)
        | {
            "content": [{"type": "text", "text": text}],
            "stop_reason": _stop_reason(reason),
            "usage": {"input_tokens": usage.input_tokens or 0, "output_tokens": usage.output_tokens or 0},
        }
    )


def encode_models(model: str) -> bytes:
    """The list of one model."""
    entry = {"type": "model", "id": model, "display_name": model, "created_at": "1970-01-01T00:00:00Z"}
    return encode({"data": [entry], "has_more": False, "first_id": model, "last_id": model})


def _message_body(reply_id: str, model: str) -> dict[str, Any]:
    return {
        "id": f"msg_{reply_id}", "type": "message", "role": "assistant", "content": [], "model": model,
        "stop_reason": None, "stop_sequence": None,
    }  # fmt: skip


def _stop_reason(reason: str) -> str:
    return {"stop": "end_turn", "length": "max_tokens", "content_filter": "refusal"}.get(reason, reason)
