"""Whether tokens take longer and longer is told from load, from spells and from chance."""

import math

import pytest

from llmprobe.control.evidence import Evidence
from llmprobe.control.trend import trend_of
from llmprobe.core.outcome import Outcome
from llmprobe.core.seeding import unit
from llmprobe.core.slo import parse_slos
from llmprobe.core.tick import Goal


@pytest.fixture
def watched(bench):
    """The trend of an endpoint with this time per token, after stays at loads for so many seconds."""

    def after(tpot_s, *stays):
        endpoint = bench(lambda load, index, at_s: (0.2, tpot_s(load, index, at_s), Outcome.OK))
        evidence = Evidence(Goal(parse_slos(["p95 ttft < 1s"])))
        for load, seconds in stays:
            endpoint.move(load)
            for _ in range(2 * seconds):
                evidence.take(endpoint.tick())
            evidence.stays[-1].held = True
        return trend_of(evidence)

    return after


def test_what_grows_with_time_is_measured(watched):
    trend = watched(lambda load, index, at_s: 0.05 * (1 + at_s / 500), (4, 30), (8, 60), (4, 60))
    assert trend.log == pytest.approx(math.log(1.3), abs=0.05)
    assert trend.z > 10


def test_what_grows_with_load_is_none(watched):
    trend = watched(lambda load, index, at_s: 0.02 + 0.004 * load, (1, 20), (4, 20), (16, 20), (4, 20))
    assert abs(trend.log) < 0.01


def test_chance_is_none(watched):
    trend = watched(lambda load, index, at_s: 0.05 * (0.7 + 0.6 * unit(7, index)), (4, 40), (16, 40), (4, 40))
    assert abs(trend.z) < 2


def test_a_spell_counts_as_one_thing_however_many_answers_show_it(watched):
    def spell(load, index, at_s):
        return 0.09 if 40 < at_s < 75 else 0.05

    few, many = watched(spell, (4, 120)), watched(spell, (64, 120))
    assert many.z == pytest.approx(few.z, abs=0.5)
    assert abs(many.z) < 2.5


def test_half_a_minute_alone_says_nothing(watched):
    trend = watched(lambda load, index, at_s: 0.05 * (1 + at_s / 50), (16, 30))
    assert (trend.log, trend.z) == (0, 0)
