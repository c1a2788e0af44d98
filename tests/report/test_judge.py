"""Verdicts: which objective holds, and which exit code wins."""

import pytest
from msgspec.structs import replace

from llmprobe.core.histogram import Histogram
from llmprobe.core.outcome import Outcome
from llmprobe.core.scenario import Baseline
from llmprobe.core.slo import parse_slo, parse_slos
from llmprobe.metrics.snapshot import Percentiles
from llmprobe.report.judge import Objection, judge_baseline, judge_slo, said, verdict
from llmprobe.report.result import Latency, SloResult

GAPS = Histogram.of([0.03] * 50)
KEPT = SloResult("p95 ttft < 1s", 0.62, 812, passed=True, needed=20)
BROKEN = SloResult("p95 tpot < 60ms", 0.08, 812, passed=False, needed=20)
THIN = SloResult("p99 e2e < 9s", None, 12, passed=None, needed=100)
NOTHING = Percentiles()


def _judge(text, records, *others):
    slo = parse_slo(text)
    return judge_slo(slo, (slo, *parse_slos(list(others))), records, GAPS)


def _verdict(*slos, **said_of_the_run):
    usual = {
        "ended_reason": "plan", "ended_message": "all stages are done", "completed": 1, "failures": [],
        "bound": None, "others": [],
    }  # fmt: skip
    return verdict(slos, **{**usual, **said_of_the_run})


# One objective


@pytest.mark.parametrize(("bound", "passed"), [("300ms", True), ("299ms", False)])
def test_a_latency_is_held_against_its_bound(make, bound, passed):
    records = [make.record(ttft_s=0.3 if k % 10 == 0 else 0.1) for k in range(100)]
    result = _judge(f"p95 ttft < {bound}", records)
    assert (result.value, result.n, result.passed) == (0.3, 100, passed)


def test_below_the_samples_it_needs_an_objective_has_no_value(make):
    result = _judge("p95 ttft < 1s", [make.record()] * 19)
    assert (result.value, result.n, result.passed, result.needed) == (None, 19, None, 20)
    assert said(result) == "too few (n = 19 of 20)"


def test_latencies_are_over_completed_requests(make):
    fast_refusals = [make.record(outcome=Outcome.RATE_LIMITED, ttft_s=None, e2e_s=0.001)] * 99
    assert _judge("p50 e2e < 1s", [make.record(e2e_s=2.0)] * 2 + fast_refusals).value == 2.0


def test_errors_are_over_all_that_ended_but_not_by_us(make):
    records = [
        *[make.record()] * 18,
        make.record(outcome=Outcome.RATE_LIMITED), make.record(outcome=Outcome.TRUNCATED),
        *[make.record(outcome=Outcome.CANCELLED)] * 9, make.record(outcome=Outcome.LOST),
    ]  # fmt: skip
    result = _judge("errors < 10%", records)
    assert (result.value, result.n, result.passed) == (0.1, 20, True)


def test_goodput_holds_every_bound_against_every_request(make):
    records = [*[make.record()] * 16, *[make.record(ttft_s=2.0)] * 2, *[make.record(tpot_s=0.5)] * 2]
    assert _judge("goodput > 95%", records).value == 1
    result = _judge("goodput > 95%", records, "p95 ttft < 1s", "p95 tpot < 60ms")
    assert (result.value, result.n, result.passed) == (0.8, 20, False)


def test_gaps_between_tokens_come_from_the_histogram():
    result = _judge("p95 itl < 40ms", [])
    assert result.value == pytest.approx(0.03, rel=0.005)
    assert (result.n, result.passed) == (50, True)


# All together


def test_a_run_that_keeps_everything_passes():
    read = _verdict(KEPT)
    assert (read.passed, read.exit_code, read.reasons) == (True, 0, ())


def test_a_broken_objective_fails_and_says_its_value():
    read = _verdict(KEPT, BROKEN)
    assert (read.passed, read.exit_code) == (False, 1)
    assert read.reasons == ("p95 tpot < 60ms: 80.0 ms (n = 812)",)


def test_when_several_hold_the_gravest_wins_and_all_are_said():
    read = _verdict(BROKEN, THIN, ended_reason="money", ended_message="the cap of $5 is reached")
    assert read.exit_code == 4
    assert read.reasons == (
        "the cap of $5 is reached",
        "p99 e2e < 9s: too few (n = 12 of 100)",
        "p95 tpot < 60ms: 80.0 ms (n = 812)",
    )


@pytest.mark.parametrize(
    ("code", "of_the_run"),
    [
        (6, {"ended_reason": "fault", "completed": 0}),
        (4, {"ended_reason": "money"}),
        (4, {"ended_reason": "errors"}),
        (5, {"bound": "a worker used 93% of a core"}),
        (5, {"completed": 0}),
        (0, {"ended_reason": "duration"}),
        (0, {"ended_reason": "requests"}),
        (0, {"ended_reason": "stopped"}),
        (0, {"ended_reason": None}),
        (1, {"others": [Objection(1, "worse")]}),
    ],
)
def test_each_end_of_a_run_has_its_exit_code(code, of_the_run):
    assert _verdict(KEPT, **of_the_run).exit_code == code


@pytest.mark.parametrize("reason", ["endpoint", "plan", "money"])
def test_an_endpoint_that_answered_nothing_gave_no_result_and_missing_figures_go_without_saying(make, reason):
    refused = make.record(outcome=Outcome.CONNECTION, error="127.0.0.1:9 refuses connections")
    message = "9 requests failed and none was answered"
    read = _verdict(THIN, ended_reason=reason, ended_message=message, completed=0, failures=[refused])
    assert read.exit_code == 3
    said_by_us = "none of 1 requests was answered (127.0.0.1:9 refuses connections)"
    assert read.reasons == (message if reason == "endpoint" else said_by_us,)


# Baseline


def _latency(**tables):
    names = ("ttft_s", "ttfo_s", "itl_s", "tpot_s", "e2e_s", "connect_s", "chunk_gap_s")
    return Latency(**{name: tables.get(name, NOTHING) for name in names})


@pytest.mark.parametrize(("value", "findings"), [(0.5, 0), (0.66, 0), (0.67, 1)])
def test_a_figure_may_be_worse_than_the_baseline_by_its_tolerance(value, findings):
    latency = _latency(ttft_s=Percentiles(n=812, p95=value))
    assert len(judge_baseline(Baseline({"ttft_p95_s": 0.6}, 0.1), latency)) == findings


def test_a_worse_figure_is_said_with_what_was_allowed():
    latency = _latency(ttft_s=Percentiles(n=812, p95=0.9))
    (finding,) = judge_baseline(Baseline({"ttft_p95_s": 0.6}, 0.1), latency)
    assert finding == Objection(1, "baseline ttft_p95_s: 900 ms is more than 600 ms + 10% (n = 812)")


def test_a_figure_without_samples_leaves_the_baseline_undecided():
    (finding,) = judge_baseline(Baseline({"e2e_mean_s": 1.0}), _latency())
    assert finding == Objection(5, "baseline e2e_mean_s: too few samples (n = 0)")


def test_without_a_baseline_there_is_nothing_to_find():
    assert judge_baseline(None, _latency()) == []


def test_shares_and_durations_are_said_as_people_write_them():
    assert said(KEPT) == "620 ms (n = 812)"
    assert said(replace(KEPT, slo="errors < 1%", value=0.0123)) == "1.23% (n = 812)"
