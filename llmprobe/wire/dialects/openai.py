"""What OpenAI's APIs have in common: the key, the limit on output, usage, models, errors."""

import re
from typing import Any

import msgspec
from msgspec import Struct

from llmprobe.core.scenario import Endpoint
from llmprobe.wire.dialects.dialect import Failure, Usage
from llmprobe.wire.dialects.loose_json import UNREADABLE
from llmprobe.wire.url import below

ADDRESSES = ("/chat/completions", "/completions", "/responses")
MODELS_PATH = "/v1/models"
_LIMITS = ("max_tokens", "max_completion_tokens")
_REASONS_FIRST = re.compile(r"(?:.*/|ft:)?(?:o\d|gpt-(?:[5-9]|\d\d))(?![a-z0-9])")
"""Models that refuse `max_tokens`: o1, o3-mini, o4-mini-2025-04-16, gpt-5, openai/gpt-5.1, ft:o4-mini:..."""

encode = msgspec.json.encode


# Out


def bearer(api_key: str | None) -> dict[str, str]:
    """The key as OpenAI takes it."""
    return {"Authorization": f"Bearer {api_key}"} if api_key else {}


def limit_key(model: str) -> str:
    """What the limit on output is called where the model is asked for a chat completion."""
    return "max_completion_tokens" if _REASONS_FIRST.match(model.lower()) else "max_tokens"


def completion(
    endpoint: Endpoint, model: str, asks: dict[str, Any], key: str, limit: int | None
) -> dict[str, Any]:
    """The body of a request for a (chat) completion; a limit in the endpoint's own body stands alone."""
    streamed: dict[str, Any] = {"stream": True, "stream_options": {"include_usage": True}}
    own = limit is None or any(name in endpoint.body for name in _LIMITS)
    return {"model": model} | asks | streamed | ({} if own else {key: limit})


# In


class TokenDetails(Struct):
    """What of a count was what."""

    reasoning_tokens: int | None = None
    cached_tokens: int | None = None


class CompletionUsage(Struct):
    """Usage of a (chat) completion."""

    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    prompt_tokens_details: TokenDetails | None = None
    completion_tokens_details: TokenDetails | None = None

    def read(self) -> Usage | None:
        """In the words of all dialects."""
        inputs, outputs = self.prompt_tokens_details, self.completion_tokens_details
        return usage_of(self.prompt_tokens, self.completion_tokens, inputs, outputs)


def usage_of(
    sent: int | None, made: int | None, inputs: TokenDetails | None, outputs: TokenDetails | None
) -> Usage | None:
    """None for counts that are all zero or absent: a server that doesn't count sends those."""
    if not sent and not made:
        return None
    reasoning = outputs.reasoning_tokens if outputs is not None else None
    return Usage(sent, made, reasoning, inputs.cached_tokens if inputs is not None else None)


class _Model(Struct):
    id: str


class _Models(Struct):
    data: list[_Model]


_decode_models = msgspec.json.Decoder(_Models).decode


def models_url(url: str) -> str | None:
    """Below the same base; from a full address too."""
    return below(url, "/models", instead_of=ADDRESSES)


def model_in(url: str) -> str | None:
    """None: the body names the model, not the address."""
    return None


def decode_models(body: bytes) -> list[str] | None:
    """`{"object": "list", "data": [{"id": ...}]}`."""
    try:
        return [model.id for model in _decode_models(body).data]
    except UNREADABLE:
        return None


def next_models(address: str, body: bytes) -> str | None:
    """None: it comes whole."""
    return None


# Reverse


def completion_usage(usage: Usage) -> dict[str, Any]:
    """Usage as a (chat) completion tells it."""
    sent, made = usage.input_tokens or 0, usage.output_tokens or 0
    body: dict[str, Any] = {"prompt_tokens": sent, "completion_tokens": made, "total_tokens": sent + made}
    if usage.cached_tokens is not None:
        body["prompt_tokens_details"] = {"cached_tokens": usage.cached_tokens}
    return body


def error_body(failure: Failure) -> bytes:
    """The JSON body of a refusal."""
    return encode(
        {"error": {"message": failure.message, "type": failure.kind, "param": None, "code": failure.code}}
    )


def models_body(model: str) -> bytes:
    """The list of one model."""
    entry = {"id": model, "object": "model", "created": 0, "owned_by": "llmprobe"}
    return encode({"object": "list", "data": [entry]})
