"""OpenAI's chat completions, as OpenAI and everyone who copies them speak it.

A stream is chunks `{"choices": [{"delta": {"content": ...}}]}`, one with a `finish_reason`, usage
somewhere or nowhere, and `[DONE]`, which some servers leave out.
"""

from typing import Any

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from llmprobe.core.request import Draw
from llmprobe.core.scenario import Endpoint
from llmprobe.wire.dialects import openai
from llmprobe.wire.dialects.asking import limit_of, post
from llmprobe.wire.dialects.conversation import text_of
from llmprobe.wire.dialects.dialect import Asked, Delta, Failure, MalformedRequestError, Usage, WireRequest
from llmprobe.wire.dialects.faults import fault_in
from llmprobe.wire.dialects.finish import failed_finish
from llmprobe.wire.dialects.finish import finish_reason as common_reason
from llmprobe.wire.dialects.loose_json import UNREADABLE, as_text
from llmprobe.wire.dialects.nonce import with_nonce
from llmprobe.wire.dialects.openai import CompletionUsage, encode
from llmprobe.wire.dialects.stray import NOTHING, stray
from llmprobe.wire.framing import Event, Framing
from llmprobe.wire.url import below

PATH = "/chat/completions"
DONE = b"data: [DONE]\n\n"
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
    """Ask for a stream with usage; the endpoint's own body and headers win over everything."""
    return post(endpoint, below(url, PATH), own_headers(api_key), body_of(endpoint, model, draw, max_tokens))


def body_of(endpoint: Endpoint, model: str, draw: Draw, max_tokens: int | None) -> dict[str, Any]:
    """What is asked, wherever it goes."""
    asks = {"messages": with_nonce(draw.prompt.messages, draw.nonce)}
    limit = limit_of(draw, max_tokens)
    return openai.completion(endpoint, model, asks, openai.limit_key(model), limit)


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


class _Chunk(Struct):
    choices: list[_Choice] | None = None
    usage: CompletionUsage | None = None
    error: Any = None
    object: str | None = None
    created_ns: int | None = None


_decode_chunk = msgspec.json.Decoder(_Chunk).decode


def decode_event(event: Event) -> Delta:
    """Read one chunk; raises `MalformedEventError`."""
    try:
        chunk = _decode_chunk(event.data)
    except UNREADABLE as error:
        return stray(event, error, "a chat completion chunk", decode_event)
    if chunk.error is not None or event.event == "error" or chunk.object == "error":
        return Delta(error=fault_in(event.data))
    if not chunk.choices:
        return Delta(usage=chunk.usage.read()) if chunk.usage is not None else NOTHING
    text = reasoning = tool_text = ""
    finish_reason = None
    for choice in chunk.choices:
        finish_reason = choice.finish_reason or finish_reason
        if (delta := choice.delta) is None:
            continue
        if content := delta.content or delta.refusal:
            text += content if isinstance(content, str) else _joined(content)
        if thought := delta.reasoning_content or delta.reasoning:
            reasoning += thought
        if delta.tool_calls or delta.function_call:
            tool_text += _tool_text(delta)
    said = Delta(text, reasoning, tool_text, created_ns=chunk.created_ns)
    if finish_reason is None and chunk.usage is None:
        return said
    return _with_end(said, finish_reason, chunk.choices, chunk.usage)


def _with_end(
    said: Delta, reason: str | None, choices: list[_Choice], counts: CompletionUsage | None
) -> Delta:
    """What a chunk says besides text: why it ended, and the counts, of one choice or of all."""
    usage = counts.read() if counts is not None else None
    return replace(
        said,
        finish_reason=common_reason(reason) if reason is not None else None,
        usage=usage,
        usage_choice=choices[0].index if usage is not None and len(choices) == 1 else None,
        error=failed_finish(reason) if reason is not None else None,
    )


def _joined(parts: list[_Part]) -> str:
    return "".join(part.text or "" for part in parts)


def _tool_text(delta: _Message) -> str:
    """Arguments, and the name where it comes first, of all calls in a chunk."""
    calls = [call.function for call in delta.tool_calls or () if call.function is not None]
    if delta.function_call is not None:
        calls.append(delta.function_call)
    return "".join((call.name or "") + as_text(call.arguments) for call in calls)


# Reverse


class StreamOptions(Struct):
    """Whether the counts are wanted."""

    include_usage: bool | None = None


class _Request(Struct):
    messages: list[dict[str, Any]]
    model: str = ""
    max_tokens: int | None = None
    max_completion_tokens: int | None = None
    stream: bool | None = None
    stream_options: StreamOptions | None = None


_decode_body = msgspec.json.Decoder(_Request).decode


def decode_request(path: str, body: bytes) -> Asked:
    """Read what a client asks; raises `MalformedRequestError`."""
    try:
        asked = _decode_body(body)
    except UNREADABLE as error:
        raise MalformedRequestError(str(error)) from None
    return Asked(
        asked.model,
        "\n".join(text_of(message.get("content")) for message in asked.messages),
        asked.max_completion_tokens if asked.max_completion_tokens is not None else asked.max_tokens,
        bool(asked.stream),
        asked.stream_options is not None and bool(asked.stream_options.include_usage),
    )


def _event(reply_id: str, model: str, rest: bytes) -> bytes:
    return b'data: {"id":%b,"object":"chat.completion.chunk","created":0,"model":%b,%b}\n\n' % (
        encode(reply_id),
        encode(model),
        rest,
    )


def encode_begin(usage: Usage, *, reply_id: str, model: str) -> bytes:
    """The first chunk: a role, and content that is empty."""
    rest = b'"choices":[{"index":0,"delta":{"role":"assistant","content":""},"finish_reason":null}]'
    return _event(reply_id, model, rest)


def encode_text(text: str, *, created_ns: int, reply_id: str, model: str) -> bytes:
    """A chunk of content with the extra key `created_ns`."""
    rest = b'"created_ns":%d,"choices":[{"index":0,"delta":{"content":%b},"finish_reason":null}]'
    return _event(reply_id, model, rest % (created_ns, encode(text)))


def encode_end(text: str, reason: str, usage: Usage | None, *, reply_id: str, model: str) -> bytes:
    """The last chunk of the choice, the counts in one without choices, and `[DONE]`."""
    last = _event(reply_id, model, b'"choices":[{"index":0,"delta":{},"finish_reason":%b}]' % encode(reason))
    if usage is not None:
        counts = encode(openai.completion_usage(usage))
        last += _event(reply_id, model, b'"choices":[],"usage":' + counts)
    return last + DONE


def encode_error(failure: Failure) -> bytes:
    """An error where a chunk should be."""
    return b"data: " + encode_error_body(failure) + b"\n\n" + DONE


def encode_reply(text: str, reason: str, usage: Usage, *, reply_id: str, model: str) -> bytes:
    """A `chat.completion`, whole."""
    message = {"role": "assistant", "content": text}
    return encode(
        {
            "id": reply_id,
            "object": "chat.completion",
            "created": 0,
            "model": model,
            "choices": [{"index": 0, "message": message, "finish_reason": reason}],
            "usage": openai.completion_usage(usage),
        }
    )
