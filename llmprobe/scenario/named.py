"""Endpoints that the user gave names to: `endpoints.toml` in the config folder, a table each.

    [prod]
    url = "https://llm.example.org/v1"
    model = "llama-3-8b"
    api_key_env = "PROD_LLM_KEY"

A table takes what `[endpoint]` of a scenario takes, and as there, never a key.
"""

from pathlib import Path

import platformdirs

from llmprobe.core.errors import UsageError
from llmprobe.core.scenario import Endpoint
from llmprobe.scenario.reader import read_document


def endpoints_file() -> Path:
    """Where it lies; it need not exist."""
    return platformdirs.user_config_path("llmprobe") / "endpoints.toml"


def named_endpoints() -> dict[str, Endpoint]:
    """By name, in the order of the file; none without one. Raises `ScenarioError`."""
    file = endpoints_file()
    return read_document(file).endpoints() if file.exists() else {}


def endpoint_named(name: str) -> Endpoint:
    """That one; raises `UsageError` with the names there are."""
    known = named_endpoints()
    if name not in known:
        there = f"it has {', '.join(known)}" if known else "there is no such file yet"
        raise UsageError(
            f"{name!r} is no URL, simulated endpoint or file, and no name in {endpoints_file()} ({there}); "
            f"try http://{name}, or sim"
        )
    return known[name]
