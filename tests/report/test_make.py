"""From what a run folder tells to its result."""

import pytest
from msgspec.structs import replace

from llmprobe.core.finding import Finding
from llmprobe.core.load import Load
from llmprobe.core.outcome import Outcome
from llmprobe.core.scenario import Baseline, Endpoint, Prices
from llmprobe.core.slo import parse_slos
from llmprobe.report.files import Changed, Ended, Found, Marked
from llmprobe.report.formats import FORMATS
from llmprobe.report.make import make_result
from llmprobe.report.to_text import headline
from llmprobe.report.to_text import totals as said_totals

AT_ONE = Changed(0.0, 0, 1)


def _ended(reason, at_s=10.0):
    return Ended(at_s, reason, reason)


def _alone(make, n=30, **fields):
    """One user that sends `n` requests of a second each."""
    return [make.record(float(k), 1.0, index=k, **fields) for k in range(n)]


def test_a_run_that_went_well_passes_and_is_complete(evening, scenario):
    result = make_result(evening, scenario)
    assert (result.verdict.passed, result.verdict.exit_code, result.complete) == (True, 0, True)
    assert (result.started, result.duration_s) == ("2026-05-04T20:15:00.000+00:00", 66.0)
    assert (result.capacity, result.limits, result.server) == (None, None, None)


def test_warm_up_and_settling_are_in_the_totals_and_in_nothing_else(evening, scenario):
    result = make_result(evening, scenario)
    low, high = result.levels
    assert (low.users, low.settling, low.n) == (4, 4, 116)
    assert (high.users, high.settling, high.n) == (16, 16, 272)
    assert result.totals.requests == len(evening.records) == 20 + low.n + 4 + high.n + 16
    assert result.warmup_requests == 20
    assert result.latency.ttft_s.n == result.verdict.slos[0].n == low.n + high.n


def test_seconds_at_a_level_leave_its_settling_out(evening, scenario):
    low, high = make_result(evening, scenario).levels
    assert (low.seconds, high.seconds) == (35.5 - 6, 65 - 39)
    assert low.output_tokens_per_s == 116 * 40 / 29.5


def test_throughput_is_over_the_measured_time(evening, scenario):
    through = make_result(evening, scenario).throughput
    measured = [record for record in evening.records if record.level_id >= 0]
    last_s = max(record.ended_s for record in measured)
    assert through.requests_per_s == len(measured) / (last_s - 5.0)
    assert through.output_tokens_per_s == 40 * len(measured) / (last_s - 5.0)
    assert through.tokens_per_s_per_user == 1 / 0.03


def test_gaps_between_tokens_are_those_of_settled_seconds(make, scenario):
    series = [make.moment(float(second), gap_s=9.0 if second <= 1 else 0.02) for second in range(1, 31)]
    run = make.run(_alone(make), [Changed(0.5, 0, 1), make.DONE], series)
    itl = make_result(run, scenario).latency.itl_s
    assert (itl.n, itl.max) == (29 * 100, 0.02)
    assert itl.mean == pytest.approx(0.02)


def test_a_killed_run_is_judged_by_what_it_measured_and_is_not_complete(evening, scenario):
    killed = replace(evening, lines=evening.lines[:-2], broken_lines=1)
    result = make_result(killed, scenario)
    assert (result.complete, result.ended, result.torn_lines) == (False, None, 1)
    assert result.duration_s == 66.0
    assert result.verdict.passed
    assert [level.users for level in result.levels] == [4, 16]


def test_a_folder_that_lost_its_first_line_still_has_a_result(make, scenario):
    result = make_result(make.run(_alone(make)), scenario)
    assert (result.started, result.url, result.levels) == (None, None, ())
    assert result.totals.completed == 30
    assert result.verdict.exit_code == 5


def test_an_empty_run_has_a_result_without_figures(make, scenario):
    result = make_result(make.run([], [make.BEGAN]), scenario)
    assert result.totals.requests == 0
    assert result.latency.ttft_s.p50 is None
    assert result.throughput.requests_per_s is None
    assert result.verdict.exit_code == 5
    assert result.verdict.reasons[0] == "no request had ended when the run did"


@pytest.mark.parametrize(
    ("reason", "complete"),
    [("plan", True), ("stopped", True), ("money", True), ("interrupted", False), ("fault", False)],
)
def test_a_run_cut_short_is_not_complete(make, scenario, reason, complete):
    assert make_result(make.run(_alone(make), [AT_ONE, _ended(reason)]), scenario).complete is complete


@pytest.mark.parametrize(
    ("lines", "series", "last_s"), [([], [], 1.0), ([], [7.0], 7.0), ([9.5], [7.0], 9.5)]
)
def test_a_run_that_was_killed_lasted_until_the_last_that_anything_tells(
    make, scenario, lines, series, last_s
):
    marks = [Marked(at_s, "here") for at_s in lines]
    run = make.run([make.record(0.0, 1.0)], [make.BEGAN, AT_ONE, *marks], map(make.moment, series))
    result = make_result(run, scenario)
    assert (result.duration_s, result.complete, result.ended) == (last_s, False, None)
    assert "it was killed; this is what it had measured until then (incomplete)" in headline(result)


