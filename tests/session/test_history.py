"""What happened to the load, as stages that repeat it."""

from hypothesis import given
from hypothesis import strategies as st

from llmprobe.core.events import LoadChanged
from llmprobe.core.load import WARMUP_LEVEL, Stage
from llmprobe.session.history import History


def _history(*changes: tuple[float, float]) -> History:
    history = History()
    for level_id, (at_s, target) in enumerate(changes):
        history.change(LoadChanged(level_id, target, at_s, by="hand"))
    return history


def test_each_change_holds_until_the_next_and_the_last_until_now():
    assert _history((0.0, 4), (2.5, 8), (4.0, 2)).stages(10.0, "users") == (
        Stage(4, hold_s=2.5, by="hand"),
        Stage(8, hold_s=1.5, by="hand"),
        Stage(2, hold_s=6.0, by="hand"),
    )


def test_a_change_told_by_a_second_worker_counts_once():
    history = _history((0.0, 4))
    assert not history.change(LoadChanged(0, 4, 0.001))
    assert len(history.stages(1.0, "users")) == 1


def test_a_pause_is_kept_while_requests_were_in_flight_and_the_quiet_rest_left_out():
    history = _history((0.0, 4), (2.0, 0))
    history.quiet(3.5)
    history.change(LoadChanged(2, 6, 60.0, by="hand"))
    assert history.stages(62.0, "users") == (
        Stage(4, hold_s=2.0, by="hand"),
        Stage(0, hold_s=1.5, by="hand"),
        Stage(6, hold_s=2.0, by="hand"),
    )


def test_a_pause_at_the_end_is_no_stage():
    assert _history((0.0, 4), (2.0, 0)).stages(99.0, "users") == (Stage(4, hold_s=2.0, by="hand"),)


def test_the_warm_up_is_no_stage():
    history = History()
    history.change(LoadChanged(WARMUP_LEVEL, 4, 0.0))
    history.change(LoadChanged(0, 4, 5.0))
    assert history.stages(7.0, "users") == (Stage(4, hold_s=2.0),)


def test_a_ramp_is_part_of_its_stage():
    history = History()
    history.change(LoadChanged(0, 8, 0.0, over_s=2.0))
    assert history.stages(5.0, "users") == (Stage(8, hold_s=3.0, ramp_s=2.0),)


def test_a_plan_is_taken_over_by_a_hand_and_not_by_its_own_end():
    history = _history((0.0, 4), (1.0, 8))
    assert not history.taken_over(planned=2)
    history.change(LoadChanged(2, 0, 2.0))
    assert not history.taken_over(planned=2)
    history.change(LoadChanged(3, 5, 3.0))
    assert history.taken_over(planned=2)


@given(st.lists(st.floats(0.001, 30), min_size=1, max_size=50))
def test_rounding_to_milliseconds_never_adds_up(gaps):
    at_s, changes = 0.0, []
    for number, gap in enumerate(gaps):
        changes.append((at_s, float(number % 7 + 1)))
        at_s += gap
    stages = _history(*changes).stages(at_s, "users")
    start_s = 0.0
    for stage, (change_s, _) in zip(stages, changes, strict=True):
        assert abs(start_s - change_s) < 0.001
        start_s += stage.hold_s


def test_a_load_of_the_other_kind_says_so():
    history = History()
    history.change(LoadChanged(0, 4, 0.0))
    history.change(LoadChanged(1, 2.5, 10.0, kind="rate", by="hand"))
    history.change(LoadChanged(2, 0, 20.0, kind="rate"))
    history.change(LoadChanged(3, 4, 21.0))
    assert history.stages(30.0, "users") == (
        Stage(4, hold_s=10.0), Stage(2.5, hold_s=10.0, by="hand", kind="rate"), Stage(0, hold_s=1.0),
        Stage(4, hold_s=9.0),
    )  # fmt: skip
