"""Which inference servers answer on this machine, found by a GET of a few paths on their usual ports.

Nothing but loopback is asked, nothing is posted, and no key is sent.
"""

import http.client
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import msgspec
from msgspec import Struct

from llmprobe.core.offer import Offer
from llmprobe.core.scenario import Endpoint
from llmprobe.core.scrub import clean
from llmprobe.wire.dialects.loose_json import UNREADABLE

PORTS = (11434, 8000, 8080, 1234, 30000)
"""Where Ollama, vLLM, llama.cpp, LM Studio and SGLang listen unless told otherwise; others do, too."""
MODELS, VERSION, PROPS = "/v1/models", "/api/version", "/props"
_OWNERS = {
    "vllm": "vLLM", "sglang": "SGLang", "llamacpp": "llama.cpp", "library": "Ollama",
    "organization_owner": "LM Studio",
}  # fmt: skip
"""What `owned_by` says in a list of models."""
_WITHIN_S = 1.0
_STEP_S = 0.5
_MOST = 1 << 20


class Answer(Struct, frozen=True):
    """Of a GET: its status, and its JSON where it was an object, else {}."""

    status: int
    said: dict[str, Any]


Ask = Callable[[str], Answer | None]
"""A path -> what came; None where nobody answers in time."""


def look_around(ports: Sequence[int] = PORTS) -> list[Offer]:
    """What answers now, in the order of `ports`; takes a second at most, so call it beside a screen."""
    with ThreadPoolExecutor(len(ports)) as threads:
        found = threads.map(lambda port: recognised(port, _asker(port)), ports)
        return [offer for offer in found if offer is not None]


def recognised(port: int, ask: Ask) -> Offer | None:
    """What answers there, as an endpoint to offer; None where it is no inference server."""
    listed = ask(MODELS)
    if listed is None:
        return None
    models = _models(listed)
    owners = [_OWNERS[owner] for _, owner in models if owner in _OWNERS]
    name = owners[0] if owners else _by_another_path(ask)
    if name is None and listed.status in {401, 403} and listed.said:
        name = "Something that wants a key"
    if name is None and not models:
        return None
    return Offer(
        name or "Something OpenAI-like",
        Endpoint(url=f"http://127.0.0.1:{port}/v1"),
        place=f"answers on {port}",
        serves=_serves([model for model, _ in models]),
    )


def _by_another_path(ask: Ask) -> str | None:
    version = ask(VERSION)
    if version is not None and version.status == 200 and isinstance(version.said.get("version"), str):
        return "Ollama"
    props = ask(PROPS)
    if props is not None and "default_generation_settings" in props.said:
        return "llama.cpp"
    return None


def _models(listed: Answer) -> list[tuple[str, str]]:
    """Names and owners."""
    rows = listed.said.get("data")
    if listed.status != 200 or not isinstance(rows, list):
        return []
    return [
        (clean(row["id"]), str(row.get("owned_by")))
        for row in rows
        if isinstance(row, dict) and isinstance(row.get("id"), str)
    ]


def _serves(models: list[str]) -> str:
    if not models:
        return ""
    more = f" and {len(models) - 1} more" if len(models) > 1 else ""
    return f"{models[0]}{more}"


def _asker(port: int) -> Ask:
    ends_at = time.monotonic() + _WITHIN_S

    def ask(path: str) -> Answer | None:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=_STEP_S)
        try:
            connection.request("GET", path, headers={"Accept": "application/json"})
            response = connection.getresponse()
            body = b""
            while len(body) < _MOST and time.monotonic() < ends_at and (data := response.read1(65536)):
                body += data
            return Answer(response.status, _object(body))
        except (OSError, http.client.HTTPException, ValueError):
            return None
        finally:
            connection.close()

    return ask


def _object(body: bytes) -> dict[str, Any]:
    try:
        said = msgspec.json.decode(body)
    except UNREADABLE:
        return {}
    return said if isinstance(said, dict) else {}
