"""OpenAI's completions, the API before chat: a prompt of plain text is continued.

A stream is chunks `{"choices": [{"text": ...}]}`; the rest is as in a chat completion.
"""

from typing import Any

import msgspec
from msgspec import Struct

from llmprobe.core.request import Draw
from llmprobe.core.scenario import Endpoint
from llmprobe.wire.dialects import openai
from llmprobe.wire.dialects.asking import limit_of, post
from llmprobe.wire.dialects.conversation import Turn, text_of, turns
from llmprobe.wire.dialects.dialect import Asked, Delta, Failure, MalformedRequestError, Usage, WireRequest
from llmprobe.wire.dialects.faults import fault_in
from llmprobe.wire.dialects.finish import failed_finish
from llmprobe.wire.dialects.finish import finish_reason as common_reason
from llmprobe.wire.dialects.loose_json import UNREADABLE
from llmprobe.wire.dialects.openai import CompletionUsage, encode
from llmprobe.wire.dialects.openai_chat import DONE, StreamOptions
from llmprobe.wire.dialects.stray import NOTHING, stray
from llmprobe.wire.framing import Event, Framing
from llmprobe.wire.url import below

PATH = "/completions"
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
    limit = limit_of(draw, max_tokens)
    body = openai.completion(endpoint, model, {"prompt": _prompt(draw)}, "max_tokens", limit)
    address = below(url, PATH, instead_of=("/chat/completions",))
    return post(endpoint, address, own_headers(api_key), body)


def _prompt(draw: Draw) -> str:
    """The text of a lone message; of several a script, which ends where the assistant is to speak."""
    said = turns(draw)
    if len(said) == 1:
        return said[0].text
    return "\n\n".join([*(_line(turn) for turn in said), "Assistant:"])


def _line(turn: Turn) -> str:
    # Nothing stands before the nonce, which must be the first that a prefix cache sees.
    return turn.text if turn.role == "system" else f"{turn.role.title()}: {turn.text}"


# In


class _Choice(Struct):
    text: str | None = None
    reasoning: str | None = None
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
        return stray(event, error, "a completion chunk", decode_event)
    if chunk.error is not None or chunk.object == "error" or event.event == "error":
        return Delta(error=fault_in(event.data))
    usage = chunk.usage.read() if chunk.usage is not None else None
    if not chunk.choices:
        return Delta(usage=usage) if usage is not None else NOTHING
    text = "".join(choice.text or "" for choice in chunk.choices)
    reasoning = "".join(choice.reasoning or "" for choice in chunk.choices)
    reason = next((choice.finish_reason for choice in chunk.choices if choice.finish_reason), None)
    beside = chunk.choices[0].index if usage is not None and len(chunk.choices) == 1 else None
    return Delta(
        text=text,
        reasoning=reasoning,
        finish_reason=common_reason(reason) if reason is not None else None,
        usage=usage,
        usage_choice=beside,
        error=failed_finish(reason) if reason is not None else None,
        created_ns=chunk.created_ns,
    )


# Reverse


class _Request(Struct):
    prompt: str | list[str]
    model: str = ""
    max_tokens: int | None = None
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
        text_of(asked.prompt),
        asked.max_tokens,
        bool(asked.stream),
        asked.stream_options is not None and bool(asked.stream_options.include_usage),
    )


def _event(reply_id: str, model: str, rest: bytes) -> bytes:
    return b'data: {"id":%b,"object":"text_completion","created":0,"model":%b,%b}\n\n' % (
        encode(reply_id),
        encode(model),
        rest,
    )


def encode_begin(usage: Usage, *, reply_id: str, model: str) -> bytes:
    """Nothing."""
    return b""


def encode_text(text: str, *, created_ns: int, reply_id: str, model: str) -> bytes:
    """A chunk of text with the extra key `created_ns`."""
    rest = b'"created_ns":%d,"choices":[{"index":0,"text":%b,"logprobs":null,"finish_reason":null}]'
    return _event(reply_id, model, rest % (created_ns, encode(text)))


def encode_end(text: str, reason: str, usage: Usage | None, *, reply_id: str, model: str) -> bytes:
    """The last chunk of the choice, the counts in one without choices, and `[DONE]`."""
    rest = b'"choices":[{"index":0,"text":"","logprobs":null,"finish_reason":%b}]' % encode(reason)
    last = _event(reply_id, model, rest)
    if usage is not None:
        last += _event(reply_id, model, b'"choices":[],"usage":' + encode(openai.completion_usage(usage)))
    return last + DONE


def encode_error(failure: Failure) -> bytes:
    """An error where a chunk should be."""
    return b"data: " + encode_error_body(failure) + b"\n\n" + DONE


def encode_reply(text: str, reason: str, usage: Usage, *, reply_id: str, model: str) -> bytes:
    """A `text_completion`, whole."""
    choice = {"index": 0, "text": text, "logprobs": None, "finish_reason": reason}
    return encode(
        {
            "id": reply_id,
            "object": "text_completion",
            "created": 0,
            "model": model,
            "choices": [choice],
            "usage": openai.completion_usage(usage),
        }
    )
