"""Why an answer ended, in one vocabulary: `stop`, `length`, `content_filter`, `tool_calls`.

What an API says and nobody translates stays as it is, in lower case.
"""

from llmprobe.wire.dialects.dialect import StreamFault

_WORDS = {
    "stop": ("end_turn", "stop_sequence", "eos", "eos_token", "complete", "completed", "end"),
    "length": ("max_tokens", "max_output_tokens", "model_context_window_exceeded", "max_length"),
    "content_filter": (
        "refusal", "safety", "recitation", "blocklist", "prohibited_content", "spii", "image_safety",
        "model_armor", "guardrail_intervened",
    ),
    "tool_calls": ("tool_use", "function_call", "tool_call"),
}  # fmt: skip
_COMMON = {theirs: ours for ours, words in _WORDS.items() for theirs in words}


def finish_reason(said: str) -> str:
    """The word for what an API said: `MAX_TOKENS` -> `length`."""
    lower = said.lower()
    return _COMMON.get(lower, lower)


_FAILED = frozenset({"error", "abort"})
"""Reasons that some servers give in place of an error object."""


def failed_finish(said: str) -> StreamFault | None:
    """The error that a reason means, if it means one."""
    if said not in _FAILED:
        return None
    return StreamFault(f"the server ended the answer with finish_reason {said!r}")
