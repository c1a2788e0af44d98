"""Where throughput stops growing: the fit, and the search that looks for it where nothing breaks."""

import pytest

from llmprobe.control import STRATEGIES
from llmprobe.control.throughput import Rate, fit
from llmprobe.core.finding import Mix, statement
from llmprobe.core.outcome import Outcome
from llmprobe.core.slo import DEFAULT_SLOS, parse_slos
from llmprobe.core.tick import Goal

LOADS = (4, 8, 16, 32, 64, 128)
PATIENT = parse_slos(["p95 ttft < 1h"])


def curve(knee, per_user=0.4, contention=0.0, n=200):
    """Stays along the model's own curve."""
    bent = ((load, min(load, knee)) for load in LOADS)
    return [Rate(load, n, per_user * m / (1 + contention * (m - 1))) for load, m in bent]


@pytest.mark.parametrize("contention", [0.0, 0.01])
@pytest.mark.parametrize("at", [20, 32, 50])
def test_a_bend_is_found_with_an_interval_around_it(at, contention):
    knee = fit(curve(at, contention=contention), tokens=100)
    assert knee is not None
    assert knee.load == pytest.approx(at, rel=0.03)
    assert knee.low <= at <= knee.high <= 1.6 * at
    assert knee.most_per_s == pytest.approx(100 * curve(at, contention=contention)[-1].per_s, rel=0.03)


def test_few_answers_widen_the_interval():
    wide, narrow = fit(curve(32, n=30), 1), fit(curve(32, n=3000), 1)
    assert wide is not None
    assert narrow is not None
    assert wide.high / wide.low > narrow.high / narrow.low


@pytest.mark.parametrize("contention", [0.0, 0.01, 0.2])
def test_what_only_slows_down_has_no_knee(contention):
    assert fit(curve(1000, contention=contention), 1) is None


def test_too_few_loads_or_answers_show_none():
    assert fit(curve(32)[:3], 1) is None
    assert fit(curve(100, n=9), 1) is None


def slots(count: int):
    """Who finds no slot waits for one: beyond them throughput is flat."""
    return lambda load, index, at_s: (0.2 + max(0.0, load / count - 1), 0.02, Outcome.OK)


def test_where_no_objective_breaks_the_knee_is_looked_for_and_named(bench):
    finding = bench(slots(20)).search(STRATEGIES["knee"](Goal(PATIENT, most=100)))
    assert (finding.capacity, finding.cause, finding.failed_at) == (100, "throughput", None)
    assert finding.knee.low <= 20 <= finding.knee.high
    assert finding.knee.most_per_s == pytest.approx(20 / 0.98 * 40, rel=0.1)
    said = statement(finding, Mix(100, 40, "cold"))
    assert "No SLO broke up to there, the most that was tried, but throughput stops growing at about" in said


def test_where_throughput_grows_to_the_end_none_is_named(bench):
    finding = bench(slots(1000)).search(STRATEGIES["knee"](Goal(PATIENT, most=100)))
    assert (finding.capacity, finding.cause, finding.knee) == (100, "none", None)


def test_where_an_objective_binds_no_time_is_spent_on_it(bench):
    finding = bench(slots(20)).search(STRATEGIES["knee"](Goal(DEFAULT_SLOS, most=100)))
    assert finding.cause == "ttft"
    assert len({visit.load for visit in finding.visits if visit.load < 16}) <= 3
