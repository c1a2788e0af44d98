"""Which requests count for which load, and from when on."""

import pytest

from llmprobe.core.events import LoadChanged
from llmprobe.core.load import WARMUP_LEVEL
from llmprobe.core.outcome import Outcome
from llmprobe.core.slo import parse_slos
from llmprobe.metrics.levels import Levels, breaks

SLOS = parse_slos(["p95 ttft < 1s", "p95 tpot < 60ms", "errors < 1%"])


@pytest.fixture
def levels() -> Levels:
    return Levels(SLOS)


@pytest.fixture
def settled(levels: Levels, record) -> Levels:
    """At one user, settled from second 1 on."""
    levels.change(LoadChanged(0, 1, at_s=0.0))
    levels.finish(record(0.0, 1.0))
    return levels


def _only(levels, now_s=100.0):
    (figures,) = levels.figures(now_s)
    return figures


# Settling


def test_a_level_is_settled_once_as_many_requests_have_ended_as_it_has_users(levels, record):
    levels.change(LoadChanged(0, 3, at_s=0.0))
    for ended_s in (1.0, 2.0, 3.0):
        assert not levels.finish(record(0.0, ended_s))
    assert not levels.finish(record(2.9, 1.0))
    assert levels.finish(record(3.0, 1.0))
    assert (_only(levels).n, _only(levels).settling) == (1, 4)


def test_failures_are_endings_too_but_what_we_cancelled_or_lost_is_not(levels, record):
    levels.change(LoadChanged(0, 2, at_s=0.0))
    levels.finish(record(0.0, 1.0, outcome=Outcome.CANCELLED))
    levels.finish(record(0.0, 1.5, outcome=Outcome.LOST))
    levels.finish(record(0.0, 2.0, outcome=Outcome.RATE_LIMITED))
    levels.finish(record(0.0, 3.0, outcome=Outcome.SERVER_ERROR))
    assert not levels.finish(record(2.5, 2.0))
    assert levels.finish(record(3.0, 2.0))


def test_endings_before_the_ramp_is_over_do_not_settle_it(levels, record):
    levels.change(LoadChanged(0, 1, at_s=0.0, over_s=5.0))
    levels.finish(record(0.0, 4.0))
    levels.finish(record(4.0, 2.0))
    assert not levels.finish(record(5.5, 1.0))
    assert levels.finish(record(6.0, 1.0))


def test_a_fall_of_the_load_takes_twice_as_many_endings(levels, record):
    levels.change(LoadChanged(0, 8, at_s=0.0))
    levels.change(LoadChanged(1, 2, at_s=10.0))
    for ended_s in (11.0, 12.0, 13.0, 14.0):
        assert not levels.finish(record(5.0, ended_s - 5.0, level_id=0))
    assert not levels.finish(record(13.5, 1.0, level_id=1))
    assert levels.finish(record(14.0, 1.0, level_id=1))


@pytest.mark.parametrize(("before", "waits_s"), [(0, 15), (16, 30)])
def test_a_level_where_hardly_anything_ends_is_settled_by_time(levels, record, before, waits_s):
    levels.change(LoadChanged(0, before, at_s=0.0))
    levels.change(LoadChanged(1, 8, at_s=100.0))
    assert not levels.finish(record(100.0 + waits_s - 1, 2.0, level_id=1))
    assert levels.finish(record(100.0 + waits_s, 2.0, level_id=1))


def test_at_a_rate_a_level_settles_once_as_many_have_ended_as_are_in_flight(record):
    levels = Levels(SLOS)
    levels.change(LoadChanged(0, 2.0, at_s=0.0, kind="rate"))
    # Two a second that take 3 s each: 6 in flight.
    for k in range(6):
        assert not levels.finish(record(k / 2, 3.0))
    assert not levels.finish(record(5.4, 3.0))
    assert levels.finish(record(5.5, 3.0))
    assert (_only(levels).rate, _only(levels).users) == (2.0, 0)


def test_time_at_a_level_runs_from_settling_to_the_next_change(settled):
    assert _only(settled, now_s=11.0).seconds == 10
    settled.change(LoadChanged(1, 0, at_s=21.0))
    assert _only(settled, now_s=99.0).seconds == 20


def test_a_level_left_before_it_settled_lasted_no_time(levels):
    levels.change(LoadChanged(0, 4, at_s=0.0))
    levels.change(LoadChanged(1, 8, at_s=5.0))
    assert [level.seconds for level in levels.figures(6.0)] == [0, 0]


# What belongs where


def test_a_request_belongs_to_the_level_at_which_it_started(settled, record):
    settled.change(LoadChanged(1, 2, at_s=10.0))
    settled.finish(record(9.0, 5.0, level_id=0))
    first, second = settled.figures(20.0)
    assert (first.users, first.n) == (1, 1)
    assert (second.users, second.n) == (2, 0)
    assert (first.current, second.current) == (False, True)


def test_visits_to_the_same_load_are_one_level(settled, record):
    settled.change(LoadChanged(1, 2, at_s=10.0))
    settled.change(LoadChanged(2, 1, at_s=20.0))
    for started_s in (20.0, 21.0):
        settled.finish(record(started_s, 1.0, level_id=2))
    settled.finish(record(5.0, 20.0, level_id=0))
    settled.finish(record(25.0, 1.0, level_id=2))
    first, second = settled.figures(30.0)
    assert (first.visits, first.n, first.seconds, first.current) == (2, 2, 9 + 8, True)
    assert (second.visits, second.n, second.current) == (1, 0, False)


