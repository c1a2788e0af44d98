"""What a stay shows of a rate limit: what got through, and whether as many were always under way."""

from llmprobe.control.verdicts import constraints
from llmprobe.control.visits import Stay
from llmprobe.core.outcome import Outcome
from llmprobe.core.slo import DEFAULT_SLOS

RULES = constraints(DEFAULT_SLOS)


def capped(load, index, at_s):
    return (0.2, 0.02, Outcome.RATE_LIMITED if index % 3 == 0 else Outcome.OK)


def stayed(endpoint, users: int, seconds: int) -> Stay:
    endpoint.move(users)
    first = endpoint.tick()
    stay = Stay(first, before=None, by="hand", kind="users", residence_s=1.0, patience_s=30.0)
    for _ in range(2 * seconds):
        tick = endpoint.tick()
        for record in tick.ended:
            stay.end(record, RULES)
        stay.take(tick, RULES)
    return stay


def test_as_many_under_way_all_the_time_are_a_cap(bench):
    steady = stayed(bench(lambda load, index, at_s: (0.2, 0.02, Outcome.OK)), users=12, seconds=20)
    assert steady.full == 12


def test_a_changing_number_under_way_is_no_cap(bench):
    waves = stayed(
        bench(lambda load, index, at_s: (0.2, 0.02, Outcome.RATE_LIMITED if at_s % 10 < 5 else Outcome.OK)),
        users=12, seconds=40,
    )  # fmt: skip
    assert waves.full is None


def test_what_is_about_to_be_refused_is_not_under_way(bench):
    stay = stayed(bench(capped), users=30, seconds=30)
    accepted = 30 * 0.98 * 2 / (0.98 * 2 + 0.55)  # two answers of a second for each refusal and its pause
    assert stay.in_flight is not None
    assert abs(stay.in_flight - accepted) < 3


def test_a_short_stay_tells_no_cap(bench):
    assert stayed(bench(capped), users=12, seconds=2).full is None


def test_what_a_fall_left_behind_is_counted_anew_once(bench):
    endpoint = bench(capped)
    before = stayed(endpoint, users=30, seconds=10)
    endpoint.move(10)
    tick = endpoint.tick()
    stay = Stay(tick, before=before, by="autopilot", kind="users", residence_s=1.0, patience_s=30.0)
    while stay.held_s < 3:
        stay.take(endpoint.tick(), RULES)
    assert stay.lingers(5.0)
    assert stay.held_s == 3
    assert stay.lingers(2.0)
    assert stay.held_s == 0
    assert not stay.lingers(0.0)


def test_after_a_rise_nothing_lingers(bench):
    assert not stayed(bench(capped), users=12, seconds=10).lingers(0.0)


def test_refusals_are_counted_from_a_moment_on(bench):
    later = stayed(
        bench(lambda load, index, at_s: (0.2, 0.02, Outcome.RATE_LIMITED if at_s < 10 else Outcome.OK)),
        users=5, seconds=20,
    )  # fmt: skip
    assert later.refused(0.0)[1] > 0
    assert later.refused(10.0)[1] == 0
    assert later.refused(10.0)[0] > 20
