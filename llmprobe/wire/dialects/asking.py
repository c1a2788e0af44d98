"""What every request carries, whatever the API."""

from typing import Any

import msgspec

from llmprobe import __version__
from llmprobe.core.request import Draw
from llmprobe.core.scenario import Endpoint
from llmprobe.wire.dialects.dialect import WireRequest
from llmprobe.wire.dialects.loose_json import merged

_HEADERS = {
    "Accept": "text/event-stream, application/json",
    # A compressed stream arrives when its compressor flushes, not when a token is made.
    "Accept-Encoding": "identity",
    "Content-Type": "application/json",
    "User-Agent": f"llmprobe/{__version__}",
}


def request_headers(endpoint: Endpoint, own: dict[str, str]) -> dict[str, str]:
    """Ours, the API's `own`, and the endpoint's, which replace any of the same name."""
    headers = _HEADERS | own
    if not endpoint.headers:
        return headers
    theirs = {name.lower() for name in endpoint.headers}
    return {name: value for name, value in headers.items() if name.lower() not in theirs} | endpoint.headers


def limit_of(draw: Draw, max_tokens: int | None) -> int | None:
    """The prompt's own limit on output, else the scenario's."""
    return draw.prompt.max_tokens if draw.prompt.max_tokens is not None else max_tokens


def post(endpoint: Endpoint, address: str, own: dict[str, str], body: dict[str, Any]) -> WireRequest:
    """The request; the endpoint's own body and headers win over everything."""
    content = msgspec.json.encode(merged(body, endpoint.body))
    return WireRequest("POST", address, request_headers(endpoint, own), content)