def test_warm_up_and_pauses_are_no_levels(levels, record):
    levels.change(LoadChanged(WARMUP_LEVEL, 4, at_s=0.0))
    levels.change(LoadChanged(0, 0, at_s=50.0))
    assert not levels.finish(record(40.0, 1.0, level_id=WARMUP_LEVEL))
    assert not levels.finish(record(60.0, 1.0, level_id=0))
    assert levels.figures(100.0) == ()


def test_a_change_that_a_second_worker_tells_again_is_none(levels):
    assert levels.change(LoadChanged(0, 4, at_s=0.0))
    assert not levels.change(LoadChanged(0, 4, at_s=0.3))
    assert _only(levels).visits == 1


def test_tokens_per_second_are_those_of_what_ended_at_the_level(settled, record):
    settled.finish(record(0.5, 2.0, output_tokens=30))
    settled.finish(record(2.0, 4.0, output_tokens=50))
    settled.finish(record(3.0, 4.0, output_tokens=99, outcome=Outcome.CANCELLED))
    settled.change(LoadChanged(1, 0, at_s=11.0))
    settled.finish(record(10.0, 9.0, output_tokens=70))
    assert _only(settled).output_tokens_per_s == (30 + 50) / 10


# Verdicts on one request


def test_a_request_that_meets_every_bound_is_good(record):
    assert breaks(record(), SLOS) is False


@pytest.mark.parametrize(
    "fields",
    [
        {"ttft_s": 1.1},
        {"tpot_s": 0.061},
        {"outcome": Outcome.RATE_LIMITED, "ttft_s": None},
        {"outcome": Outcome.CANCELLED, "ttft_s": 1.2},
        {"outcome": Outcome.CANCELLED, "ttft_s": None, "e2e_s": 1.2},
    ],
)
def test_a_failure_or_a_broken_bound_is_a_violation_also_when_we_cancelled_it_later(record, fields):
    assert breaks(record(**fields), SLOS) is True


def test_a_request_cancelled_before_it_broke_anything_is_not_judged(record):
    waiting = record(outcome=Outcome.CANCELLED, ttft_s=None, e2e_s=0.9)
    assert breaks(waiting, SLOS) is None


def test_the_pace_of_a_few_tokens_is_not_judged(record):
    assert breaks(record(tpot_s=9.0, output_tokens=7), SLOS) is False


def test_a_completed_request_without_a_token_is_not_judged_by_its_first(record):
    assert breaks(record(ttft_s=None, tpot_s=None, output_tokens=0, e2e_s=9.0), SLOS) is False


def test_goodput_is_over_all_that_ended_or_broke_a_bound_and_errors_over_all_that_ended(settled, record):
    for fields in (
        {}, {}, {"ttft_s": 2.0}, {"outcome": Outcome.SERVER_ERROR, "ttft_s": None},
        {"outcome": Outcome.CANCELLED, "ttft_s": None, "e2e_s": 3.0},
        {"outcome": Outcome.CANCELLED, "ttft_s": None, "e2e_s": 0.1},
    ):  # fmt: skip
        settled.finish(record(2.0, **{"e2e_s": 1.0, **fields}))
    figures = _only(settled)
    assert figures.goodput == 2 / 5
    assert (figures.n, figures.error_rate) == (4, 1 / 4)
    assert figures.ttft.n == 3


def test_a_request_that_waits_beyond_the_bound_is_a_violation_now(settled, record):
    settled.finish(record(2.0, 1.0))
    settled.note_overdue([(0, 5.0), (0, 5.5), (0, 0.5)], now_s=6.2)
    assert _only(settled).goodput == 1 / 2
    settled.note_overdue([], now_s=6.5)
    assert _only(settled).goodput == 1


def test_without_a_bound_on_the_first_token_nothing_is_overdue(record):
    levels = Levels(parse_slos(["errors < 1%"]))
    levels.change(LoadChanged(0, 1, at_s=0.0))
    levels.finish(record(0.0, 1.0))
    levels.note_overdue([(0, 2.0)], now_s=99.0)
    assert _only(levels).goodput is None


def test_tokens_a_second_are_told_once_some_seconds_were_spent(settled, record):
    settled.finish(record(1.0, 0.5, output_tokens=100))
    assert _only(settled, now_s=1.5).output_tokens_per_s is None
    assert _only(settled, now_s=5.0).output_tokens_per_s == pytest.approx(100 / 4)


def test_as_many_users_and_requests_a_second_are_two_levels(levels, record):
    levels.change(LoadChanged(0, 2.0, at_s=0.0))
    levels.change(LoadChanged(1, 2.0, at_s=20.0, kind="rate"))
    levels.finish(record(60.0, 1.0, level_id=1))
    users, rate = levels.figures(70.0)
    assert (users.users, users.rate, users.n) == (2, None, 0)
    assert (rate.users, rate.rate, rate.n) == (0, 2.0, 1)
    assert rate.current


def test_a_load_of_the_other_kind_settles_like_one_that_fell(levels, record):
    levels.change(LoadChanged(0, 2.0, at_s=0.0))
    levels.change(LoadChanged(1, 2.0, at_s=20.0, kind="rate"))
    assert not levels.finish(record(36.0, 1.0, level_id=1))
    assert levels.finish(record(51.0, 1.0, level_id=1))