def test_requests_are_told_by_how_they_ended_and_each_once(make, scenario):
    outcomes = [Outcome.OK, Outcome.TRUNCATED, Outcome.TRUNCATED, Outcome.RATE_LIMITED, Outcome.LOST]
    outcomes += [Outcome.CANCELLED, Outcome.CONTENT_FILTER]
    records = [make.record(index=k, outcome=outcome) for k, outcome in enumerate(outcomes)]
    assert said_totals(make_result(make.run(records, [AT_ONE]), scenario)).startswith(
        "7 requests: 2 completed (1 content_filter), 3 failed (1 rate_limited, 2 truncated), "
        "1 cancelled by us, 1 lost with their worker; 700 tokens in"
    )


def test_a_request_booked_as_lost_that_was_written_after_all_counts_once(make, scenario):
    lost = [make.record(index=k, outcome=Outcome.LOST, ttft_s=None) for k in (3, 99)]
    totals = make_result(make.run([*_alone(make), *lost], [AT_ONE]), scenario).totals
    assert (totals.requests, totals.completed, totals.cancelled) == (31, 30, 1)
    assert totals.outcomes == {"lost": 1, "ok": 30}


def test_records_that_the_disk_refused_are_counted(make, scenario):
    result = make_result(make.run(_alone(make), [AT_ONE]), scenario, unwritten=_alone(make, 5))
    assert result.totals.requests == 35


def test_on_a_faster_simulator_the_bounds_are_as_much_tighter(make, scenario):
    fast = replace(scenario, endpoint=Endpoint(url="sim:small-gpu?speed=10"))
    slos = make_result(make.run(_alone(make), [AT_ONE]), fast).verdict.slos
    assert [slo.slo for slo in slos] == ["p95 ttft < 100ms", "p95 tpot < 6ms", "errors < 1%"]
    assert [slo.passed for slo in slos] == [False, False, True]


def test_a_level_where_the_worker_was_busy_makes_the_run_probe_bound(make, scenario):
    lines = [AT_ONE, Changed(20.0, 1, 2), Changed(30.0, 2, 0), _ended("plan", 30.0)]
    records = [make.record(k / 2, 1.0, index=k, level_id=int(k >= 40)) for k in range(60)]
    series = [make.moment(float(s), 1, cpu_share=0.95 if s > 20 else 0.1) for s in range(1, 31)]
    result = make_result(make.run(records, lines, series), scenario)
    assert result.probe.bound
    assert result.probe.cpu_share == pytest.approx(0.95)
    assert (
        result.probe.why
        == "at 2 users a worker used 95% of a core; use more --workers, another host, or uvloop"
    )
    assert result.verdict.exit_code == 5


def test_beside_a_busy_probe_nothing_passes_nor_fails_and_no_baseline_is_held_to_it(make, scenario):
    against = replace(scenario, baseline=Baseline({"ttft_p50_s": 0.1}))
    series = [make.moment(float(s), 1, cpu_share=0.95) for s in range(1, 31)]
    result = make_result(make.run(_alone(make, ttft_s=4.0), [AT_ONE, make.DONE], series), against)
    assert [(slo.value, slo.passed) for slo in result.verdict.slos] == [
        (4.0, None),
        (0.02, None),
        (0.0, None),
    ]
    assert result.verdict.exit_code == 5
    assert result.verdict.reasons == (f"no verdict: the probe was the bottleneck ({result.probe.why})",)
    text = FORMATS["text"](result)
    assert not set(text) & set("✓✖")
    assert "\n1!    " in text
    assert "| refused | p95 ttft < 1s | 4.00 s" in FORMATS["markdown"](result).replace("\\", "")


def test_a_busy_worker_while_a_level_settles_binds_nothing(make, scenario):
    series = [make.moment(float(s), 1, cpu_share=1.0 if s <= 1 else 0.1) for s in range(1, 31)]
    result = make_result(make.run(_alone(make), [AT_ONE, make.DONE], series), scenario)
    assert not result.probe.bound
    assert result.probe.cpu_share == pytest.approx(0.1)


def test_where_no_level_lasted_the_probes_share_is_that_of_the_whole_run(make, scenario):
    series = [make.moment(1.0, cpu_share=0.9), make.moment(2.0, cpu_share=1.0, lag_s=0.3)]
    probe = make_result(make.run([], [AT_ONE], series), scenario).probe
    assert not probe.bound
    assert probe.cpu_share == pytest.approx(0.95)
    assert (probe.loop_lag_p99_s, probe.loop_lag_max_s) == (None, 0.3)


def test_cost_is_told_where_prices_are_known(make, scenario):
    records = _alone(make, usd=0.01)
    series = [make.moment(float(second), 1) for second in range(1, 31)]
    run = make.run(records, [AT_ONE, make.DONE], series)
    assert make_result(run, scenario).cost is None
    cost = make_result(run, replace(scenario, prices=Prices(input=0.15, output=0.6))).cost
    assert cost is not None
    assert cost.usd == pytest.approx(0.30)
    assert cost.usd_per_request == pytest.approx(0.01)
    assert cost.usd_per_user_hour == pytest.approx(0.30 / (30 / 3600))
    assert cost.prices == "$0.15 in, $0.6 out, a million tokens"


