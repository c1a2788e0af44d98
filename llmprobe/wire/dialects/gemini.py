"""Google's Gemini: whole little responses, one an event; the address names the model, nothing tells the end.

POST .../v1beta/models/{model}:streamGenerateContent?alt=sse
{"candidates": [{"content": {"parts": [{"text": ...}]}, "finishReason": ...}], "usageMetadata": {...}}
"""

import re
from typing import Any
from urllib.parse import quote, unquote, urlsplit, urlunsplit

import msgspec
from msgspec import Struct

from llmprobe.core.request import Draw
from llmprobe.core.scenario import Endpoint
from llmprobe.wire.dialects.asking import limit_of, post
from llmprobe.wire.dialects.conversation import Image, Part, Turn, system_text, text_of, turns
from llmprobe.wire.dialects.dialect import Asked, Delta, Failure, MalformedRequestError, Usage, WireRequest
from llmprobe.wire.dialects.faults import fault_in
from llmprobe.wire.dialects.finish import finish_reason
from llmprobe.wire.dialects.loose_json import UNREADABLE, as_text
from llmprobe.wire.dialects.stray import stray
from llmprobe.wire.framing import Event, Framing
from llmprobe.wire.url import asking, below

_STREAM = ":streamGenerateContent"
framing: Framing = "sse"
ends = False
paths: tuple[str, ...] = tuple(
    f"/{version}/models/{{model}}:{verb}"
    for version in ("v1beta", "v1")
    for verb in ("streamGenerateContent", "generateContent")
)
models_path = "/v1beta/models"
_NAMED = re.compile(r"/models/([^/:]+):\w+$")

encode = msgspec.json.encode


# Out


def own_headers(api_key: str | None) -> dict[str, str]:
    """The key under its own name."""
    return {"x-goog-api-key": api_key} if api_key else {}


def encode_request(
    endpoint: Endpoint, url: str, model: str, draw: Draw, max_tokens: int | None, api_key: str | None
) -> WireRequest:
    """Ask for a stream; the endpoint's own body and headers win over everything."""
    said = turns(draw)
    body: dict[str, Any] = {"contents": [_content(turn) for turn in said if turn.role != "system"]}
    if system := system_text(said):
        body["systemInstruction"] = {"parts": [{"text": system}]}
    limit = limit_of(draw, max_tokens)
    if limit is not None:
        body["generationConfig"] = {"maxOutputTokens": limit}
    return post(endpoint, _address(url, model), own_headers(api_key), body)


def _address(url: str, model: str) -> str:
    if not _NAMED.search(urlsplit(url).path):
        name = quote(model.removeprefix("models/"), safe="")
        url = below(url, f"/models/{name}{_STREAM}", instead_of=("/models",), version="/v1beta")
    parts = urlsplit(url)
    query = [pair for pair in parts.query.split("&") if pair and not pair.startswith("alt=")]
    return urlunsplit(parts._replace(query="&".join([*query, "alt=sse"])))


def _content(turn: Turn) -> dict[str, Any]:
    role = "model" if turn.role == "assistant" else "user"
    return {"role": role, "parts": [_part(part) for part in turn.parts]}


def _part(part: Part) -> dict[str, Any]:
    match part:
        case str():
            return {"text": part}
        case Image():
            if (inline := part.inline) is None:
                return {"fileData": {"fileUri": part.url}}
            return {"inlineData": {"mimeType": inline[0], "data": inline[1]}}
        case _:
            return part


# In


class _Call(Struct):
    name: str | None = None
    args: Any = None


class _Part(Struct, rename="camel"):
    text: str | None = None
    thought: bool | None = None
    function_call: _Call | None = None


class _Content(Struct):
    parts: list[_Part] | None = None


class _Candidate(Struct, rename="camel"):
    content: _Content | None = None
    finish_reason: str | None = None


class _Usage(Struct, rename="camel"):
    prompt_token_count: int | None = None
    candidates_token_count: int | None = None
    thoughts_token_count: int | None = None
    cached_content_token_count: int | None = None


class _Feedback(Struct, rename="camel"):
    block_reason: str | None = None


class _Response(Struct, rename="camel"):
    candidates: list[_Candidate] | None = None
    usage_metadata: _Usage | None = None
    prompt_feedback: _Feedback | None = None
    error: Any = None
    created_ns: int | None = msgspec.field(default=None, name="created_ns")


_decode_response = msgspec.json.Decoder(_Response).decode


def decode_event(event: Event) -> Delta:
    """Read one response; raises `MalformedEventError`."""
    try:
        told = _decode_response(event.data)
    except UNREADABLE as error:
        return stray(event, error, "a response of Gemini", decode_event)
    if told.error is not None or event.event == "error":
        return Delta(error=fault_in(event.data))
    text = reasoning = tool_text = ""
    reason = None
    for candidate in told.candidates or ():
        reason = candidate.finish_reason or reason
        for part in (candidate.content.parts if candidate.content is not None else None) or ():
            if part.function_call is not None:
                tool_text += (part.function_call.name or "") + as_text(part.function_call.args)
            elif part.thought:
                reasoning += part.text or ""
            else:
                text += part.text or ""
    if tool_text and reason == "STOP":
        reason = "tool_calls"
    if told.prompt_feedback is not None and told.prompt_feedback.block_reason is not None:
        reason = "content_filter"
    return Delta(
        text=text,
        reasoning=reasoning,
        tool_text=tool_text,
        finish_reason=finish_reason(reason) if reason is not None else None,
        usage=_usage(told.usage_metadata) if told.usage_metadata is not None else None,
        created_ns=told.created_ns,
    )


