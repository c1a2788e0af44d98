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
