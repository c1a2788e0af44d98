"""Keys have no place in a scenario: found when one is read, taken out when one is written. Pure."""

from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from msgspec.structs import replace

from llmprobe.core.scenario import Scenario
from llmprobe.core.scrub import is_secret_field, is_secret_header, looks_like_key
from llmprobe.core.target import is_sim

REMEDY = "a key never goes in a file; put it in an environment variable and name that with api_key_env"


def without_secrets(scenario: Scenario) -> Scenario:
    """The scenario as it may be written down: its address, headers and body without keys."""
    endpoint = scenario.endpoint
    headers = {name: value for name, value in endpoint.headers.items() if not is_secret(name, value)}
    public = replace(
        endpoint, url=public_url(endpoint.url), headers=headers, body=_without_secret_fields(endpoint.body)
    )
    return replace(scenario, endpoint=public)


def is_secret(header: str, value: str) -> bool:
    """Whether a header carries a key, by its name or by its value."""
    return is_secret_header(header) or looks_like_key(value)


def public_url(url: str) -> str:
    """The address without user, password and keys in its query."""
    if is_sim(url):
        return url
    parts = urlsplit(url)
    pairs = parse_qsl(parts.query, keep_blank_values=True)
    public = [(name, value) for name, value in pairs if not _is_secret_field(name, value)]
    query = parts.query if public == pairs else urlencode(public)
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2], query=query))


def secret_field(value: Any) -> str | None:
    """The name of the first field in a body, at any depth, that carries a key."""
    if isinstance(value, list):
        return next((name for item in value if (name := secret_field(item))), None)
    if not isinstance(value, dict):
        return None
    for name, inner in value.items():
        if _is_secret_field(name, inner):
            return str(name)
        if (found := secret_field(inner)) is not None:
            return found
    return None


def _without_secret_fields(value: Any) -> Any:
    if isinstance(value, list):
        return [_without_secret_fields(item) for item in value]
    if not isinstance(value, dict):
        return value
    public = {name: inner for name, inner in value.items() if not _is_secret_field(name, inner)}
    return {name: _without_secret_fields(inner) for name, inner in public.items()}


def _is_secret_field(name: str, value: Any) -> bool:
    return isinstance(value, str) and (is_secret_field(name) or looks_like_key(value))
