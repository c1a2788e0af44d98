"""What is asked of an endpoint: a prompt, and the draw that chose it."""

from typing import Any

from msgspec import Struct


class Prompt(Struct, frozen=True):
    """One line of a corpus: a conversation that ends with what the model is to answer."""

    id: str
    messages: tuple[dict[str, Any], ...]
    """Chat messages, `{"role": ..., "content": ...}`, sent as they are."""
    tags: tuple[str, ...] = ()
    max_tokens: int | None = None
    """This prompt's own output limit; wins over the scenario's."""


class Ask(Struct, frozen=True):
    """A made-up prompt of a chosen size, asked in place of the corpus's."""

    name: str
    """The prompt id of its requests: "large prompts"."""
    prompt_tokens: int
    """Roughly."""
    max_tokens: int
    long: bool = False
    """Whether a long answer is asked for, or a word."""


class Draw(Struct, frozen=True):
    """Draw number `index` of a run: which prompt, and the bytes that make it unlike all others."""

    index: int
    prompt: Prompt
    nonce: str | None
    """Put at the head of the prompt to miss every prefix cache; None with a warm cache."""
