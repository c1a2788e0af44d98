"""Whether the probe was the bottleneck: each rule, and what is none."""

from typing import Any

import pytest

from llmprobe.core.histogram import Histogram
from llmprobe.core.slo import parse_slos
from llmprobe.metrics.health import Health
from llmprobe.metrics.moments import Moment

SLOS = parse_slos(["p95 ttft < 1s", "p95 tpot < 60ms", "errors < 1%"])


def moment(**told) -> Moment:
    usual: dict[str, Any] = {
        "text_chunks": 500, "itl": Histogram.of([0.02] * 500), "target": 10.0, "active": 10, "draining": 0,
        "in_flight": 10, "backing_off": 0, "cpu_share": 0.2, "lag_s": 0.002,
        "starts": Histogram.of([0.0005] * 10),
    }  # fmt: skip
    usual |= told
    starts = usual.pop("starts")
    return Moment(at_s=1.0, starts=starts if isinstance(starts, dict) else {0: starts}, **usual)


@pytest.fixture
def why(record):
    """What the rules say of five such seconds, in which requests with these stamps ended."""

    def judge(stamps=None, *, slos=SLOS, speed=1.0, seconds=5, max_users=256, **told):
        health = Health(slos, speed, max_users)
        for _ in range(seconds):
            health.observe(moment(**told))
        for _ in range(10):
            health.finish(record(0.0, 1.0, stamps=stamps or {"kernel": 100}))
        return health.why()

    return judge


def test_a_probe_at_ease_is_no_bottleneck(why):
    assert why() is None


@pytest.mark.parametrize(
    ("told", "said"),
    [
        ({"cpu_share": 0.9}, "a worker used 90% of a core"),
        ({"idle_share": 0.2}, "20% of the users' time went by between requests"),
        ({"starts": Histogram.of([0.0] * 9 + [0.15])}, "10% of the requests started over 100 ms late"),
    ],
)
def test_a_rule_that_is_broken_is_said_with_what_to_do(why, told, said):
    assert why(**told) == f"{said}; use more --workers, another host, or uvloop"


def test_late_starts_where_every_user_was_busy_ask_for_more_users(why):
    late = Histogram.of([0.0] * 9 + [0.15])
    few = why(starts=late, max_users=10, active=10, in_flight=8, backing_off=2)
    assert few == (
        "10% of the requests started over 100 ms late: all 10 users were busy; raise max_users (--max-users)"
    )
    for free in ({"in_flight": 9}, {"active": 9, "in_flight": 9}):
        assert "use more --workers" in why(starts=late, max_users=10, **free)
    assert why(max_users=10) is None


def test_of_several_workers_the_worst_one_speaks(why):
    calm, late = Histogram.of([0.0005] * 90), Histogram.of([0.0] * 9 + [0.15])
    assert why(starts={0: calm, 1: calm}) is None
    assert "10% of the requests started" in why(starts={0: calm, 1: late})


def test_a_worker_that_reads_late_is_not_excused_by_one_that_does_not(record):
    health = Health(SLOS)
    for _ in range(5):
        health.observe(moment(lag_s=0.03, starts={worker: Histogram.of([0.0]) for worker in (0, 1)}))
    for user in range(200):
        stamps = {"kernel": 99, "coalesced": 2} if user % 2 else {"kernel": 200}
        health.finish(record(0.0, 1.0, user=user, stamps=stamps))
    assert "2% of the tokens were read late" in (health.why() or "")


def test_a_few_late_starts_are_none(why):
    assert why(starts=Histogram.of([0.0] * 97 + [0.3] * 3)) is None


def test_late_is_measured_by_what_a_late_start_delays_and_not_by_the_pace_of_tokens(why):
    assert why(starts=Histogram.of([0.05] * 10)) is None
    assert why(starts=Histogram.of([0.05] * 10), slos=parse_slos(["p95 tpot < 60ms"])) is not None


def test_tokens_read_late_several_at_once_are_the_probe_s_doing(why):
    assert "read late" in why({"kernel": 90, "coalesced": 10}, lag_s=0.03)


def test_tokens_that_the_endpoint_sent_together_are_not(why):
    assert why({"kernel": 10, "coalesced": 90}, lag_s=0.002) is None


def test_a_late_loop_matters_only_where_stamps_are_its_own(why):
    assert why({"kernel": 100}, lag_s=0.2) is None
    assert "stamps are not the kernel's here, and the loop was 200 ms late" in why({"loop": 100}, lag_s=0.2)


def test_a_sped_up_endpoint_is_judged_by_the_clock_of_a_real_one(why):
    fast = tuple(slo.scaled(20) for slo in SLOS)
    assert why(slos=fast, speed=20, starts=Histogram.of([0.05] * 10)) is None
    gaps = Histogram.of([0.001] * 500)
    assert why({"kernel": 50, "coalesced": 50}, slos=fast, speed=20, itl=gaps, lag_s=0.005) is None


def test_two_seconds_are_too_few_to_judge(why):
    assert why(cpu_share=1.0, seconds=2) is None


def test_seconds_with_nothing_in_flight_do_not_count(why):
    assert why(cpu_share=1.0, in_flight=0) is None


def test_without_objectives_on_latency_nothing_is_late(why):
    slos = parse_slos(["errors < 1%"])
    assert why({"loop": 100}, slos=slos, starts=Histogram.of([9.0] * 10), lag_s=5.0) is None
