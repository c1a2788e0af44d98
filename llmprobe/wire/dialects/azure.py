"""OpenAI's chat completions on Azure: the address names the deployment, and the key has another header.

https://NAME.openai.azure.com/openai/deployments/{model}/chat/completions?api-version=2024-10-21
https://NAME.openai.azure.com/openai/v1/chat/completions    the newer one; here the body names it
"""

import re
from urllib.parse import quote, unquote, urlsplit, urlunsplit

from msgspec.structs import replace

from llmprobe.core.request import Draw
from llmprobe.core.scenario import Endpoint
from llmprobe.wire.dialects import openai_chat
from llmprobe.wire.dialects.asking import post
from llmprobe.wire.dialects.dialect import Asked, WireRequest
from llmprobe.wire.dialects.openai_chat import PATH

_VERSION = "api-version=2024-10-21"
"""Of the API; the latest that is not a preview, sent where the address names none."""
_NEWER = "/openai/v1"
_DEPLOYMENT = re.compile(r"/deployments/([^/]+)")

framing = openai_chat.framing
ends = openai_chat.ends
paths: tuple[str, ...] = ("/openai/deployments/{model}" + PATH, _NEWER + PATH)
models_path = ""
decode_event = openai_chat.decode_event
encode_begin = openai_chat.encode_begin
encode_text = openai_chat.encode_text
encode_end = openai_chat.encode_end
encode_error = openai_chat.encode_error
encode_error_body = openai_chat.encode_error_body
encode_reply = openai_chat.encode_reply
encode_models = openai_chat.encode_models
decode_models = openai_chat.decode_models
next_models = openai_chat.next_models


def own_headers(api_key: str | None) -> dict[str, str]:
    """The key under its own name."""
    return {"api-key": api_key} if api_key else {}


def encode_request(
    endpoint: Endpoint, url: str, model: str, draw: Draw, max_tokens: int | None, api_key: str | None
) -> WireRequest:
    """Ask for a stream with usage; the endpoint's own body and headers win over everything."""
    body = openai_chat.body_of(endpoint, model, draw, max_tokens)
    return post(endpoint, _address(url, model), own_headers(api_key), body)


def _address(url: str, model: str) -> str:
    parts = urlsplit(url)
    stem, query = parts.path.rstrip("/").removesuffix(PATH), parts.query
    if not stem.endswith(_NEWER):
        if not _DEPLOYMENT.search(stem):
            stem = stem.removesuffix("/v1").removesuffix("/openai")
            stem += f"/openai/deployments/{quote(model, safe='')}"
        if "api-version=" not in query:
            query = f"{query}&{_VERSION}".lstrip("&")
    return urlunsplit(parts._replace(path=stem + PATH, query=query))


def models_url(url: str) -> str | None:
    """None: what is listed there are models that could be deployed, not the deployments."""
    return None


def model_in(url: str) -> str | None:
    """The deployment that an address names."""
    named = _DEPLOYMENT.search(urlsplit(url).path)
    return unquote(named[1]) if named else None


def decode_request(path: str, body: bytes) -> Asked:
    """Read what a client asks; the address wins where it names the deployment."""
    asked = openai_chat.decode_request(path, body)
    return replace(asked, model=model_in(path) or asked.model)
