"""Where requests go, in which dialect, and for which model: asked of the endpoint where nobody said."""

import os
from contextlib import AsyncExitStack

from msgspec import Struct
from msgspec.structs import replace

from llmprobe.core.errors import EndpointError
from llmprobe.core.scenario import DEFAULT_DIALECT, Endpoint
from llmprobe.core.target import is_sim, parse_sim
from llmprobe.scenario.secrets import public_url
from llmprobe.sim.process import launch
from llmprobe.wire.dialects import dialect
from llmprobe.wire.guess import Guess, by_address


class Reached(Struct, frozen=True):
    """An endpoint with nothing left to guess."""

    endpoint: Endpoint
    """As a replay is to use it: what the endpoint told today it may not tell tomorrow."""
    url: str
    model: str
    note: str | None = None
    """What was found out because nobody said it."""


async def reach(endpoint: Endpoint, key: str | None, stack: AsyncExitStack) -> Reached:
    """Find out what is missing; starts the simulator where that is the target. `key` names a variable.

    Raises `EndpointError` where no model is named and the endpoint does not tell its own.
    """
    dialect(endpoint.dialect)
    if not is_sim(endpoint.url):
        return await _reach(endpoint, key)
    simulator = await launch(parse_sim(endpoint.url))
    stack.push_async_callback(simulator.aclose)
    spoken = replace(endpoint, dialect=endpoint.dialect or DEFAULT_DIALECT)
    return Reached(spoken, simulator.url, endpoint.model or simulator.model)


async def _reach(endpoint: Endpoint, key: str | None) -> Reached:
    url, model, notes = endpoint.url, endpoint.model, []
    found = _told(endpoint)
    if found is None or model is None:
        found = await _asked(endpoint, key)
    if endpoint.dialect is None:
        notes.append(f"dialect {found.dialect}: {found.because}")
    if found.url != url:
        notes.append(f"requests go to {public_url(found.url)}, where it answers")
    endpoint = replace(endpoint, dialect=found.dialect, url=found.url)
    if model is None:
        model, *others = found.models or await _listed(endpoint, key)
        if others:
            listed = ", ".join(others[:5])
            notes.append(f"model {model}, the first that the endpoint names; it also has {listed}")
    return Reached(replace(endpoint, model=model), found.url, model, "; ".join(notes) or None)


async def models_of(endpoint: Endpoint, key: str | None) -> list[str]:
    """What the endpoint serves, at least one; raises `EndpointError` where it does not tell."""
    found = await _asked(endpoint, key)
    return found.models or await _listed(replace(endpoint, dialect=found.dialect, url=found.url), key)


def _told(endpoint: Endpoint) -> Guess | None:
    if endpoint.dialect is not None:
        return Guess(endpoint.dialect, endpoint.url, "")
    return by_address(endpoint.url)


async def _asked(endpoint: Endpoint, key: str | None) -> Guess:
    # Only here does a face need an HTTP client; a screen on the simulator starts without it.
    from llmprobe.wire.inquiry import by_asking
    from llmprobe.wire.transport import ssl_context, user_transport

    transport = user_transport(endpoint, endpoint.url, ssl_context(endpoint))
    try:
        return await by_asking(transport, endpoint, _value(key), _told(endpoint))
    finally:
        await transport.aclose()


async def _listed(endpoint: Endpoint, key: str | None) -> list[str]:
    """The models once more, with a sentence on why there are none."""
    from llmprobe.wire.dialects.asking import request_headers
    from llmprobe.wire.models import list_models
    from llmprobe.wire.transport import ssl_context, user_transport

    spoken = dialect(endpoint.dialect)
    headers = request_headers(endpoint, spoken.own_headers(_value(key)))
    transport = user_transport(endpoint, endpoint.url, ssl_context(endpoint))
    try:
        models = await list_models(transport, spoken, endpoint.url, headers)
    finally:
        await transport.aclose()
    if not models:
        raise EndpointError(f"{endpoint.url} names no model; name one with --model")
    return models


def _value(key: str | None) -> str | None:
    return os.environ.get(key, "").strip() or None if key else None
