"""The endpoint without a queue, and what the simulator says."""

import math

import pytest

from llmprobe.sim.fixed import Fixed, FixedModel
from llmprobe.sim.model import Accepted
from llmprobe.sim.prose import Prose


def arrive(to: FixedModel, at_s: float, max_tokens: int | None = None) -> Accepted:
    answer = to.arrive(at_s, 10, max_tokens)
    assert isinstance(answer, Accepted)
    return answer


def test_every_answer_keeps_the_same_times_however_many_there_are() -> None:
    model = FixedModel(Fixed(ttft_s=0.2, itl_s=0.05, tokens=4))
    for k in range(100):
        arrive(model, k * 0.01)
    events = model.advance(math.inf)
    assert [event.at_s for event in events] == sorted(event.at_s for event in events)
    for k in range(100):
        own = [(event.kind, event.at_s - k * 0.01) for event in events if event.request_id == k]
        assert [kind for kind, _ in own] == ["first", "token", "token", "token", "finish"]
        assert [at_s for _, at_s in own] == pytest.approx([0.2, 0.25, 0.3, 0.35, 0.35])
    assert model.running == 0


def test_max_tokens_makes_an_answer_shorter_and_says_so() -> None:
    model = FixedModel(Fixed(tokens=100))
    assert arrive(model, 0.0).finish_reason == "stop"
    short = arrive(model, 0.0, max_tokens=1)
    assert (short.output_tokens, short.finish_reason) == (1, "length")
    assert [event.kind for event in model.advance(0.21) if event.request_id == 1] == ["first", "finish"]


def test_nothing_more_is_told_of_a_cancelled_request() -> None:
    model = FixedModel(Fixed())
    gone, stays = arrive(model, 0.0).request_id, arrive(model, 0.0).request_id
    model.advance(0.3)
    model.cancel(gone)
    model.cancel(gone)
    assert {event.request_id for event in model.advance(math.inf)} == {stays}
    assert model.running == 0
    assert model.next_at() == math.inf


def test_a_reply_is_sentences_by_seed_and_as_long_as_asked() -> None:
    for length in (1, 2, 17, 9000):
        tokens = Prose(1).reply(5, length, ends=True)
        assert len(tokens) == length
        assert tokens[0][0].isupper()
    assert Prose(1).reply(5, 40, ends=True)[-1] == "."
    assert Prose(1).reply(5, 40, ends=False) == Prose(1).reply(5, 40, ends=False)
    assert Prose(1).reply(5, 40, ends=False) != Prose(1).reply(6, 40, ends=False)
    assert Prose(1).reply(5, 40, ends=False) != Prose(2).reply(5, 40, ends=False)
