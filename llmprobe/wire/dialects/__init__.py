"""API dialects: two-way codecs, one file each, and their table."""

from llmprobe.core.errors import UsageError
from llmprobe.core.scenario import DEFAULT_DIALECT
from llmprobe.wire.dialects import (
    anthropic_messages,
    azure,
    gemini,
    ollama_chat,
    openai_chat,
    openai_completions,
    openai_responses,
)
from llmprobe.wire.dialects.dialect import Dialect

DIALECTS: dict[str, Dialect] = {
    "openai-chat": openai_chat,
    "openai-completions": openai_completions,
    "openai-responses": openai_responses,
    "anthropic-messages": anthropic_messages,
    "gemini": gemini,
    "ollama-chat": ollama_chat,
    "azure": azure,
}


def dialect(name: str | None) -> Dialect:
    """The dialect of that name, the default for None; `UsageError` lists those there are."""
    try:
        return DIALECTS[name or DEFAULT_DIALECT]
    except KeyError:
        raise UsageError(f"{name!r} is not a dialect; there is {', '.join(sorted(DIALECTS))}") from None
