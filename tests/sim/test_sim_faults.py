"""Which request is hit by which fault."""

from collections import Counter

import pytest

from llmprobe.sim.faults import Faults, Kind, Shares

EVERY = Shares(*[0.1] * len(Kind))


def test_each_fault_hits_its_share_of_the_requests() -> None:
    shares = Shares(fail_429=0.2, stall=0.05, truncate=0.01)
    faults = Faults(shares, seed=1)
    hits = Counter(faults.of(k) for k in range(20_000))
    assert hits[Kind.RATE_LIMITED] / 20_000 == pytest.approx(0.2, rel=0.05)
    assert hits[Kind.STALL] / 20_000 == pytest.approx(0.05, rel=0.1)
    assert hits[Kind.TRUNCATE] / 20_000 == pytest.approx(0.01, rel=0.2)
    assert set(hits) == {None, Kind.RATE_LIMITED, Kind.STALL, Kind.TRUNCATE}


def test_a_share_of_one_hits_every_request_and_none_hits_nobody() -> None:
    assert {Faults(Shares(malformed=1.0), seed=3).of(k) for k in range(500)} == {Kind.MALFORMED}
    assert {Faults(Shares(), seed=3).of(k) for k in range(500)} == {None}


def test_the_seed_and_the_number_alone_decide() -> None:
    hits = [Faults(EVERY, seed=1).of(k) for k in range(300)]
    again = Faults(EVERY, seed=1)
    assert [again.of(k) for k in reversed(range(300))] == hits[::-1]
    assert [Faults(EVERY, seed=2).of(k) for k in range(300)] != hits


@pytest.mark.parametrize("tokens", [1, 2, 3, 50])
def test_an_answer_breaks_before_its_last_token_and_after_its_first_if_it_can(tokens: int) -> None:
    places = {Faults(EVERY, seed=1).breaks_after(k, tokens) for k in range(500)}
    assert min(places) == min(1, tokens - 1)
    assert max(places) == tokens - 1


def test_shares_add_up_by_kind() -> None:
    shares = Shares(fail_503=0.02, stream_error=0.01)
    assert shares.by_kind() == [(Kind.UNAVAILABLE, 0.02), (Kind.STREAM_ERROR, 0.01)]
    assert shares.total == pytest.approx(0.03)
