"""The recent past, second by second."""

from llmprobe.core.events import LoadChanged
from llmprobe.core.outcome import Outcome
from llmprobe.metrics.seconds import KEPT, Seconds


def test_a_second_without_measurement_is_a_gap_and_not_zero():
    seconds = Seconds()
    seconds.first_token(0.5, 0.2)
    seconds.chunks(0.5, 10)
    seconds.answer(2.5, Outcome.OK)
    first, gap, last = seconds.until(3.1, 1.0)
    assert (first.ttft_p50_s, first.tokens_per_s, first.rate_limited_share) == (0.2, 10, None)
    assert (gap.ttft_p50_s, gap.tokens_per_s, gap.rate_limited_share, gap.failed_share) == (None,) * 4
    assert (last.rate_limited_share, last.failed_share) == (0, 0)


def test_rate_limited_and_other_failures_are_shares_of_the_seconds_answers():
    seconds = Seconds()
    for outcome in (Outcome.OK, Outcome.RATE_LIMITED, Outcome.SERVER_ERROR, Outcome.TRUNCATED):
        seconds.answer(0.9, outcome)
    (second,) = seconds.until(1.0, 1.0)
    assert (second.rate_limited_share, second.failed_share) == (0.25, 0.5)


def test_the_present_second_is_not_told_and_the_load_is_the_one_in_its_middle():
    seconds = Seconds()
    seconds.load(LoadChanged(0, 4, 0.2))
    seconds.load(LoadChanged(1, 8, 1.6))
    assert [second.users for second in seconds.until(3.9, 1.0)] == [4, 4, 8]


def test_chunks_are_told_as_tokens_by_the_runs_own_ratio():
    seconds = Seconds()
    seconds.chunks(0.1, 10)
    seconds.chunks(0.9, 5)
    assert seconds.until(1.0, 2.0)[0].tokens_per_s == 30


def test_only_the_last_seconds_are_kept_however_quiet_the_run_is():
    seconds = Seconds()
    seconds.first_token(0.5, 0.2)
    for at_s in range(2 * KEPT):
        seconds.until(float(at_s), 1.0)
    told = seconds.until(2 * KEPT, 1.0)
    assert [second.at_s for second in told] == list(range(KEPT, 2 * KEPT))
    assert len(seconds._done) == KEPT
    assert not seconds._bins


def test_before_the_first_load_of_its_kind_there_is_a_gap():
    seconds = Seconds()
    seconds.load(LoadChanged(0, 4, 0.0))
    assert [second.users for second in seconds.until(2.0, 1.0)] == [4, 4]
    seconds.load(LoadChanged(1, 1.5, 2.0, kind="rate"))
    assert [second.users for second in seconds.until(4.0, 1.0)] == [None, None, 1.5, 1.5]
