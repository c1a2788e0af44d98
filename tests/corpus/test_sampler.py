"""Draw k depends on the seed and k alone, and each block goes through the corpus once."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmprobe.core.request import Prompt
from llmprobe.corpus.reader import Corpus
from llmprobe.corpus.sampler import Sampler

QUESTION = ({"role": "user", "content": "?"},)


def corpus(size: int) -> Corpus:
    return Corpus("c", tuple(Prompt(str(n), QUESTION) for n in range(size)), "0" * 64, Path("c.jsonl"))


def ids(sampler: Sampler, first: int, last: int) -> list[str]:
    return [sampler.draw(k).prompt.id for k in range(first, last)]


@given(st.integers(1, 200), st.integers(-(2**63), 2**63 - 1), st.integers(0, 10**9))
def test_a_block_holds_each_prompt_once(size: int, seed: int, block: int) -> None:
    sampler = Sampler(corpus(size), seed, None)

    drawn = ids(sampler, block * size, (block + 1) * size)

    assert sorted(drawn, key=int) == [str(n) for n in range(size)]


def test_blocks_come_in_different_orders() -> None:
    sampler = Sampler(corpus(60), 7, None)

    assert ids(sampler, 0, 60) != ids(sampler, 60, 120)


def test_another_seed_is_another_order() -> None:
    assert ids(Sampler(corpus(60), 1, None), 0, 60) != ids(Sampler(corpus(60), 2, None), 0, 60)


def test_a_draw_does_not_depend_on_the_draws_before_it() -> None:
    forwards = ids(Sampler(corpus(17), 3, None), 0, 100)
    sampler = Sampler(corpus(17), 3, None)

    backwards = [sampler.draw(k).prompt.id for k in reversed(range(100))]

    assert backwards[::-1] == forwards


def test_the_order_is_the_same_on_every_machine_and_release() -> None:
    assert "".join(ids(Sampler(corpus(10), 42, None), 0, 20)) == "34789102561328597064"


@pytest.mark.parametrize("size", [2, 3, 5, 17, 64])
def test_each_prompt_opens_a_block_as_often_as_any_other(size: int) -> None:
    sampler, blocks = Sampler(corpus(size), 11, None), 200 * size

    counts = dict.fromkeys(range(size), 0)
    for block in range(blocks):
        counts[int(sampler.draw(block * size).prompt.id)] += 1

    # 200 expected, standard deviation 14: five of them is no accident.
    assert all(130 < count < 270 for count in counts.values())


def test_warm_draws_carry_no_nonce() -> None:
    assert Sampler(corpus(3), 0, None).draw(5).nonce is None


def test_cold_draws_carry_short_nonces_that_never_repeat() -> None:
    sampler = Sampler(corpus(3), 0, "8f21")

    nonces = [sampler.draw(k).nonce for k in range(5000)]

    assert len(set(nonces)) == 5000
    assert {len(nonce or "") for nonce in nonces} == {12}


def test_another_run_has_other_nonces_before_the_same_prompts() -> None:
    first, second = Sampler(corpus(9), 5, "run-a"), Sampler(corpus(9), 5, "run-b")

    assert ids(first, 0, 30) == ids(second, 0, 30)
    assert all(first.draw(k).nonce != second.draw(k).nonce for k in range(30))