def _usage(counts: _Usage) -> Usage | None:
    """Thoughts are counted apart from the answer; here they are output. Zeros: it doesn't count."""
    parts = (counts.candidates_token_count, counts.thoughts_token_count)
    made = None if parts == (None, None) else sum(part or 0 for part in parts)
    if not counts.prompt_token_count and not made:
        return None
    cached = counts.cached_content_token_count
    return Usage(counts.prompt_token_count, made, counts.thoughts_token_count, cached)


class _Model(Struct, rename="camel"):
    name: str
    supported_generation_methods: list[str] | None = None


class _Models(Struct, rename="camel"):
    models: list[_Model]
    next_page_token: str | None = None


_decode_models = msgspec.json.Decoder(_Models).decode


def models_url(url: str) -> str | None:
    """Below the same base; from a full address too."""
    parts = urlsplit(url)
    base = urlunsplit(parts._replace(path=_NAMED.sub("", parts.path)))
    return below(base, "/models", version="/v1beta")


def decode_models(body: bytes) -> list[str] | None:
    """`{"models": [{"name": "models/gemini-2.0-flash"}]}`, of which only those count that answer prompts."""
    try:
        models = _decode_models(body).models
    except UNREADABLE:
        return None
    if not all(model.name.startswith("models/") for model in models):
        return None
    return [model.name.removeprefix("models/") for model in models if _answers(model)]


def next_models(address: str, body: bytes) -> str | None:
    """The page that this one names."""
    try:
        token = _decode_models(body).next_page_token
    except UNREADABLE:
        return None
    return asking(address, pageSize=1000, pageToken=token) if token else None


def _answers(model: _Model) -> bool:
    verbs = model.supported_generation_methods
    return verbs is None or "generateContent" in verbs


def model_in(url: str) -> str | None:
    """The model of a full address."""
    named = _NAMED.search(urlsplit(url).path)
    return unquote(named[1]) if named else None


# Reverse


class _Config(Struct, rename="camel"):
    max_output_tokens: int | None = None


class _Request(Struct, rename="camel"):
    contents: list[dict[str, Any]]
    system_instruction: Any = None
    generation_config: _Config | None = None


_decode_body = msgspec.json.Decoder(_Request).decode
_STATUSES = {
    400: "INVALID_ARGUMENT", 401: "UNAUTHENTICATED", 403: "PERMISSION_DENIED", 404: "NOT_FOUND",
    429: "RESOURCE_EXHAUSTED", 503: "UNAVAILABLE",
}  # fmt: skip


def decode_request(path: str, body: bytes) -> Asked:
    """Read what a client asks; raises `MalformedRequestError`."""
    try:
        asked = _decode_body(body)
    except UNREADABLE as error:
        raise MalformedRequestError(str(error)) from None
    said = [text_of(asked.system_instruction), *map(text_of, asked.contents)]
    limit = asked.generation_config.max_output_tokens if asked.generation_config is not None else None
    prompt = "\n".join(text for text in said if text)
    return Asked(model_in(path) or "", prompt, limit, path.endswith(_STREAM))


def _response(reply_id: str, model: str, rest: bytes) -> bytes:
    return b'{%b,"modelVersion":%b,"responseId":%b}' % (rest, encode(model), encode(reply_id))


def _candidate(text: str, reason: str | None = None) -> bytes:
    finish = b',"finishReason":%b' % encode(_finish(reason)) if reason is not None else b""
    said = b'"candidates":[{"content":{"parts":[{"text":%b}],"role":"model"}%b,"index":0}]'
    return said % (encode(text), finish)


def encode_begin(usage: Usage, *, reply_id: str, model: str) -> bytes:
    """Nothing."""
    return b""


def encode_text(text: str, *, created_ns: int, reply_id: str, model: str) -> bytes:
    """A response with some text and the extra key `created_ns`."""
    rest = b'"created_ns":%d,' % created_ns + _candidate(text)
    return b"data: " + _response(reply_id, model, rest) + b"\n\n"


def encode_end(text: str, reason: str, usage: Usage | None, *, reply_id: str, model: str) -> bytes:
    """A response without text that says why it ended, and the counts."""
    return b"data: " + _response(reply_id, model, _candidate("", reason) + _counted(usage)) + b"\n\n"


def encode_error(failure: Failure) -> bytes:
    """An error where a response should be."""
    return b"data: " + encode_error_body(failure) + b"\n\n"


def encode_error_body(failure: Failure) -> bytes:
    """The JSON body of a refusal."""
    status = _STATUSES.get(failure.status, "INTERNAL")
    return encode({"error": {"code": failure.status, "message": failure.message, "status": status}})


def encode_reply(text: str, reason: str, usage: Usage, *, reply_id: str, model: str) -> bytes:
    """One response with all of the text."""
    return _response(reply_id, model, _candidate(text, reason) + _counted(usage))


def encode_models(model: str) -> bytes:
    """The list of one model."""
    verbs = ["generateContent", "streamGenerateContent"]
    return encode({"models": [{"name": f"models/{model}", "supportedGenerationMethods": verbs}]})


def _finish(reason: str) -> str:
    return {"stop": "STOP", "length": "MAX_TOKENS", "content_filter": "SAFETY"}.get(reason, "OTHER")


def _counted(usage: Usage | None) -> bytes:
    if usage is None:
        return b""
    sent, made = usage.input_tokens or 0, usage.output_tokens or 0
    counts = {"promptTokenCount": sent, "candidatesTokenCount": made, "totalTokenCount": sent + made}
    return b',"usageMetadata":' + encode(counts)
