"""Ticks out of events, request by request."""

from collections.abc import Callable

from llmprobe.core.events import FirstToken, Interval, LoadChanged, RequestFinished, RequestStarted
from llmprobe.core.histogram import Histogram
from llmprobe.core.outcome import Outcome
from llmprobe.core.rate_limit import Allowance, RateLimit
from llmprobe.core.record import RequestRecord
from llmprobe.metrics.ticks import Ticks

Make = Callable[..., RequestRecord]


def started(index: int, at_s: float) -> RequestStarted:
    return RequestStarted(user=0, index=index, level_id=1, at_s=at_s, users=4)


def test_a_request_is_told_as_long_as_it_is_open_and_once_when_it_has_ended(record: Make) -> None:
    ticks = Ticks()
    ticks.fold([LoadChanged(1, 4, 0.0, by="autopilot"), started(0, 0.5)])
    (waiting,) = ticks.tick(1.0).open
    ticks.fold([FirstToken(user=0, index=0, level_id=1, at_s=1.2, ttft_s=0.7)])
    (streaming,) = ticks.tick(1.5).open
    done = record(0.5, 2.0, index=0)
    ticks.fold([RequestFinished(done)])
    last = ticks.tick(3.0)
    assert (waiting.started_s, waiting.load, waiting.first_token_s) == (0.5, 4.0, None)
    assert streaming.first_token_s == 1.2
    assert (last.open, last.ended, last.in_flight) == ((), (done,), 0)
    assert ticks.tick(4.0).ended == ()


def test_an_open_request_that_shows_nothing_new_is_the_same_object() -> None:
    ticks = Ticks()
    ticks.fold([started(0, 0.0), started(1, 0.1)])
    before, after = ticks.tick(1.0).open, ticks.tick(2.0).open
    assert all(one is other for one, other in zip(before, after, strict=True))


def test_the_load_in_force_is_that_of_the_newest_level_whichever_worker_tells_first() -> None:
    ticks = Ticks()
    ticks.fold([LoadChanged(1, 4, 0.0), LoadChanged(2, 9, 5.0, over_s=3.0), LoadChanged(2, 9, 5.1)])
    tick = ticks.tick(6.0, armed=False, requests_left=70)
    assert (tick.load, tick.level_id, tick.since_s, tick.over_s) == (9, 2, 5.0, 3.0)
    assert (tick.armed, tick.requests_left) == (False, 70)


def test_a_request_belongs_to_the_load_it_started_at() -> None:
    ticks = Ticks()
    ticks.fold([LoadChanged(0, 2.5, 0.0), started(0, 0.4), LoadChanged(1, 5.0, 1.0), started(1, 1.2)])
    assert [request.load for request in ticks.tick(2.0).open] == [2.5, 5.0]


def test_gaps_and_users_of_all_workers_are_summed_and_gaps_told_once() -> None:
    def interval(worker: int) -> Interval:
        return Interval(
            worker=worker, at_s=1.0, text_chunks=5, itl=Histogram.of([0.02] * 5), active=3, draining=1,
            in_flight=4, backing_off=0, cpu_share=0.1, lag_s=0.0,
        )  # fmt: skip

    ticks = Ticks()
    ticks.fold([interval(0), interval(1)])
    first, second = ticks.tick(1.0), ticks.tick(2.0)
    assert (first.active, first.draining) == (6, 2)
    assert first.itl is not None
    assert first.itl.count == 10
    assert second.itl is None
    assert second.active == 6


def test_what_an_answer_tells_of_limits_comes_along(record: Make) -> None:
    limits = RateLimit(requests=Allowance(60, 12, 8.0), source="headers")
    ticks = Ticks()
    ticks.fold([RequestFinished(record(index=5, outcome=Outcome.RATE_LIMITED), rate_limit=limits)])
    assert ticks.tick(1.0).rate_limits == {5: limits}
