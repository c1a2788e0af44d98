"""Searches as stories: tiny endpoints, what is found, and what is done on the way."""

from itertools import pairwise

import pytest

from llmprobe.control import STRATEGIES
from llmprobe.core.outcome import Outcome
from llmprobe.core.slo import DEFAULT_SLOS, parse_slos
from llmprobe.core.tick import Goal

OK = Outcome.OK


def queue(slots: int):
    """The first token waits once the slots are taken."""
    return lambda load, index, at_s: (0.2 + max(0.0, load - slots) * 0.4, 0.02, OK)


def slowing(load, index, at_s):
    """60 ms a token at 41 users."""
    return (0.2, 0.019 + 0.001 * load, OK)


def refusing(cap: int):
    """Above the cap, the share that is too much gets a 429."""

    def answers(load, index, at_s):
        refused = load > cap and index % int(load) >= cap
        return (0.2, 0.02, Outcome.RATE_LIMITED if refused else OK)

    return answers


def knee(most: float = 256, slos=DEFAULT_SLOS, **fields):
    return STRATEGIES["knee"](Goal(slos, most=most, **fields))


@pytest.mark.parametrize("slots", [3, 10, 40])
def test_a_queue_is_found_where_it_breaks_the_first_token(bench, slots):
    finding = bench(queue(slots)).search(knee())
    assert finding.capacity == pytest.approx(slots + 2, abs=max(1, 0.06 * slots))
    assert (finding.cause, finding.slo) == ("ttft", "p95 ttft < 1s")
    assert finding.low <= slots + 3
    assert finding.high >= slots + 2


def test_answers_too_short_to_have_a_pace_are_judged_by_the_rest(bench):
    finding = bench(queue(10), tokens=2).search(knee(), at_most_s=300)
    assert finding.capacity == pytest.approx(12, abs=1)
    assert finding.cause == "ttft"


def test_a_probe_that_is_the_bottleneck_from_the_start_is_told_at_once(bench):
    one = bench(queue(10), tokens=2)
    one.bound = "39 % of the users' time went by between requests"
    finding = one.search(knee(), at_most_s=60)
    assert "the probe was the bottleneck" in finding.refused


def test_tokens_that_slow_down_are_found_where_they_break_the_bound(bench):
    finding = bench(slowing).search(knee())
    assert finding.capacity == pytest.approx(41, abs=2)
    assert finding.cause == "tpot"


def test_without_a_break_the_most_is_held_and_named(bench):
    finding = bench(queue(1000)).search(knee(most=50))
    assert (finding.capacity, finding.cause, finding.slo) == (50, "none", None)
    assert finding.n >= 40


def test_an_endpoint_that_fails_one_user_has_none(bench):
    finding = bench(lambda load, index, at_s: (1.5, 0.02, OK)).search(knee())
    assert (finding.capacity, finding.cause, finding.slo) == (0, "zero", "p95 ttft < 1s")


def test_a_cold_start_is_waited_out_and_leaves_no_trace(bench):
    def cold(load, index, at_s):
        ttft_s, tpot_s, outcome = queue(10)(load, index, at_s)
        return (ttft_s, tpot_s * (4 if at_s < 30 else 1), outcome)

    finding = bench(cold).search(knee())
    assert finding.capacity == pytest.approx(12, abs=1)
    assert finding.visits[0].violations == {}


def test_a_capacity_was_held_for_long_with_many_verdicts(bench):
    finding = bench(queue(10)).search(knee())
    assert finding.held_s >= 30
    assert finding.n >= 100


def test_errors_at_any_load_leave_no_capacity(bench):
    broken = bench(lambda load, index, at_s: (0.2, 0.02, Outcome.SERVER_ERROR if index % 20 == 7 else OK))
    finding = broken.search(knee())
    assert (finding.capacity, finding.slo) == (0, "errors < 1%")


