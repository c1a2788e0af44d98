"""Prompts that no prefix cache has seen: a nonce before the first text."""

from typing import Any

_HEADS = frozenset({"system", "developer", "user"})


def with_nonce(messages: tuple[dict[str, Any], ...], nonce: str | None) -> list[dict[str, Any]]:
    """The messages, the nonce at the head of the first one that is a system's or a user's."""
    marked = list(messages)
    if nonce is None:
        return marked
    for at, message in enumerate(marked):
        content = message.get("content")
        if message.get("role") not in _HEADS or not isinstance(content, str | list):
            continue
        head = f"[{nonce}]\n"
        text = head + content if isinstance(content, str) else [{"type": "text", "text": head}, *content]
        marked[at] = message | {"content": text}
        break
    return marked
