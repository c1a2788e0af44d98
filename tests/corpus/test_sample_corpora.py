"""The corpora that come with llmprobe are as their README says."""

from collections import Counter
from pathlib import Path

import pytest

from llmprobe.core.shipped import shipped_folder
from llmprobe.corpus.reader import Corpus, find_corpus, load_corpus
from llmprobe.corpus.tokens import Tokenizer, estimate_prompt_tokens

KINDS = ("short", "long-context", "multi-turn", "edge")


def shipped(name: str) -> Corpus:
    return load_corpus(find_corpus(name, Path()))


def contents(corpus: Corpus) -> list[str]:
    return [message["content"] for prompt in corpus.prompts for message in prompt.messages]


def input_tokens(corpus: Corpus) -> list[int]:
    """With four tokens a message for the chat template."""
    count = Tokenizer("o200k_base").count
    return [sum(count(message["content"]) + 4 for message in prompt.messages) for prompt in corpus.prompts]


@pytest.mark.parametrize("name", ["chat-short", "mixed"])
def test_a_shipped_corpus_has_at_least_sixty_tagged_prompts_and_no_text_twice(name: str) -> None:
    corpus = shipped(name)

    assert len(corpus.prompts) >= 60
    assert all(prompt.tags for prompt in corpus.prompts)
    assert len({str(prompt.messages) for prompt in corpus.prompts}) == len(corpus.prompts)


@pytest.mark.parametrize("name", ["chat-short", "mixed"])
def test_roles_alternate_after_at_most_one_system_message(name: str) -> None:
    for prompt in shipped(name).prompts:
        roles = [message["role"] for message in prompt.messages]
        turns = roles[1:] if roles[0] == "system" else roles
        assert turns == ["user" if n % 2 == 0 else "assistant" for n in range(len(turns))], prompt.id


def test_chat_short_is_short_and_speaks_many_languages() -> None:
    corpus = shipped("chat-short")

    languages = {tag for prompt in corpus.prompts for tag in prompt.tags if len(tag) == 2}
    assert max(input_tokens(corpus)) < 60
    assert len(languages) >= 12


def test_mixed_has_every_kind_as_the_first_tag() -> None:
    kinds = Counter(prompt.tags[0] for prompt in shipped("mixed").prompts)

    assert set(kinds) == set(KINDS)
    assert min(kinds.values()) >= 14


def test_mixed_is_long_on_average_and_fits_a_context_of_4096_with_room_to_answer() -> None:
    tokens = input_tokens(shipped("mixed"))

    assert 480 < sum(tokens) / len(tokens) < 700
    assert 2000 < max(tokens) < 3000


def test_conversations_have_up_to_nine_messages() -> None:
    lengths = [len(prompt.messages) for prompt in shipped("mixed").prompts if prompt.tags[0] == "multi-turn"]

    assert (min(lengths), max(lengths)) == (3, 9)


@pytest.mark.parametrize(
    "oddity",
    ["\u2028", "\u200b", "\u0301", "[/b]", "```", "🏳️‍🌈", "שעה", "البحارة", "全角", '"required":', "| Q1 |"],
)
def test_mixed_holds_what_breaks_careless_software(oddity: str) -> None:
    assert any(oddity in content for content in contents(shipped("mixed")))


def test_separators_that_end_a_line_elsewhere_are_escaped_in_the_file() -> None:
    text = find_corpus("mixed", Path()).read_text(encoding="utf-8")

    assert len(text.splitlines()) == text.count("\n")


@pytest.mark.parametrize("name", ["chat-short", "mixed"])
def test_the_offline_estimate_is_close_to_the_exact_count(name: str) -> None:
    corpus = shipped(name)

    estimate = sum(estimate_prompt_tokens(prompt) for prompt in corpus.prompts)

    assert 0.75 < estimate / sum(input_tokens(corpus)) < 1.4


def test_both_files_together_stay_small() -> None:
    assert sum(file.stat().st_size for file in shipped_folder("sample_corpora").iterdir()) < 600_000