@pytest.mark.parametrize("cap", [2, 3, 12])
def test_a_rate_limit_is_obeyed_and_named(bench, cap):
    limited = bench(refusing(cap))
    finding = limited.search(knee())
    assert finding.capacity == pytest.approx(cap, abs=1)
    assert (finding.cause, finding.slo) == ("rate_limit", "errors < 1%")


def test_the_largest_load_allowed_is_never_exceeded(bench):
    endpoint = bench(queue(100))
    loads = []
    strategy = knee(most=30)
    while True:
        action = endpoint.step(strategy)
        loads += [] if action.move is None else [action.move.load]
        if action.finding is not None:
            break
    assert max(loads) == 30


def test_a_load_that_clearly_fails_is_left_within_seconds(bench):
    endpoint, strategy = bench(queue(10)), knee()
    moves = []
    while True:
        action = endpoint.step(strategy)
        if action.move is not None:
            moves.append((endpoint.now_s, action.move.load))
        if action.finding is not None:
            break
    over = [(after - at, load) for (at, load), (after, _) in pairwise(moves) if load >= 15]
    assert over
    assert all(stayed < 6 for stayed, _ in over)


def test_while_a_hand_has_the_load_it_makes_no_move_and_learns(bench):
    endpoint, strategy = bench(queue(10)), knee()
    for _ in range(10):
        endpoint.step(strategy)
    endpoint.armed = False
    endpoint.move(8)
    for _ in range(80):
        action = endpoint.step(strategy)
        assert action.move is None
        assert "hand" in action.says
    endpoint.armed = True
    moves = []
    while (action := endpoint.step(strategy)).finding is None:
        moves += [] if action.move is None else [action.move.load]
    assert moves[0] > 8
    assert action.finding.capacity == pytest.approx(12, abs=1)
    assert {visit.by for visit in action.finding.visits} == {"autopilot", "hand"}


def test_a_probe_that_is_the_bottleneck_gives_no_answer(bench):
    endpoint, strategy = bench(queue(1000)), knee()
    for _ in range(30):
        endpoint.step(strategy)
    endpoint.bound = "its event loop lags"
    finding = endpoint.search(strategy)
    assert finding.capacity is None
    assert "its event loop lags" in finding.refused


def test_an_endpoint_that_slowed_down_meanwhile_gives_no_answer(bench):
    drifting = bench(lambda load, index, at_s: (0.2, (0.2 + 0.01 * load) * (1 + at_s / 900), OK))
    finding = drifting.search(knee(slos=parse_slos(["p95 ttft < 1s", "p95 tpot < 600ms"])), at_most_s=3000)
    assert finding.capacity is None
    assert finding.refused == "the endpoint changed while it was measured"
    assert "a token took" in finding.drift


def test_a_change_is_looked_for_before_the_most_is_said_to_hold(bench):
    drifting = bench(lambda load, index, at_s: (0.2, (0.1 + 0.005 * load) * (1 + at_s / 600), OK))
    finding = drifting.search(knee(most=20, slos=parse_slos(["p95 ttft < 1s"])))
    assert finding.refused == "the endpoint changed while it was measured"


def test_a_change_is_looked_for_under_a_rate_limit_too(bench):
    def limited(load, index, at_s):
        refused = load > 12 and index % int(load) >= 12
        return (0.2, 0.05 * (1 + at_s / 400), Outcome.RATE_LIMITED if refused else OK)

    finding = bench(limited).search(knee(slos=parse_slos(["p95 ttft < 1s", "errors < 1%"])), at_most_s=3000)
    assert finding.refused == "the endpoint changed while it was measured"


def test_a_change_is_seen_where_nothing_is_less_than_what_holds(bench):
    drifting = bench(lambda load, index, at_s: (0.2 if load < 2 else 2.0, 0.1 * (1 + at_s / 500), OK))
    finding = drifting.search(knee(slos=parse_slos(["p95 ttft < 1s"])), at_most_s=3000)
    assert finding.refused == "the endpoint changed while it was measured"


