"""When users start and leave, as tables."""

import pytest

from llmprobe.core.load import WARMUP_LEVEL, Load, Stage
from llmprobe.engine.pacer import Level, arrival_gap, timeline, user_steps


def test_each_stage_begins_where_the_one_before_ended():
    load = Load(stages=(Stage(8, hold_s=30, ramp_s=2), Stage(32, hold_s=60, by="hand")))
    line = timeline(load)
    assert [(level.level_id, level.start_s, level.origin, level.target) for level in line.levels] == [
        (0, 0.0, 0.0, 8),
        (1, 32.0, 8, 32),
    ]
    assert line.end_s == 92
    assert line.levels[1].by == "hand"


def test_warm_up_comes_first_at_the_first_stages_load():
    line = timeline(Load(warmup_s=5, stages=(Stage(8, hold_s=30),)))
    assert [(level.level_id, level.start_s, level.target) for level in line.levels] == [
        (WARMUP_LEVEL, 0.0, 8),
        (0, 5, 8),
    ]
    assert line.levels[1].origin == 8


@pytest.mark.parametrize(
    ("origin", "target", "ramp_s", "steps"),
    [
        (0, 4, 2.0, [(10.0, 1), (10.5, 2), (11.0, 3), (11.5, 4)]),
        (4, 2, 1.0, [(10.0, 3), (10.5, 2)]),
        (3, 9, 0.0, [(10.0, 9)]),
        (5, 5, 3.0, [(10.0, 5)]),
    ],
)
def test_users_join_and_leave_evenly_along_a_ramp(origin, target, ramp_s, steps):
    assert list(user_steps(Level(1, 10.0, ramp_s, origin, target))) == steps


def test_a_ramp_is_a_straight_line_of_load():
    level = Level(0, 10.0, 4.0, 2.0, 10.0)
    assert [level.load_at(at_s) for at_s in (10, 12, 14, 99)] == [2, 6, 10, 10]


@pytest.mark.parametrize(("arrivals", "variance"), [("constant", 0.0), ("poisson", 1.0), ("gamma", 2.0)])
def test_gaps_between_arrivals_have_mean_one_and_the_variance_of_their_kind(arrivals, variance):
    gaps = [arrival_gap(arrivals, seed=7, number=n) for n in range(20_000)]
    mean = sum(gaps) / len(gaps)
    assert mean == pytest.approx(1.0, abs=0.05)
    assert sum((gap - mean) ** 2 for gap in gaps) / len(gaps) == pytest.approx(variance, abs=0.15)


def test_arrivals_depend_on_seed_and_number_alone():
    assert arrival_gap("poisson", 1, 5) == arrival_gap("poisson", 1, 5)
    assert arrival_gap("poisson", 1, 5) != arrival_gap("poisson", 2, 5)
