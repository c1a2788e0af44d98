"""Which prompt draw k sends: a function of the seed and k alone, and pure.

Draws come in blocks as long as the corpus; each block goes through all prompts once, in an order of its own.
The order is a Feistel network over the next power of four, walked until it lands inside the corpus (Black and
Rogaway, "Ciphers with arbitrary finite domains", 2002), so a draw costs the same at any k, and workers that
never meet agree on it.
"""

import hashlib
from functools import lru_cache

from llmprobe.core.request import Ask, Draw
from llmprobe.core.seeding import mix
from llmprobe.corpus.made_up import made_up
from llmprobe.corpus.reader import Corpus

_ROUNDS = 6


class Sampler:
    """Draws prompts from a corpus. `run_nonce` is the run's own random id; None keeps prefix caches warm."""

    def __init__(self, corpus: Corpus, seed: int, run_nonce: str | None) -> None:
        self._prompts = corpus.prompts
        self._seed = seed
        self._nonce_seed = None if run_nonce is None else _number(run_nonce)
        self._half_bits = max(1, (len(self._prompts) - 1).bit_length() + 1 >> 1)

    def draw(self, k: int, ask: Ask | None = None) -> Draw:
        """Draw number `k` (0 first) of the run: out of the corpus, or made up."""
        if ask is not None:
            return Draw(k, made_up(ask), self._nonce(k))
        block, position = divmod(k, len(self._prompts))
        return Draw(k, self._prompts[self._shuffled(block, position)], self._nonce(k))

    def _nonce(self, k: int) -> str | None:
        """12 hexadecimal digits, unlike those of other draws and of other runs."""
        return None if self._nonce_seed is None else f"{mix(self._nonce_seed, k) >> 16:012x}"

    def _shuffled(self, block: int, position: int) -> int:
        bits = self._half_bits
        mask = (1 << bits) - 1
        rounds = _rounds(mix(self._seed, block), bits)
        while True:
            left, right = position >> bits, position & mask
            for scrambled in rounds:
                left, right = right, left ^ scrambled[right]
            position = left << bits | right
            if position < len(self._prompts):
                return position


@lru_cache(maxsize=8)
def _rounds(key: int, bits: int) -> list[list[int]]:
    """What each round makes of its half of `bits` bits: a block asks for the same again and again."""
    size = 1 << bits
    return [
        [mix(key, turn << bits | half) >> 32 & (size - 1) for half in range(size)] for turn in range(_ROUNDS)
    ]


def _number(text: str) -> int:
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8])
