"""Seconds of the probe, merged over its workers."""

from typing import Any

from llmprobe.core.events import Interval, LoadChanged, WorkerLost
from llmprobe.core.histogram import Histogram
from llmprobe.metrics.moments import Moments


def interval(worker: int, at_s: float, **told) -> Interval:
    usual: dict[str, Any] = {
        "text_chunks": 10, "itl": Histogram.of([0.02] * 10), "active": 4, "draining": 0, "in_flight": 4,
        "backing_off": 0, "cpu_share": 0.1, "lag_s": 0.001,
    }  # fmt: skip
    return Interval(worker, at_s, **usual | told)


def fold(moments, *events):
    return [moment for event in events if (moment := moments.fold(event)) is not None]


def test_a_second_is_told_once_it_is_over():
    moments = Moments()
    (second,) = fold(moments, *(interval(0, at_s) for at_s in (0.25, 0.5, 0.75, 1.0)))
    assert (second.at_s, second.text_chunks, second.itl.count) == (1.0, 40, 40)


def test_workers_add_up_and_the_worst_one_speaks():
    moments = Moments()
    (second,) = fold(
        moments,
        LoadChanged(0, 8, 0.0),
        interval(0, 0.5, cpu_share=0.9, idle_share=0.0, lag_s=0.002),
        interval(1, 0.5, cpu_share=0.1, idle_share=0.3, lag_s=0.004),
        interval(0, 0.9, cpu_share=0.7, idle_share=0.1, starts=Histogram.of([0.1])),
        interval(1, 1.0, cpu_share=0.1, idle_share=0.5, starts=Histogram.of([0.2])),
    )
    assert (second.target, second.active, second.in_flight) == (8, 8, 8)
    assert (second.cpu_share, second.idle_share, second.lag_s) == (0.8, 0.4, 0.004)
    assert second.starts == {0: Histogram.of([0.1]), 1: Histogram.of([0.2])}


def test_user_seconds_are_counted_from_one_word_of_a_worker_to_the_next():
    moments = Moments()
    (first,) = fold(moments, interval(0, 0.5), interval(1, 0.5), interval(0, 1.0, draining=1, backing_off=2))
    assert (first.user_s, first.backed_off_s) == (2.5, 1.0)
    (second,) = fold(moments, interval(1, 1.0), interval(0, 2.0, active=1, backing_off=1))
    assert (second.user_s, second.backed_off_s) == (3.0, 1.0)


def test_a_lost_worker_s_users_are_no_longer_counted():
    moments = Moments()
    (second,) = fold(
        moments, interval(0, 0.5), interval(1, 0.5), WorkerLost(1, "gone", True), interval(0, 1.1)
    )
    assert second.active == 4


def test_quiet_is_when_nobody_has_a_user_left():
    moments = Moments()
    fold(moments, interval(0, 0.2, active=0), interval(1, 0.2, active=0, draining=1))
    assert not moments.quiet
    fold(moments, interval(1, 0.4, active=0))
    assert moments.quiet


def test_the_last_second_may_be_cut_short():
    moments = Moments()
    fold(moments, interval(0, 0.3))
    assert (moments.close(0.4).at_s, moments.close(0.5).text_chunks) == (0.4, 0)
