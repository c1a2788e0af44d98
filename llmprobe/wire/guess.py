"""Which dialect an endpoint speaks, as far as its address tells. Pure."""

import re
from urllib.parse import urlsplit

from msgspec import Struct

_PATHS = (
    (re.compile(r"/openai/deployments/"), "azure"),
    (re.compile(r":(?:stream)?generateContent$", re.IGNORECASE), "gemini"),
    (re.compile(r"/api/chat$"), "ollama-chat"),
    (re.compile(r"/chat/completions$"), "openai-chat"),
    (re.compile(r"/completions$"), "openai-completions"),
    (re.compile(r"/responses$"), "openai-responses"),
    (re.compile(r"/messages$"), "anthropic-messages"),
    # Google and Anthropic offer OpenAI's chat beside their own API.
    (re.compile(r"^/v1beta/openai(?:/|$)"), "openai-chat"),
)
_HOSTS = (
    (re.compile(r"api\.openai\.com"), "openai-chat"),
    (re.compile(r"api\.anthropic\.com"), "anthropic-messages"),
    (re.compile(r"generativelanguage\.googleapis\.com"), "gemini"),
    (re.compile(r".+\.(?:openai|cognitiveservices|services\.ai)\.azure\.com"), "azure"),
)


class Guess(Struct, frozen=True):
    """What was found out about an endpoint."""

    dialect: str
    url: str
    """Its base, or the full address; with the `/v1` that it turned out to lack."""
    because: str
    models: list[str] | None = None
    """What it serves, where it was asked and told."""


def by_address(url: str) -> Guess | None:
    """What the address alone tells; None where it tells nothing."""
    parts = urlsplit(url)
    path, host = parts.path.rstrip("/"), (parts.hostname or "").lower()
    for pattern, name in _PATHS:
        if (found := pattern.search(path)) is not None:
            return Guess(name, url, f"the address has {found[0].strip('/')} in it")
    for pattern, name in _HOSTS:
        if pattern.fullmatch(host):
            return Guess(name, url, f"the host is {host}")
    return None
