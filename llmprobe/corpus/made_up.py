"""Prompts of a chosen size, for limits that count tokens. All of a kind are alike but for the nonce. Pure."""

from llmprobe.core.request import Ask, Prompt
from llmprobe.corpus.tokens import BYTES_PER_TOKEN, MESSAGE_TOKENS

_A_WORD = "Answer with one word: is water wet?"
_AT_LENGTH = "Write out the whole numbers from one to nine hundred in words, one a line. Leave none out."
_FILLER = (
    "On the far side of the river the road runs on past old farms, low stone walls and fields of barley. "
)


def made_up(ask: Ask) -> Prompt:
    """A prompt of about that many tokens, what is asked at its end."""
    question = _AT_LENGTH if ask.long else _A_WORD
    room = (ask.prompt_tokens - MESSAGE_TOKENS) * BYTES_PER_TOKEN - len(question)
    text = (_FILLER * (max(0, room) // len(_FILLER) + 1))[: max(0, room)]
    message = {"role": "user", "content": f"{text}\n{question}" if text else question}
    return Prompt(ask.name, (message,), max_tokens=ask.max_tokens)
