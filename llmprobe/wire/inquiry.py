"""Which dialect an endpoint speaks, found out by asking for its models, which costs nothing.

Many servers speak several dialects; OpenAI's chat is taken where it is there.
"""

from collections.abc import Iterator

import httpx
from msgspec.structs import replace

from llmprobe.core.errors import EndpointError
from llmprobe.core.scenario import DEFAULT_DIALECT, Endpoint
from llmprobe.wire.dialects import anthropic_messages, dialect
from llmprobe.wire.dialects.asking import request_headers
from llmprobe.wire.guess import Guess, by_address
from llmprobe.wire.models import fetch, more_models
from llmprobe.wire.url import below, names_version

_ASK_WITHIN_S = 5.0
_ASKED = ("anthropic-messages", "ollama-chat", "gemini")
"""After OpenAI's chat."""
_WORDS = {
    "openai-chat": "OpenAI",
    "anthropic-messages": "Anthropic",
    "ollama-chat": "Ollama",
    "gemini": "Gemini",
}


async def by_asking(
    transport: httpx.AsyncBaseTransport, endpoint: Endpoint, api_key: str | None, told: Guess | None
) -> Guess:
    """What the endpoint tells when it is asked for its models; where a dialect was `told`, only as that one.

    Never raises: an endpoint that doesn't answer is taken for what nearly everyone is.
    """
    wants_key: str | None = None
    try:
        for name, url in _candidates(endpoint.url, told):
            spoken = dialect(name)
            if (named := spoken.model_in(url)) is not None:
                return Guess(name, url, told.because if told is not None else "", [named])
            if (address := spoken.models_url(url)) is None:
                continue
            headers = request_headers(endpoint, spoken.own_headers(api_key))
            status, body = await fetch(transport, address, headers, timeout_s=_ASK_WITHIN_S)
            if status == 200 and (found := _read(name, url, body, told)) is not None:
                listed = dialect(found.dialect)
                more = await more_models(transport, listed, address, body, headers, timeout_s=_ASK_WITHIN_S)
                return replace(found, models=[*(found.models or ()), *more])
            if status in {401, 403} and wants_key is None:
                wants_key = url
    except EndpointError:
        because = "it does not answer, and this is the usual one"
    else:
        because = "it told nothing, and this is the usual one"
        if wants_key is not None:
            because = "it wants a key, and this is the usual one"
    url = wants_key or endpoint.url
    return Guess(DEFAULT_DIALECT, url, because) if told is None else Guess(told.dialect, url, told.because)


def _candidates(url: str, told: Guess | None) -> Iterator[tuple[str, str]]:
    """Dialects and addresses to try: OpenAI's base has a version in it, which people forget."""
    first = told.dialect if told is not None else DEFAULT_DIALECT
    if first.startswith("openai-") and not names_version(url) and by_address(url) is None:
        yield first, below(url, "/v1")
    yield first, url
    if told is None:
        for name in _ASKED:
            yield name, url


def _read(name: str, url: str, body: bytes, told: Guess | None) -> Guess | None:
    """What a list of models tells: who gives it, and what is in it."""
    if (models := dialect(name).decode_models(body)) is None:
        return None
    if told is not None:
        return Guess(name, url, told.because, models)
    if name in {DEFAULT_DIALECT, "anthropic-messages"}:
        # Both have it at one address, and one reads like the other.
        name = "anthropic-messages" if anthropic_messages.is_own_list(body) else DEFAULT_DIALECT
    return Guess(name, url, f"it lists its models as {_WORDS[name]} does", models)
