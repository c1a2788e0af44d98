"""Streams of events made by hand, and what a face would be shown of them."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llmprobe.core.events import (
    FirstToken,
    Interval,
    LoadChanged,
    RequestFinished,
    RequestStarted,
    Row,
    Rows,
    WorkerLost,
)
from llmprobe.core.histogram import Histogram
from llmprobe.core.outcome import Outcome
from llmprobe.core.slo import DEFAULT_SLOS
from llmprobe.metrics.aggregator import Aggregator
from llmprobe.metrics.snapshot import LOG_LENGTH, Snapshot


@pytest.fixture
def aggregator() -> Aggregator:
    return Aggregator(DEFAULT_SLOS)


def _interval(worker=0, at_s=1.0, **counts):
    usual = {
        "text_chunks": 0, "itl": Histogram(), "active": 0, "draining": 0, "in_flight": 0, "backing_off": 0,
        "cpu_share": 0.0, "lag_s": 0.0,
    }  # fmt: skip
    return Interval(worker=worker, at_s=at_s, **{**usual, **counts})


def _started(index, at_s=0.0, level_id=0):
    return RequestStarted(user=0, index=index, level_id=level_id, at_s=at_s)


def _first(index, at_s, ttft_s=0.2):
    return FirstToken(user=0, index=index, level_id=0, at_s=at_s, ttft_s=ttft_s)


def test_before_anything_happened_there_is_nothing_to_show(aggregator):
    assert aggregator.snapshot(0.0) == Snapshot()


def test_users_are_the_sum_of_the_newest_word_of_each_worker_and_the_probe_its_worst(aggregator):
    aggregator.fold([
        _interval(0, 1.0, active=9, draining=9, backing_off=9, cpu_share=0.9, lag_s=0.9),
        _interval(1, 1.1, active=2, draining=1, backing_off=1, cpu_share=0.2, lag_s=0.030),
        _interval(0, 1.2, active=3, draining=2, backing_off=0, cpu_share=0.4, lag_s=0.001),
    ])  # fmt: skip
    shot = aggregator.snapshot(1.3)
    assert (shot.active, shot.draining, shot.backing_off) == (5, 3, 1)
    assert (shot.probe_cpu_share, shot.probe_lag_s) == (0.4, 0.030)


def test_a_dead_workers_users_and_rows_are_gone(aggregator):
    row = Row(0, "waiting", None, None, 0, "")
    aggregator.fold([_interval(0, active=2), _interval(1, active=3), Rows((row,), None, worker=1)])
    aggregator.fold([WorkerLost(1, "worker 1 was killed", taken_over=True)])
    assert aggregator.snapshot(1.0).active == 2
    assert aggregator.snapshot(1.0).rows == ()


_counts = st.integers(0, 50)
_told = st.lists(
    st.builds(
        _interval, at_s=st.floats(0, 30), text_chunks=_counts, active=_counts, draining=_counts,
        in_flight=_counts, backing_off=_counts, cpu_share=st.floats(0, 1), lag_s=st.floats(0, 1),
    ),
    max_size=8,
)  # fmt: skip


@settings(deadline=None)
@given(st.lists(_told, min_size=1, max_size=4), st.randoms())
def test_the_workers_intervals_may_come_interleaved_in_any_order(told, random):
    queues = [
        [
            _interval(**{name: getattr(i, name) for name in i.__struct_fields__} | {"worker": worker})
            for i in of
        ]
        for worker, of in enumerate(told)
    ]
    in_turn, mixed = Aggregator(DEFAULT_SLOS), Aggregator(DEFAULT_SLOS)
    in_turn.fold([_started(0)])
    mixed.fold([_started(0)])
    in_turn.fold([interval for queue in queues for interval in queue])
    while queues := [queue for queue in queues if queue]:
        mixed.fold([random.choice(queues).pop(0)])
    assert in_turn.snapshot(31.0) == mixed.snapshot(31.0)


def test_a_ttft_is_shown_when_the_token_arrives_not_when_the_stream_ends(aggregator):
    aggregator.fold([_started(0), _started(1), _first(0, 0.3, 0.3), _first(1, 0.5, 0.5)])
    shot = aggregator.snapshot(1.0)
    assert (shot.ttft.n, shot.ttft.p50, shot.completed, shot.in_flight) == (2, 0.3, 0, 2)


def test_live_figures_forget_what_is_older_than_ten_seconds(aggregator, record):
    aggregator.fold(
        [_started(0), _first(0, 1.0), RequestFinished(record(0.8, 1.0)), _interval(text_chunks=7)]
    )
    shot = aggregator.snapshot(20.0)
    assert (shot.ttft.n, shot.tpot.n, shot.ended_10s, shot.tokens_per_s, shot.requests_per_s) == (
        0,
        0,
        0,
        0,
        0,
    )
    assert shot.rate_limited_share is None
    assert shot.completed == 1


def test_an_answer_that_is_told_late_leaves_the_window_at_its_own_time(aggregator, record):
    aggregator.fold([RequestFinished(record(9.0, 2.0)), RequestFinished(record(0.0, 1.0, index=1))])
    assert aggregator.snapshot(11.0).ended_10s == 2
    assert aggregator.snapshot(11.5).ended_10s == 1


def test_early_in_a_run_rates_are_over_the_time_that_has_passed(aggregator, record):
    aggregator.fold([_started(0), _interval(text_chunks=30), RequestFinished(record(0.0, 1.0, stamps={}))])
    assert aggregator.snapshot(2.0).tokens_per_s == 15
    assert aggregator.snapshot(2.0).requests_per_s == 0.5


def test_chunks_stand_in_for_tokens_until_the_first_usage_tells_their_worth(aggregator, record):
    aggregator.fold([_started(0), _interval(text_chunks=20)])
    before = aggregator.snapshot(10.0)
    assert (before.tokens_per_s, before.tokens_estimated) == (2, True)
    aggregator.fold([RequestFinished(record(output_tokens=30, stamps={"kernel": 5, "coalesced": 5}))])
    after = aggregator.snapshot(10.0)
    assert (after.tokens_per_s, after.tokens_estimated) == (6, False)


def test_an_estimate_does_not_tell_what_a_chunk_is_worth(aggregator, record):
    aggregator.fold([RequestFinished(record(token_source="estimate", output_tokens=30))])
    assert aggregator.snapshot(1.0).tokens_estimated


def test_where_tokens_come_from_is_said_also_when_it_is_mixed(aggregator, record):
    aggregator.fold([RequestFinished(record())])
    assert aggregator.snapshot(1.0).token_source == "usage"
    aggregator.fold([RequestFinished(record(index=1, token_source="estimate"))])
    assert aggregator.snapshot(1.0).token_source == "estimate+usage"


def test_failures_are_told_by_kind_and_what_we_ended_is_no_answer(aggregator, record):
    outcomes = [
        Outcome.OK, Outcome.LENGTH, Outcome.RATE_LIMITED, Outcome.SERVER_ERROR, Outcome.TIMEOUT_STALL,
        Outcome.TIMEOUT_TOTAL, Outcome.MALFORMED, Outcome.CANCELLED, Outcome.LOST, Outcome.CONTENT_FILTER,
    ]  # fmt: skip
    aggregator.fold(RequestFinished(record(index=k, outcome=of)) for k, of in enumerate(outcomes))
    shot = aggregator.snapshot(1.0)
    assert (shot.ended_10s, shot.rate_limited_share) == (8, 1 / 8)
    assert (shot.server_errors_10s, shot.timeouts_10s, shot.other_failures_10s) == (1, 2, 1)
    assert (shot.completed, shot.failed, shot.cancelled) == (3, 5, 1)
    assert shot.outcomes[Outcome.LOST] == 1


def test_tpot_is_of_completed_requests_with_tokens_enough(aggregator, record):
    aggregator.fold([
        RequestFinished(record(index=0)),
        RequestFinished(record(index=1, tpot_s=0.04)),
        RequestFinished(record(index=2, tpot_s=9.0, output_tokens=7)),
        RequestFinished(record(index=3, tpot_s=9.0, outcome=Outcome.TRUNCATED)),
    ])  # fmt: skip
    shot = aggregator.snapshot(1.0)
    assert (shot.tpot.n, shot.tpot.p50, shot.tokens_per_s_per_user) == (2, 0.02, 50)


def test_the_log_has_the_newest_first_and_an_end(aggregator, record):
    aggregator.fold(
        RequestFinished(record(index=k), text=f"text {k}" if k % 2 else None) for k in range(LOG_LENGTH + 3)
    )
    log = aggregator.snapshot(1.0).log
    assert len(log) == LOG_LENGTH
    assert [(line.index, line.text) for line in log[:2]] == [(1002, ""), (1001, "text 1001")]


def test_the_last_error_is_the_newest_failures(aggregator, record):
    failed = record(outcome=Outcome.SERVER_ERROR, error="overloaded")
    aggregator.fold([RequestFinished(failed), RequestFinished(record(index=1))])
    assert aggregator.snapshot(1.0).last_error == "overloaded"
    aggregator.fold([RequestFinished(record(index=2, outcome=Outcome.TRUNCATED))])
    assert aggregator.snapshot(1.0).last_error == "truncated"


def test_tokens_and_dollars_add_up_and_an_unknown_price_is_unknown(aggregator, record):
    aggregator.fold([RequestFinished(record())])
    assert aggregator.snapshot(1.0).usd is None
    aggregator.fold([RequestFinished(record(index=1, usd=0.5)), RequestFinished(record(index=2, usd=0.25))])
    shot = aggregator.snapshot(1.0)
    assert (shot.input_tokens, shot.output_tokens, shot.usd) == (300, 60, 0.75)


def test_rows_of_all_workers_are_shown_by_user_and_the_followed_one_whoever_runs_it(aggregator):
    def row(user, tail=""):
        return Row(user, "streaming", 1, 0.2, 3, tail)

    aggregator.fold([
        Rows((row(1), row(3)), row(3, "whole text"), follows=3, worker=1),
        Rows((row(0), row(2)), None, follows=3, worker=0),
    ])  # fmt: skip
    shot = aggregator.snapshot(1.0)
    assert [each.user for each in shot.rows] == [0, 1, 2, 3]
    assert shot.followed == row(3, "whole text")
    aggregator.fold([Rows((row(1),), None, follows=None, worker=1)])
    assert aggregator.snapshot(1.0).followed is None


def test_a_change_of_load_counts_once_and_a_slow_worker_does_not_bring_the_old_one_back(aggregator):
    first, second = LoadChanged(0, 4, 0.0), LoadChanged(1, 8, 0.1)
    aggregator.fold([first, second, first])
    shot = aggregator.snapshot(1.0)
    assert shot.target == 8
    assert [(level.users, level.visits, level.current) for level in shot.levels] == [
        (4, 1, False),
        (8, 1, True),
    ]


def test_a_request_that_waits_beyond_the_bound_pulls_the_goodput_down_before_it_ends(aggregator, record):
    aggregator.fold([LoadChanged(0, 1, 0.0), _started(0), RequestFinished(record(0.0, 1.0))])
    aggregator.fold([_started(1, 1.0), _started(2, 1.0), _first(2, 1.2)])
    assert aggregator.snapshot(1.9).levels[0].goodput is None
    assert aggregator.snapshot(2.1).levels[0].goodput == 0
    aggregator.fold([RequestFinished(record(1.0, 2.0, index=2))])
    assert aggregator.snapshot(3.1).levels[0].goodput == 1 / 2


def test_seconds_and_load_of_the_past_are_shown(aggregator):
    aggregator.fold(
        [LoadChanged(0, 4, 0.0), _started(0), _first(0, 0.3, 0.3), _interval(at_s=0.9, text_chunks=5)]
    )
    (second,) = aggregator.snapshot(1.2).seconds
    assert (second.ttft_p50_s, second.tokens_per_s, second.users) == (0.3, 5, 4)
