"""Made-up prompts have the size that was asked for, and are alike but for the nonce."""

from pathlib import Path

import pytest

from llmprobe.core.request import Ask, Prompt
from llmprobe.corpus.made_up import made_up
from llmprobe.corpus.reader import Corpus
from llmprobe.corpus.sampler import Sampler
from llmprobe.corpus.tokens import estimate_prompt_tokens


@pytest.mark.parametrize("tokens", [50, 300, 2000])
@pytest.mark.parametrize("long", [False, True])
def test_a_prompt_has_about_as_many_tokens_as_asked(tokens: int, long: bool) -> None:
    prompt = made_up(Ask("some", tokens, 16, long))
    assert estimate_prompt_tokens(prompt) == pytest.approx(tokens, abs=2)
    assert (prompt.id, prompt.max_tokens) == ("some", 16)


def test_it_stands_in_place_of_the_corpus_under_the_same_nonce() -> None:
    corpus = Corpus("c", (Prompt("p", ({"role": "user", "content": "?"},)),), "0" * 64, Path("c.jsonl"))
    sampler = Sampler(corpus, 1, "ab")
    ask = Ask("some", 60, 16)
    first, second = sampler.draw(0, ask), sampler.draw(1, ask)
    assert first.prompt == second.prompt == made_up(ask)
    assert first.nonce == sampler.draw(0).nonce
    assert first.nonce != second.nonce