def test_an_endpoint_that_became_faster_holds_what_it_held(bench):
    def warming(load, index, at_s):
        return (0.2 + max(0.0, load - 10) * 0.4, 0.1 if at_s < 25 else 0.05, OK)

    finding = bench(warming).search(knee(slos=parse_slos(["p95 ttft < 1s"])))
    assert finding.drift is None
    assert finding.capacity == pytest.approx(12, abs=1)


def test_a_rate_limit_does_not_hide_an_objective_that_not_one_user_keeps(bench):
    def slow(load, index, at_s):
        refused = load > 6 and index % int(load) >= 6
        return (1.5 if index % 8 == 3 else 0.2, 0.05, Outcome.RATE_LIMITED if refused else OK)

    finding = bench(slow).search(knee(), at_most_s=3000)
    assert finding.capacity in {0, None}


def test_a_window_of_a_minute_is_held_for_a_whole_one(bench):
    """The first 200 requests of each minute are let through: not one user more than that makes."""
    minute: dict[int, list[int]] = {}

    def limited(load, index, at_s):
        let = minute.setdefault(int(at_s // 60), [])
        let += [index] if len(let) < 200 else []
        return (0.2, 0.07, OK if index in let[-1:] else Outcome.RATE_LIMITED)

    finding = bench(limited).search(knee(slos=parse_slos(["p95 ttft < 1s", "errors < 1%"])), at_most_s=3000)
    most = 200 / 60 * (0.2 + 39 * 0.07)
    assert finding.cause == "rate_limit"
    assert 0.75 * most < finding.capacity <= most + 0.5


def test_a_load_above_one_that_failed_is_not_confirmed(bench):
    endpoint, strategy = bench(queue(10)), knee()
    failed: list[float] = []
    while (action := endpoint.step(strategy)).finding is None:
        if action.move is not None and "confirm" in action.says:
            assert action.move.load < min(failed)
        failed = [stay.load for stay in strategy._evidence.stays if stay.held is False]
    assert failed


def test_it_ends_when_the_requests_are_spent(bench):
    endpoint = bench(queue(10))
    endpoint.requests_left = 0
    finding = endpoint.search(knee())
    assert finding.capacity is None
    assert finding.refused == "too few requests counted to confirm any load"


def test_a_clock_that_runs_faster_makes_for_a_shorter_search(bench):
    def fast(load, index, at_s):
        return (0.02 + max(0.0, load - 10) * 0.04, 0.002, OK)

    slos = tuple(slo.scaled(10) for slo in DEFAULT_SLOS)
    endpoint = bench(fast)
    finding = endpoint.search(knee(slos=slos, speed=10.0))
    assert finding.capacity == pytest.approx(12, abs=1)
    assert endpoint.now_s < 30


def test_any_set_of_objectives_will_do(bench):
    finding = bench(queue(10)).search(knee(slos=parse_slos(["p50 e2e < 1.5s", "goodput > 90%"])))
    assert finding.capacity == pytest.approx(11, abs=1)
    assert finding.slo == "p50 e2e < 1.5s"


def test_the_same_ticks_give_the_same_actions(bench):
    def told():
        endpoint, strategy = bench(queue(10)), knee()
        while True:
            action = endpoint.step(strategy)
            yield action
            if action.finding is not None:
                return

    assert list(told()) == list(told())


def test_what_it_says_is_a_calm_line_in_the_present_tense(bench):
    endpoint, strategy = bench(queue(10)), knee()
    said = []
    while (action := endpoint.step(strategy)).finding is None:
        said.append(action.says)
    first_words = {line.split()[0] for line in said}
    assert first_words <= {"begins", "learns", "climbs", "closes", "holds", "checks", "goes"}
    assert any("verdicts" in line for line in said)
    assert all("\n" not in line and len(line) < 90 for line in said)
