"""OpenAI's chat completions, as OpenAI and everyone who copies them speak it.

A stream is chunks `{"choices": [{"delta": {"content": ...}}]}`, one with a `finish_reason`, usage
somewhere or nowhere, and `[DONE]`, which some servers leave out.
"""

from typing import Any

import msgspec
from msgspec import Struct

from llmprobe import __version__
from llmprobe.core.request import Draw
from llmprobe.core.scenario import Endpoint
from llmprobe.wire.dialects.dialect import (
    Asked,
    Delta,
    MalformedEventError,
    MalformedRequestError,
    StreamFault,
    Usage,
    WireRequest,
)
from llmprobe.wire.dialects.faults import fault_in
from llmprobe.wire.dialects.loose_json import UNREADABLE, mended, merged
from llmprobe.wire.dialects.nonce import with_nonce
from llmprobe.wire.sse import SseEvent
from llmprobe.wire.url import below

PATH = "/chat/completions"
paths: tuple[str, ...] = ("/v1" + PATH, PATH)
terminator = b"data: [DONE]\n\n"

_NOTHING = Delta()
_DONE = Delta(done=True)
_HEADERS = {
    "Accept": "text/event-stream, application/json",
    # A compressed stream arrives when its compressor flushes, not when a token is made.
    "Accept-Encoding": "identity",
    "Content-Type": "application/json",
    "User-Agent": f"llmprobe/{__version__}",
}


# Out


def request_headers(endpoint: Endpoint, api_key: str | None) -> dict[str, str]:
    """Ours, the key's, and the endpoint's own, which replace any of the same name."""
    headers = _HEADERS | ({"Authorization": f"Bearer {api_key}"} if api_key else {})
    if not endpoint.headers:
        return headers
    own = {name.lower() for name in endpoint.headers}
    return {name: value for name, value in headers.items() if name.lower() not in own} | endpoint.headers


def encode_request(
    endpoint: Endpoint, url: str, model: str, draw: Draw, max_tokens: int | None, api_key: str | None
) -> WireRequest:
    """Ask for a stream with usage; the endpoint's own body and headers win over everything."""
    body: dict[str, Any] = {
        "model": model,
        "messages": with_nonce(draw.prompt.messages, draw.nonce),
        "stream": True,
        "stream_options": {"include_usage": True},
    }
    limit = draw.prompt.max_tokens if draw.prompt.max_tokens is not None else max_tokens
    if limit is not None:
        body["max_tokens"] = limit
    content = msgspec.json.encode(merged(body, endpoint.body))
    return WireRequest("POST", below(url, PATH), request_headers(endpoint, api_key), content)


# In


class _Function(Struct):
    name: str | None = None
    arguments: Any = None


class _ToolCall(Struct):
    function: _Function | None = None


class _Part(Struct):
    """A piece of content where a server sends a list of them."""

    text: str | None = None


class _Message(Struct):
    content: str | list[_Part] | None = None
    reasoning_content: str | None = None
    reasoning: str | None = None
    refusal: str | None = None
    tool_calls: list[_ToolCall] | None = None
    function_call: _Function | None = None


class _Choice(Struct):
    delta: _Message | None = None
    finish_reason: str | None = None
    index: int | None = None


class _TokenDetails(Struct):
    reasoning_tokens: int | None = None
    cached_tokens: int | None = None


class _Usage(Struct):
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    prompt_tokens_details: _TokenDetails | None = None
    completion_tokens_details: _TokenDetails | None = None


class _Chunk(Struct):
    choices: list[_Choice] | None = None
    usage: _Usage | None = None
    error: Any = None
    object: str | None = None
    created_ns: int | None = None


_decode_chunk = msgspec.json.Decoder(_Chunk).decode
_FAILED = frozenset({"error", "abort"})
"""Reasons that some servers give in place of an error object."""


def decode_event(event: SseEvent) -> Delta:
    """Read one chunk; raises `MalformedEventError`."""
    data = event.data
    try:
        chunk = _decode_chunk(data)
    except UNREADABLE as error:
        return _decode_other(event, error)
    if chunk.error is not None or chunk.object == "error" or event.event == "error":
        return Delta(error=fault_in(data))
    if not chunk.choices:
        return Delta(usage=_usage_of(chunk.usage)) if chunk.usage is not None else _NOTHING
    text = reasoning = tool_text = ""
    finish_reason = None
    for choice in chunk.choices:
        finish_reason = choice.finish_reason or finish_reason
        if (delta := choice.delta) is None:
            continue
        if delta.content:
            text += delta.content if isinstance(delta.content, str) else _joined(delta.content)
        elif delta.refusal:
            text += delta.refusal
        reasoning += delta.reasoning_content or delta.reasoning or ""
        if delta.tool_calls or delta.function_call:
            tool_text += _tool_text(delta)
    fault = None
    if finish_reason in _FAILED:
        fault = StreamFault(f"the server ended the answer with finish_reason {finish_reason!r}")
    usage = _usage_of(chunk.usage) if chunk.usage is not None else None
    beside = chunk.choices[0].index if usage is not None and len(chunk.choices) == 1 else None
    return Delta(text, reasoning, tool_text, finish_reason, usage, beside, fault, created_ns=chunk.created_ns)


