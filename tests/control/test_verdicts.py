"""When a verdict on a request is out, and what it is."""

import pytest

from llmprobe.control.verdicts import constraints, of_ended, of_open
from llmprobe.core.outcome import Outcome
from llmprobe.core.record import RequestRecord
from llmprobe.core.slo import parse_slos
from llmprobe.core.tick import OpenRequest


def rules(*slos: str):
    return constraints(parse_slos(list(slos)))


def record(**fields) -> RequestRecord:
    usual = {
        "index": 0, "prompt_id": "p", "user": 0, "level_id": 0, "users": 1, "started_s": 10.0, "e2e_s": 2.0,
        "ttft_s": 0.5, "tpot_s": 0.05, "output_tokens": 30, "outcome": Outcome.OK,
    }  # fmt: skip
    return RequestRecord(**{**usual, **fields})


def waiting(first_token_s: float | None = None) -> OpenRequest:
    return OpenRequest(index=0, level_id=0, load=1, started_s=10.0, first_token_s=first_token_s)


def test_budgets_are_what_the_objectives_leave():
    budgets = [rule.budget for rule in rules("p95 ttft < 1s", "p50 e2e < 9s", "errors < 1%", "goodput > 90%")]
    assert budgets == pytest.approx([0.05, 0.5, 0.01, 0.1])


def test_a_first_token_is_judged_when_it_comes_or_as_soon_as_it_is_late():
    ttft = rules("p95 ttft < 1s")
    assert of_open(ttft, waiting(), 10.9) == (None,)
    assert of_open(ttft, waiting(), 11.1) == (1.0,)
    assert of_open(ttft, waiting(first_token_s=10.4), 10.5) == (0.0,)
    assert of_open(ttft, waiting(first_token_s=11.2), 11.3) == (1.0,)


def test_time_per_token_is_judged_at_the_end_and_of_eight_tokens_or_more():
    tpot = rules("p95 tpot < 40ms")
    assert of_open(tpot, waiting(first_token_s=10.4), 30.0) == (None,)
    assert of_ended(tpot, record()) == (1.0,)
    assert of_ended(tpot, record(output_tokens=7)) == (None,)


def test_a_failure_counts_as_an_error_and_against_no_latency_that_it_did_not_show():
    both = rules("p95 ttft < 1s", "errors < 1%")
    failed = record(ttft_s=None, tpot_s=None, e2e_s=0.01, outcome=Outcome.RATE_LIMITED)
    assert of_ended(both, failed) == (None, 1.0)
    assert of_ended(both, record(ttft_s=None, e2e_s=30.0, outcome=Outcome.TIMEOUT_FIRST_TOKEN)) == (1.0, 1.0)
    assert of_ended(both, record(ttft_s=None, e2e_s=0.2, outcome=Outcome.CANCELLED)) == (None, None)


def test_latency_of_an_open_load_is_from_when_a_request_was_due():
    assert of_ended(rules("p95 ttft < 1s"), record(scheduled_s=9.4)) == (1.0,)


def test_gaps_between_tokens_are_judged_one_by_one():
    assert of_ended(rules("p95 itl < 40ms"), record(itl_s=(0.03, 0.03, 0.03, 0.09))) == (0.25,)


def test_goodput_counts_whatever_violates_anything():
    good = rules("p95 ttft < 1s", "p95 tpot < 40ms", "goodput > 90%")
    assert of_ended(good, record()) == (0.0, 1.0, 1.0)
    assert of_ended(good, record(tpot_s=0.01)) == (0.0, 0.0, 0.0)
