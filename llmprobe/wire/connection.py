"""How long a virtual user keeps its connection: `keep`, `per-request` or `max-age 30s`."""

from msgspec import Struct

from llmprobe.core.units import parse_duration


class ConnectionPolicy(Struct, frozen=True):
    """`max_age_s` is None to keep a connection while it lives, 0 to open one for each request."""

    max_age_s: float | None = None


def parse_connection(text: str) -> ConnectionPolicy:
    """Read a policy; `ValueError` shows right spellings."""
    squeezed = " ".join(text.split())
    if squeezed == "keep":
        return ConnectionPolicy()
    if squeezed == "per-request":
        return ConnectionPolicy(0.0)
    word, _, age = squeezed.partition(" ")
    if word == "max-age":
        try:
            return ConnectionPolicy(parse_duration(age))
        except ValueError:
            pass
    raise ValueError(f"{text!r} is not a connection policy; write keep, per-request or max-age 30s")
