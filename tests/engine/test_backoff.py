"""How long a user waits after a failure."""

import pytest

from llmprobe.core.outcome import Outcome
from llmprobe.engine.backoff import backoff_s


def test_an_answer_needs_no_wait():
    assert backoff_s(Outcome.OK, failures=0, retry_after_s=None, seed=0, index=0) == 0


def test_what_the_server_asks_for_is_obeyed():
    assert backoff_s(Outcome.RATE_LIMITED, failures=1, retry_after_s=12.5, seed=0, index=0) == 12.5


@pytest.mark.parametrize(("failures", "longest"), [(1, 0.25), (2, 0.5), (4, 2.0), (20, 10.0)])
def test_the_wait_doubles_up_to_ten_seconds_and_is_spread(failures, longest):
    waits = [
        backoff_s(Outcome.CONNECTION, failures=failures, retry_after_s=None, seed=1, index=index)
        for index in range(50)
    ]
    assert all(longest / 2 <= wait <= longest for wait in waits)
    assert len(set(waits)) == len(waits)
