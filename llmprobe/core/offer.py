"""An endpoint that a person can pick by name rather than type."""

from msgspec import Struct

from llmprobe.core.scenario import Endpoint


class Offer(Struct, frozen=True):
    """One line of a list."""

    name: str
    """`Ollama`, or what the user called it."""
    endpoint: Endpoint
    place: str
    """Where it was found: `answers on 11434`, `endpoints.toml`."""
    serves: str
    """Its models, as far as they are known: `llama3:8b and 2 more`."""


class Offers(Struct, frozen=True):
    """What can be picked."""

    named: tuple[Offer, ...] = ()
    """By the user, in their own file."""
    local: tuple[Offer, ...] = ()
    """What answers on this machine."""
    trouble: str | None = None
    """Why the named ones are missing."""
