"""Ollama's own chat: one JSON object a line, the last one `"done": true` with the counts."""

from typing import Any

import msgspec
from msgspec import Struct

from llmprobe.core.request import Draw
from llmprobe.core.scenario import Endpoint
from llmprobe.wire.dialects import openai
from llmprobe.wire.dialects.asking import limit_of, post
from llmprobe.wire.dialects.conversation import Image, Turn, text_of, turns
from llmprobe.wire.dialects.dialect import Asked, Delta, Failure, MalformedRequestError, Usage, WireRequest
from llmprobe.wire.dialects.faults import fault_in
from llmprobe.wire.dialects.finish import finish_reason
from llmprobe.wire.dialects.loose_json import UNREADABLE, as_text
from llmprobe.wire.dialects.stray import stray
from llmprobe.wire.framing import Event, Framing
from llmprobe.wire.url import below

PATH = "/api/chat"
framing: Framing = "ndjson"
ends = True
paths: tuple[str, ...] = (PATH,)
models_path = "/api/tags"
own_headers = openai.bearer
model_in = openai.model_in
next_models = openai.next_models
_BASES = ("/v1", "/api")
"""What stands behind the host where the address of its OpenAI side is given, or half of its own."""

encode = msgspec.json.encode


# Out


def encode_request(
    endpoint: Endpoint, url: str, model: str, draw: Draw, max_tokens: int | None, api_key: str | None
) -> WireRequest:
    """Ask for a stream; the endpoint's own body and headers win over everything."""
    body: dict[str, Any] = {
        "model": model, "messages": [_message(turn) for turn in turns(draw)], "stream": True,
    }  # fmt: skip
    limit = limit_of(draw, max_tokens)
    if limit is not None:
        body["options"] = {"num_predict": limit}
    return post(endpoint, below(url, PATH, instead_of=_BASES), own_headers(api_key), body)


def _message(turn: Turn) -> dict[str, Any]:
    images = [part.inline[1] for part in turn.parts if isinstance(part, Image) and part.inline is not None]
    return {"role": turn.role, "content": turn.text} | ({"images": images} if images else {})


# In


class _Function(Struct):
    name: str | None = None
    arguments: Any = None


class _ToolCall(Struct):
    function: _Function | None = None


class _Message(Struct):
    content: str | None = None
    thinking: str | None = None
    tool_calls: list[_ToolCall] | None = None


class _Line(Struct):
    message: _Message | None = None
    done: bool = False
    done_reason: str | None = None
    prompt_eval_count: int | None = None
    eval_count: int | None = None
    error: Any = None
    created_ns: int | None = None


_decode_line = msgspec.json.Decoder(_Line).decode
_NO_MESSAGE = _Message()


def decode_event(event: Event) -> Delta:
    """Read one line; raises `MalformedEventError`."""
    try:
        line = _decode_line(event.data)
    except UNREADABLE as error:
        return stray(event, error, "a line of a chat", decode_event)
    if line.error is not None:
        return Delta(error=fault_in(event.data))
    message = line.message or _NO_MESSAGE
    calls = [call.function for call in message.tool_calls or () if call.function is not None]
    reason = usage = None
    if line.done:
        # Before 0.3 it did not say why.
        reason = finish_reason(line.done_reason or "stop")
        usage = openai.usage_of(line.prompt_eval_count, line.eval_count, None, None)
    return Delta(
        text=message.content or "",
        reasoning=message.thinking or "",
        tool_text="".join((call.name or "") + as_text(call.arguments) for call in calls),
        finish_reason=reason,
        usage=usage,
        done=line.done,
        created_ns=line.created_ns,
    )


class _Model(Struct):
    name: str


class _Models(Struct):
    models: list[_Model]


_decode_models = msgspec.json.Decoder(_Models).decode


def models_url(url: str) -> str | None:
    """Beside the chat."""
    return below(url, "/api/tags", instead_of=(PATH, *_BASES))


def decode_models(body: bytes) -> list[str] | None:
    """`{"models": [{"name": "llama3:latest"}]}`."""
    try:
        return [model.name for model in _decode_models(body).models]
    except UNREADABLE:
        return None


# Reverse


class _Options(Struct):
    num_predict: int | None = None


class _Request(Struct):
    messages: list[dict[str, Any]]
    model: str = ""
    options: _Options | None = None
    stream: bool | None = None


_decode_body = msgspec.json.Decoder(_Request).decode


def decode_request(path: str, body: bytes) -> Asked:
    """Read what a client asks; raises `MalformedRequestError`."""
    try:
        asked = _decode_body(body)
    except UNREADABLE as error:
        raise MalformedRequestError(str(error)) from None
    limit = asked.options.num_predict if asked.options is not None else None
    # -1 and -2 are Ollama's words for "as much as there is".
    limit = None if limit is not None and limit < 0 else limit
    prompt = "\n".join(text_of(message) for message in asked.messages)
    return Asked(asked.model, prompt, limit, asked.stream is not False)


def _line(model: str, rest: bytes) -> bytes:
    return b'{"model":%b,"created_at":"1970-01-01T00:00:00Z",%b}\n' % (encode(model), rest)


def _said(text: str) -> bytes:
    return b'"message":{"role":"assistant","content":%b}' % encode(text)


def encode_begin(usage: Usage, *, reply_id: str, model: str) -> bytes:
    """Nothing."""
    return b""


def encode_text(text: str, *, created_ns: int, reply_id: str, model: str) -> bytes:
    """A line of text with the extra key `created_ns`."""
    return _line(model, b'"created_ns":%d,%b,"done":false' % (created_ns, _said(text)))


def encode_end(text: str, reason: str, usage: Usage | None, *, reply_id: str, model: str) -> bytes:
    """The line that is done."""
    return _line(model, _said("") + _done(reason, usage))


def encode_error(failure: Failure) -> bytes:
    """A line of its own."""
    return encode_error_body(failure) + b"\n"


def encode_error_body(failure: Failure) -> bytes:
    """The JSON body of a refusal."""
    return encode({"error": failure.message})


def encode_reply(text: str, reason: str, usage: Usage, *, reply_id: str, model: str) -> bytes:
    """All in one line."""
    return _line(model, _said(text) + _done(reason, usage))


def encode_models(model: str) -> bytes:
    """The list of one model."""
    return encode({"models": [{"name": model, "model": model}]})


def _done(reason: str, usage: Usage | None) -> bytes:
    done = b',"done":true,"done_reason":%b' % encode(reason)
    if usage is None:
        return done
    return done + b',"prompt_eval_count":%d,"eval_count":%d' % (
        usage.input_tokens or 0,
        usage.output_tokens or 0,
    )