def test_the_cached_share_is_of_the_tokens_whose_cache_is_known(make, scenario):
    records = [
        make.record(index=0),
        make.record(index=1, cached_tokens=25),
        make.record(index=2, cached_tokens=0),
    ]
    result = make_result(make.run(records, [AT_ONE]), scenario)
    assert (result.workload.cached_share, result.totals.cached_tokens) == (25 / 200, 25)


def test_a_run_at_a_rate_has_levels_by_rate(make, scenario):
    records = [make.record(k / 2, 1.0, index=k) for k in range(60)]
    run = make.run(records, [Changed(0.0, 0, 2.0), Changed(30.0, 1, 0), make.DONE])
    (level,) = make_result(run, replace(scenario, load=Load(kind="rate"))).levels
    assert (level.rate, level.users) == (2.0, 0)


def test_a_run_that_is_worse_than_its_baseline_fails(evening, scenario):
    against = replace(scenario, baseline=Baseline({"ttft_p50_s": 0.1}))
    verdict = make_result(evening, against).verdict
    assert verdict.exit_code == 1
    assert verdict.reasons[0].startswith("baseline ttft_p50_s: ")


def test_goodput_is_judged_over_all_levels(make, scenario):
    records = [make.record(float(k), 1.0, index=k, ttft_s=2.0 if k % 2 else 0.2) for k in range(41)]
    strict = replace(scenario, slo=parse_slos(["p95 ttft < 1s", "goodput > 90%"]))
    goodput = make_result(make.run(records, [AT_ONE, make.DONE]), strict).verdict.slos[1]
    assert (goodput.value, goodput.n, goodput.passed) == (0.5, 40, False)


@pytest.mark.parametrize(
    ("outcomes", "after"),
    [
        ((Outcome.RATE_LIMITED,), "429s"),
        ((Outcome.RATE_LIMITED, Outcome.SERVER_ERROR), "429s and other failures"),
        ((Outcome.SERVER_ERROR,), "failures"),
    ],
)
def test_backing_off_is_told_where_it_shaped_the_load(make, scenario, outcomes, after):
    failures = [make.record(30.0, 0.1, index=90 + k, outcome=o, error="x") for k, o in enumerate(outcomes)]
    series = [make.moment(float(s), 4, backed_off_s=0.48) for s in range(1, 31)]
    result = make_result(make.run([*_alone(make), *failures], [AT_ONE, make.DONE], series), scenario)
    assert result.totals.user_s == 120.0
    assert result.totals.backed_off_s == pytest.approx(14.4)
    for format_ in ("text", "markdown"):
        assert f"12% of users' time was spent backing off after {after}." in FORMATS[format_](result)


def test_a_wait_here_and_there_shaped_nothing(make, scenario):
    series = [make.moment(float(s), 4, backed_off_s=0.03) for s in range(1, 31)]
    result = make_result(make.run(_alone(make), [AT_ONE, make.DONE], series), scenario)
    assert "backing off" not in FORMATS["text"](result)


RELATIVE = parse_slos(["p95 ttft < 3x idle"])


def _then_four(make, ttft_s, alone=30):
    """One user for so many seconds, then four."""
    records = _alone(make, alone, users=1)
    records += [
        make.record(40.0 + k, 1.0, index=100 + 4 * k + user, user=user, level_id=1, ttft_s=ttft_s)
        for k in range(30)
        for user in range(4)
    ]
    return make.run(records, [AT_ONE, Changed(40.0, 1, 4), make.DONE])


@pytest.mark.parametrize(("ttft_s", "passed"), [(0.59, True), (0.61, False)])
def test_an_objective_relative_to_one_user_is_judged_by_the_level_of_one(make, scenario, ttft_s, passed):
    (slo,) = make_result(_then_four(make, ttft_s), replace(scenario, slo=RELATIVE)).verdict.slos
    assert (slo.slo, slo.passed) == ("p95 ttft < 3x idle = 600ms", passed)


def test_without_a_level_of_one_user_a_relative_objective_has_no_verdict(make, scenario):
    verdict = make_result(_then_four(make, 0.3, alone=3), replace(scenario, slo=RELATIVE)).verdict
    assert (verdict.exit_code, verdict.slos[0].value, verdict.slos[0].passed) == (5, 0.3, None)
    assert verdict.reasons == (
        "p95 ttft < 3x idle: no level of one user shows what idle is; add a stage with 1 user",
    )


def test_after_a_search_a_relative_objective_is_judged_by_what_the_search_measured(make, scenario):
    found = Finding(4, 4.0, 4.0, 5.0, "ttft", idle={"ttft": 0.1})
    run = _then_four(make, 0.4)
    run = replace(run, lines=(*run.lines, Found(70.0, found)))
    (slo,) = make_result(run, replace(scenario, slo=RELATIVE)).verdict.slos
    assert (slo.slo, slo.passed) == ("p95 ttft < 3x idle = 300ms", False)
