"""Objectives relative to one user: that one is measured before anything else."""

import pytest

from llmprobe.control import STRATEGIES
from llmprobe.core.outcome import Outcome
from llmprobe.core.slo import parse_slos
from llmprobe.core.tick import Goal

RELATIVE = parse_slos(["p95 ttft < 4x idle", "errors < 1%"])


def queue(slots: int):
    """The first token takes 0.2 s, and waits once the slots are taken."""
    return lambda load, index, at_s: (0.2 + max(0.0, load - slots) * 0.4, 0.02, Outcome.OK)


@pytest.mark.parametrize(("strategy", "capacity"), [("knee", 11), ("stairs", 8)])
def test_the_bound_is_found_first_and_then_the_break_by_it(bench, strategy, capacity):
    endpoint, searching = bench(queue(10)), STRATEGIES[strategy](Goal(RELATIVE))
    loads = []
    while (action := endpoint.step(searching)).finding is None:
        loads += [] if action.move is None else [action.move.load]
    assert loads[0] == 1
    finding = action.finding
    assert finding.idle == {"ttft": 0.2}
    assert (finding.cause, finding.slo) == ("ttft", "p95 ttft < 4x idle = 800ms")
    assert finding.capacity == pytest.approx(capacity, abs=1)
    one = [visit for visit in finding.visits if visit.load == 1]
    assert one[0].from_s == finding.visits[0].from_s
    assert not one[0].violations


def test_it_says_what_it_measures_and_how_far_that_is(bench):
    endpoint, searching = bench(queue(10)), STRATEGIES["knee"](Goal(RELATIVE))
    said = [endpoint.step(searching).says for _ in range(8)]
    assert said[-1] == "measures 1 user first, which the objectives are relative to, 3 of 12 answers"


def test_a_load_of_a_hand_before_it_counts_and_is_judged_by_the_bound_found_later(bench):
    endpoint, searching = bench(queue(10)), STRATEGIES["knee"](Goal(RELATIVE))
    endpoint.armed = False
    endpoint.move(30)
    for _ in range(40):
        assert endpoint.step(searching).move is None
    endpoint.armed = True
    finding = endpoint.search(searching)
    by_hand = finding.visits[0]
    assert (by_hand.load, by_hand.by, by_hand.held) == (30, "hand", False)
    assert finding.capacity == pytest.approx(11, abs=1)


@pytest.mark.parametrize("outcome", [Outcome.SERVER_ERROR, Outcome.RATE_LIMITED])
def test_without_answers_to_one_user_there_is_no_bound_and_no_answer(bench, outcome):
    finding = bench(lambda *_: (0.2, 0.02, outcome)).search(STRATEGIES["knee"](Goal(RELATIVE)))
    assert finding.refused == "no ttft of one user could be measured"


def test_answers_that_never_show_what_is_bounded_end_it_too(bench):
    goal = Goal(parse_slos(["p95 tpot < 2x idle"]))
    finding = bench(queue(10), tokens=2).search(STRATEGIES["knee"](goal))
    assert finding.refused == "no tpot of one user could be measured"


def test_requests_that_are_spent_before_end_it(bench):
    endpoint, searching = bench(queue(10)), STRATEGIES["knee"](Goal(RELATIVE))
    endpoint.requests_left = 0
    assert endpoint.search(searching).refused == "it ended before one user was measured"
    assert searching.finding().refused == "it ended before one user was measured"


def test_a_cold_start_is_not_what_idle_is(bench):
    """Four times slower for 15 s."""
    endpoint = bench(lambda load, index, at_s: (
        0.8 if at_s < 15 else 0.2 + max(0.0, load - 10) * 0.4, 0.08 if at_s < 15 else 0.02, Outcome.OK
    ))  # fmt: skip
    assert endpoint.search(STRATEGIES["knee"](Goal(RELATIVE))).idle == {"ttft": 0.2}
