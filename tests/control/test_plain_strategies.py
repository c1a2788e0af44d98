"""The staircase, and the soak just below the limit."""

import pytest

from llmprobe.control import STRATEGIES
from llmprobe.core.outcome import Outcome
from llmprobe.core.slo import DEFAULT_SLOS
from llmprobe.core.tick import Goal


def queue(slots: int):
    return lambda load, index, at_s: (0.2 + max(0.0, load - slots) * 0.4, 0.02, Outcome.OK)


def test_stairs_climb_by_halves_and_end_at_the_first_step_that_fails(bench):
    endpoint, strategy = bench(queue(10)), STRATEGIES["stairs"](Goal(DEFAULT_SLOS))
    loads = []
    while (action := endpoint.step(strategy)).finding is None:
        loads += [] if action.move is None else [action.move.load]
    finding = action.finding
    assert loads == [1, 2, 3, 5, 8, 12, 18]
    assert (finding.capacity, finding.low, finding.high, finding.failed_at) == (12, 12, 18, 18)
    assert finding.cause == "ttft"
    assert finding.n >= 60


def test_stairs_end_at_the_most(bench):
    finding = bench(queue(100)).search(STRATEGIES["stairs"](Goal(DEFAULT_SLOS, most=7)))
    assert (finding.capacity, finding.cause) == (7, "none")


def test_aimd_stays_just_below_the_limit_for_hours_and_says_what_it_held(bench):
    endpoint, strategy = bench(queue(20)), STRATEGIES["aimd"](Goal(DEFAULT_SLOS))
    loads = []
    while endpoint.now_s < 1800:
        assert endpoint.step(strategy).finding is None
        loads.append(endpoint.load)
    late = loads[len(loads) // 2 :]
    assert min(late) >= 18
    assert max(late) <= 23
    assert late.count(23) < 0.1 * len(late)
    assert strategy.finding().capacity == pytest.approx(22, abs=1)
    assert strategy.finding().cause == "ttft"


def slowing(load, index, at_s):
    """60 ms a token at 41 users."""
    return (0.2, 0.019 + 0.001 * load, Outcome.OK)


def moves(endpoint, strategy):
    """Its loads in order, and what it found."""
    loads = []
    while (action := endpoint.step(strategy)).finding is None:
        loads += [] if action.move is None else [action.move.load]
    return loads, action.finding


def test_bisect_doubles_until_a_load_fails_and_halves_what_lies_between(bench):
    loads, finding = moves(bench(queue(20)), STRATEGIES["bisect"](Goal(DEFAULT_SLOS)))
    assert loads[:6] == [1, 2, 4, 8, 16, 32]
    assert all(16 < load < 32 for load in loads[6:])
    assert finding.capacity == 22
    assert (finding.cause, finding.slo) == ("ttft", "p95 ttft < 1s")
    assert finding.low <= 23
    assert finding.high >= 22
    assert finding.failed_at == 23


def test_bisect_closes_in_where_load_slows_the_tokens_down(bench):
    finding = bench(slowing).search(STRATEGIES["bisect"](Goal(DEFAULT_SLOS)))
    assert finding.capacity == pytest.approx(41, abs=2)
    assert finding.cause == "tpot"


def test_bisect_ends_at_the_most_and_at_nothing(bench):
    finding = bench(queue(100)).search(STRATEGIES["bisect"](Goal(DEFAULT_SLOS, most=7)))
    assert (finding.capacity, finding.cause) == (7, "none")
    hopeless = bench(lambda *_: (2.0, 0.02, Outcome.OK)).search(STRATEGIES["bisect"](Goal(DEFAULT_SLOS)))
    assert (hopeless.capacity, hopeless.cause) == (0, "zero")


def test_bisect_goes_down_under_a_rate_limit(bench):
    def refusing(load, index, at_s):
        refused = load > 12 and index % int(load) >= 12
        return (0.2, 0.02, Outcome.RATE_LIMITED if refused else Outcome.OK)

    finding = bench(refusing).search(STRATEGIES["bisect"](Goal(DEFAULT_SLOS)))
    assert finding.cause == "rate_limit"
    assert finding.capacity == pytest.approx(12, abs=1)


def test_bisect_says_what_it_knows_when_it_is_ended_early(bench):
    endpoint, strategy = bench(queue(20)), STRATEGIES["bisect"](Goal(DEFAULT_SLOS))
    assert strategy.finding().refused == "it ended before anything broke"
    while 32 not in (loads := [visit.load for visit in strategy.finding().visits]) or loads[-1] == 32:
        endpoint.step(strategy)
    finding = strategy.finding()
    assert (finding.capacity, finding.high) == (16, 32)
