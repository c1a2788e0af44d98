"""API dialects: two-way codecs, one file each, and their table."""

from llmprobe.core.errors import UsageError
from llmprobe.wire.dialects import openai_chat
from llmprobe.wire.dialects.dialect import Dialect

DIALECTS: dict[str, Dialect] = {
    "openai-chat": openai_chat,
}


def dialect(name: str) -> Dialect:
    """The dialect of that name; `UsageError` lists those there are."""
    try:
        return DIALECTS[name]
    except KeyError:
        raise UsageError(f"{name!r} is not a dialect; there is {', '.join(sorted(DIALECTS))}") from None
