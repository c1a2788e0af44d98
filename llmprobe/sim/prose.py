"""What the simulated endpoint says: sentences over a small vocabulary, one word or mark a token."""

import re

from llmprobe.core.seeding import mix

_SENTENCES = (
    "The {adjective} {noun} {verb} the {noun}, and the {noun} {verb} it back.",
    "Every {noun} {verb} a {adjective} {noun} before the {noun} is {state}.",
    "When the {noun} is {state}, a {adjective} {noun} {verb} whatever comes next.",
    "In short, the {noun} {verb} the {noun}.",
    "A {noun} that {verb} its {noun} seldom stays {state} for long.",
    "First, look at the {noun}; then ask why the {adjective} {noun} {verb} it.",
    "Nobody {verb} a {noun} without a {adjective} {noun}.",
    "Most people expect the {noun} to be {state}, but here it {verb} the {noun}.",
    "There is one {adjective} {noun} for each {noun}, and it {verb} the rest.",
    "So the {adjective} {noun} is {state}, while the other {noun} {verb} the {noun}.",
)
_WORDS = {
    "noun": "batch queue token window prompt reader river machine letter harbour garden clock bridge "
    "kernel lantern market packet signal station teacher valley winter",
    "verb": "carries follows measures answers fills crosses remembers shapes warms joins feeds finds guards "
    "lifts meets names opens paints repeats trusts",
    "adjective": "quiet steady narrow bright patient distant careful heavy gentle crowded simple "
    "hidden warm broad curious late",
    "state": "full empty ready late open busy still complete warm idle",
}
_CHOICES = {kind: words.split() for kind, words in _WORDS.items()}
_SLOT = re.compile(r"\{(\w+)\}")
_TOKEN = re.compile(r"\w+|[^\w\s]")
_TOKENS = 4096


class Prose:
    """Endless text by seed; `tokens` of it, joined, are what a reply says."""

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self._tokens: list[str] = []
        self._starts: list[int] = []
        while len(self._tokens) < _TOKENS:
            self._starts.append(len(self._tokens))
            self._tokens += _tokens_of(_sentence(mix(seed, len(self._starts))))

    def reply(self, number: int, length: int, *, ends: bool) -> list[str]:
        """The tokens of a reply: it begins with a sentence and, if it `ends`, closes with a full stop."""
        at = self._starts[mix(~self._seed, number) % len(self._starts)]
        tokens = self._tokens[at : at + length]
        while len(tokens) < length:
            tokens += self._tokens[: length - len(tokens)]
        tokens[0] = tokens[0].lstrip()
        if ends and length > 1:
            tokens[-1] = "."
        return tokens


def _sentence(dice: int) -> str:
    turns = iter(range(64))

    def choice(slot: re.Match[str]) -> str:
        words = _CHOICES[slot[1]]
        return words[mix(dice, next(turns)) % len(words)]

    return _SLOT.sub(choice, _SENTENCES[dice % len(_SENTENCES)])


def _tokens_of(sentence: str) -> list[str]:
    """Words with the space before them, and marks alone, as tokenizers cut English."""
    return [word if not word[0].isalnum() else f" {word}" for word in _TOKEN.findall(sentence)]
