"""How long a user waits after a failure."""

import pytest

from llmprobe.core.outcome import Outcome
from llmprobe.core.scenario import Retry
from llmprobe.engine.backoff import backoff_s

USUAL = Retry()


def test_an_answer_needs_no_wait():
    assert backoff_s(USUAL, Outcome.OK, failures=0, retry_after_s=None, seed=0, index=0) == 0


@pytest.mark.parametrize(
    ("asked_s", "waited_s"),
    [(12.5, 12.5), (0.0, 0.0), (3600.0, 3600.0), (2.5e11, 86_400.0), (1e300, 86_400.0)],
)
def test_what_the_server_asks_for_is_obeyed_up_to_a_day(asked_s, waited_s):
    wait_s = backoff_s(USUAL, Outcome.RATE_LIMITED, failures=1, retry_after_s=asked_s, seed=0, index=0)
    assert wait_s == waited_s


def test_a_scenario_may_ignore_what_the_server_asks_for():
    retry = Retry(retry_after="ignore")
    assert backoff_s(retry, Outcome.RATE_LIMITED, failures=1, retry_after_s=3600, seed=0, index=0) <= 0.25


def test_a_scenario_may_come_back_at_once():
    retry = Retry(retry_after="ignore", first_s=0.0)
    assert backoff_s(retry, Outcome.RATE_LIMITED, failures=9, retry_after_s=3600, seed=0, index=0) == 0


@pytest.mark.parametrize(
    ("retry", "failures", "longest"),
    [
        (USUAL, 1, 0.25), (USUAL, 2, 0.5), (USUAL, 4, 2.0), (USUAL, 5000, 10.0),
        (Retry(first_s=1.0, longest_s=60.0), 3, 4.0), (Retry(first_s=1.0, longest_s=60.0), 9, 60.0),
    ],
)  # fmt: skip
def test_the_wait_doubles_up_to_its_longest_and_is_spread(retry, failures, longest):
    waits = [
        backoff_s(retry, Outcome.CONNECTION, failures=failures, retry_after_s=None, seed=1, index=index)
        for index in range(50)
    ]
    assert all(longest / 2 <= wait <= longest for wait in waits)
    assert len(set(waits)) == len(waits)


@pytest.mark.parametrize(
    ("retry", "said"),
    [
        (USUAL, "Retry-After is obeyed; else 250ms, doubled up to 10s"),
        (Retry("ignore", 1.0, 60.0), "Retry-After is ignored; else 1s, doubled up to 1m"),
        (Retry(first_s=0.0), "Retry-After is obeyed; else nobody waits"),
    ],
)
def test_a_policy_is_said_in_words(retry, said):
    assert str(retry) == said