def _decode_other(event: SseEvent, error: Exception) -> Delta:
    """What is no chunk: the terminator, a heartbeat without data, an error in plain words, or nonsense."""
    data = event.data.strip()
    if data == b"[DONE]":
        return _DONE
    if not data:
        return _NOTHING
    if event.event == "error":
        return Delta(error=fault_in(data))
    if (whole := mended(data)) is not None and whole != data:
        return decode_event(SseEvent(event.event, whole))
    raise MalformedEventError(f"an event of the stream is not a chat completion chunk: {error}") from None


def _joined(parts: list[_Part]) -> str:
    return "".join(part.text or "" for part in parts)


def _tool_text(delta: _Message) -> str:
    """Arguments, and the name where it comes first, of all calls in a chunk."""
    calls = [call.function for call in delta.tool_calls or () if call.function is not None]
    if delta.function_call is not None:
        calls.append(delta.function_call)
    return "".join((call.name or "") + _argument_text(call.arguments) for call in calls)


def _argument_text(arguments: Any) -> str:
    if arguments is None or isinstance(arguments, str):
        return arguments or ""
    return msgspec.json.encode(arguments).decode()


def _usage_of(usage: _Usage) -> Usage | None:
    """None for counts that are all zero or absent: a server that doesn't count sends those."""
    if not usage.prompt_tokens and not usage.completion_tokens:
        return None
    inputs, outputs = usage.prompt_tokens_details, usage.completion_tokens_details
    return Usage(
        usage.prompt_tokens,
        usage.completion_tokens,
        outputs.reasoning_tokens if outputs is not None else None,
        inputs.cached_tokens if inputs is not None else None,
    )


# Reverse


class _StreamOptions(Struct):
    include_usage: bool | None = None


class _Request(Struct):
    messages: list[dict[str, Any]]
    model: str = ""
    max_tokens: int | None = None
    max_completion_tokens: int | None = None
    stream: bool | None = None
    stream_options: _StreamOptions | None = None


_decode_body = msgspec.json.Decoder(_Request).decode


def decode_request(body: bytes) -> Asked:
    """Read what a client asks; raises `MalformedRequestError`."""
    try:
        asked = _decode_body(body)
    except UNREADABLE as error:
        raise MalformedRequestError(str(error)) from None
    return Asked(
        asked.model,
        "\n".join(_text_of(message.get("content")) for message in asked.messages),
        asked.max_completion_tokens if asked.max_completion_tokens is not None else asked.max_tokens,
        bool(asked.stream),
        asked.stream_options is not None and bool(asked.stream_options.include_usage),
    )


def _text_of(content: Any) -> str:
    if isinstance(content, list):
        return "".join(str(part.get("text") or "") for part in content if isinstance(part, dict))
    return content if isinstance(content, str) else ""


_encode = msgspec.json.encode


def _event(reply_id: str, model: str, rest: bytes) -> bytes:
    return b'data: {"id":%b,"object":"chat.completion.chunk","created":0,"model":%b,%b}\n\n' % (
        _encode(reply_id),
        _encode(model),
        rest,
    )


def encode_role(*, reply_id: str, model: str) -> bytes:
    """The first chunk: a role, and content that is empty."""
    rest = b'"choices":[{"index":0,"delta":{"role":"assistant","content":""},"finish_reason":null}]'
    return _event(reply_id, model, rest)


def encode_text(text: str, *, created_ns: int, reply_id: str, model: str) -> bytes:
    """A chunk of content with the extra key `created_ns`."""
    rest = b'"created_ns":%d,"choices":[{"index":0,"delta":{"content":%b},"finish_reason":null}]'
    return _event(reply_id, model, rest % (created_ns, _encode(text)))


def encode_finish(reason: str, *, reply_id: str, model: str) -> bytes:
    """The last chunk of the choice."""
    rest = b'"choices":[{"index":0,"delta":{},"finish_reason":%b}]' % _encode(reason)
    return _event(reply_id, model, rest)


def encode_usage(usage: Usage, *, reply_id: str, model: str) -> bytes:
    """The chunk after the last, without choices."""
    return _event(reply_id, model, b'"choices":[],"usage":' + _encode(_usage_body(usage)))


def encode_error(message: str, *, kind: str, code: str | int | None = None) -> bytes:
    """An error where a chunk should be."""
    return b"data: " + encode_error_body(message, kind=kind, code=code) + b"\n\n"


def encode_error_body(message: str, *, kind: str, code: str | int | None = None) -> bytes:
    """The body of an answer with status 400 and above."""
    return _encode({"error": {"message": message, "type": kind, "param": None, "code": code}})


def encode_reply(text: str, reason: str, usage: Usage, *, reply_id: str, model: str) -> bytes:
    """A `chat.completion`, whole."""
    message = {"role": "assistant", "content": text}
    return _encode(
        {
            "id": reply_id,
            "object": "chat.completion",
            "created": 0,
            "model": model,
            "choices": [{"index": 0, "message": message, "finish_reason": reason}],
            "usage": _usage_body(usage),
        }
    )


def _usage_body(usage: Usage) -> dict[str, Any]:
    sent, made = usage.input_tokens or 0, usage.output_tokens or 0
    body: dict[str, Any] = {"prompt_tokens": sent, "completion_tokens": made, "total_tokens": sent + made}
    if usage.cached_tokens is not None:
        body["prompt_tokens_details"] = {"cached_tokens": usage.cached_tokens}
    return body
