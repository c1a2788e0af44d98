"""Tokens in a text event, by usage."""

import pytest

from llmprobe.metrics.worth import ChunkWorth


@pytest.fixture
def worth():
    return ChunkWorth()


def answer(record, tokens, chunks, **told):
    usual = {"token_source": "usage", "ttfo_s": 0.3, "ttft_s": 0.3}
    return record(0.0, 1.0, output_tokens=tokens, stamps={"kernel": chunks}, **usual | told)


def test_until_something_is_known_a_chunk_is_one_token(worth):
    assert (worth.known, worth.tokens_per_chunk, worth.tokens_in_chunk) == (False, 1.0, 1.0)


def test_usage_over_chunks_of_all_answers(worth, record):
    worth.add(answer(record, 32, 11))
    worth.add(answer(record, 28, 9))
    assert worth.known
    assert worth.tokens_per_chunk == worth.tokens_in_chunk == 3.0


def test_one_more_for_the_end_of_the_text_splits_no_gap(worth, record):
    worth.add(answer(record, 100, 99))
    assert worth.tokens_per_chunk > 1
    assert worth.tokens_in_chunk == 1.0


def test_what_was_thought_unseen_came_in_no_chunk(worth, record):
    worth.add(answer(record, 600, 20, reasoning_tokens=580))
    assert worth.tokens_per_chunk == 1.0
    worth.add(answer(record, 40, 20, reasoning_tokens=20, ttfo_s=0.6))
    assert worth.tokens_per_chunk == 1.5


def test_an_estimate_teaches_nothing(worth, record):
    worth.add(answer(record, 50, 10, token_source="estimate"))
    assert not worth.known
