"""What else the pure model can do: memory, weather, balancing, caches, other people, more kinds of limits."""

import math
from collections import Counter, defaultdict
from collections.abc import Callable
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from llmprobe.sim.limits import Limits
from llmprobe.sim.model import Accepted, Autoscale, Config, Lengths, Model, Others, Rejected
from llmprobe.sim.replica import Event, Hardware
from llmprobe.sim.weather import Weather

HARDWARE = Hardware(slots=8, step_s=0.02, step_s_per_request=0.001, prefill_s_per_token=0.0001)
PLAIN = Config(HARDWARE, Lengths(median=50))
QUEUES = replace(HARDWARE, kv_tokens=400)
PREEMPTS = replace(HARDWARE, kv_tokens=400, when_full="preempt")
STORMY = Weather(neighbour=1.5, spell_s=0.7, calm_s=0.4, drift=2.0, drift_over_s=20, cold=4.0, cold_s=0.5)


def arrive(endpoint: Model, at_s: float, prompt_tokens: int = 100, max_tokens: int = 100) -> Accepted:
    answer = endpoint.arrive(at_s, prompt_tokens, max_tokens)
    assert isinstance(answer, Accepted)
    return answer


def lone_s(config: Config, at_s: float = 0.0, *, prompt_tokens: int = 100, seed: int = 7) -> float:
    """How long one request takes that comes at a moment, alone."""
    endpoint = Model(config, seed)
    endpoint.advance(at_s)
    arrive(endpoint, at_s, prompt_tokens)
    return next(event.at_s for event in endpoint.advance(at_s + 1000) if event.kind == "finish") - at_s


def weather(**changes: float) -> Config:
    return replace(PLAIN, hardware=replace(HARDWARE, weather=Weather(**changes)))


def test_with_little_memory_requests_wait_though_slots_are_free() -> None:
    endpoint = Model(Config(QUEUES, Lengths(median=50)), seed=7)
    for _ in range(8):
        arrive(endpoint, 0.0, prompt_tokens=100)
    endpoint.advance(0.5)
    # 150 tokens each, of 400.
    assert (endpoint.running, endpoint.waiting) == (2, 6)


@pytest.mark.parametrize("hardware", [QUEUES, PREEMPTS])
def test_a_request_larger_than_the_memory_runs_alone(hardware: Hardware) -> None:
    endpoint = Model(Config(hardware, Lengths(median=50)), seed=7)
    ids = [arrive(endpoint, 0.0, prompt_tokens=1000).request_id for _ in range(2)]
    events = endpoint.advance(math.inf)
    assert [(event.request_id, event.kind) for event in events] == [
        (ids[0], "first"), (ids[0], "finish"), (ids[1], "first"), (ids[1], "finish"),
    ]  # fmt: skip


def test_a_preempted_request_starts_over_and_shows_each_token_once() -> None:
    config = Config(PREEMPTS, Lengths(median=90))
    endpoint = Model(config, seed=7, per_token=True)
    planned = [arrive(endpoint, 0.0, prompt_tokens=80) for _ in range(4)]
    events = endpoint.advance(math.inf)
    seen = defaultdict(list)
    for event in events:
        seen[event.request_id].append(event)
    longest_gap_s = {}
    for accepted in planned:
        own = seen[accepted.request_id]
        assert [event.kind for event in own] == ["first", *["token"] * 89, "finish"]
        longest_gap_s[accepted.request_id] = max(b.at_s - a.at_s for a, b in pairwise(own))
    # The last one admitted gives way, and the first never does.
    assert longest_gap_s[planned[0].request_id] < 0.1
    assert longest_gap_s[planned[-1].request_id] > 1.0


@pytest.mark.parametrize("hardware", [QUEUES, PREEMPTS])
def test_memory_is_free_again_when_all_have_left(hardware: Hardware) -> None:
    endpoint = Model(Config(hardware, Lengths(median=50, sigma=0.5)), seed=7)
    ids = [arrive(endpoint, 0.0, prompt_tokens=100 + k).request_id for k in range(12)]
    endpoint.advance(0.3)
    for request_id in ids[::3]:
        endpoint.cancel(request_id)
    finished = {event.request_id for event in endpoint.advance(math.inf) if event.kind == "finish"}
    assert finished == set(ids) - set(ids[::3])
    assert endpoint.running == endpoint.waiting == 0
    assert [replica._kv_tokens for replica in endpoint._replicas] == [0]


def test_a_cold_start_is_slow_and_then_over() -> None:
    config = weather(cold=4.0, cold_s=30.0)
    assert lone_s(config, 0.0) == pytest.approx(4 * lone_s(PLAIN))
    assert lone_s(config, 30.0) == pytest.approx(lone_s(PLAIN))


def test_a_neighbour_comes_in_spells_after_a_calm() -> None:
    config = weather(neighbour=1.5, spell_s=35.0, calm_s=17.0)
    slowness = [lone_s(config, at_s) / lone_s(PLAIN) for at_s in (0.0, 20.0, 53.0, 75.0)]
    assert slowness == pytest.approx([1.0, 1.5, 1.0, 1.5])


def test_drift_goes_on_to_its_end_and_stays() -> None:
    config = weather(drift=2.0, drift_over_s=600.0)
    slowness = [lone_s(config, at_s) / lone_s(PLAIN) for at_s in (0.0, 300.0, 600.0, 5000.0)]
    assert slowness == pytest.approx([1.0, math.sqrt(2), 2.0, 2.0], rel=0.01)


def test_weather_keeps_pace_with_a_faster_clock() -> None:
    config = replace(PLAIN, hardware=replace(HARDWARE, weather=STORMY))
    for at_s in (0.0, 0.6, 5.0):
        assert lone_s(config.scaled(8), at_s / 8) * 8 == pytest.approx(lone_s(config, at_s))


def served_by(config: Config, requests: int = 400) -> list[int]:
    """How many requests each replica is given, when all come at once."""
    endpoint = Model(config, seed=7)
    for _ in range(requests):
        arrive(endpoint, 0.0)
    return [replica.running + replica.waiting for replica in endpoint._replicas]


def test_balancing_in_turns_is_even_and_at_random_is_not() -> None:
    assert served_by(replace(PLAIN, replicas=4, balancing="round_robin")) == [100] * 4
    shares = served_by(replace(PLAIN, replicas=4, balancing="random"))
    assert shares != [100] * 4
    assert shares == pytest.approx([100] * 4, rel=0.3)


def test_the_least_loaded_replica_gets_less_when_it_is_slow() -> None:
    endpoint = Model(replace(PLAIN, replicas=2, first_slower=2.0), seed=7)
    chosen: Counter[int] = Counter()
    for k in range(200):
        endpoint.advance(k * 0.1)
        chosen[endpoint._replicas.index(endpoint._open[arrive(endpoint, k * 0.1).request_id][0])] += 1
    assert chosen[0] < 0.8 * chosen[1]


def test_a_slow_replica_is_slow_at_work_and_as_near_as_the_others() -> None:
    config = replace(PLAIN, hardware=replace(HARDWARE, latency_s=0.3))
    slow = replace(config, first_slower=2.0)
    assert lone_s(slow) - 0.3 == pytest.approx(2 * (lone_s(config) - 0.3))


def test_a_cached_prefix_is_not_read_again() -> None:
    def first_s(share: float) -> list[float]:
        endpoint = Model(replace(PLAIN, cached_share=share), seed=7)
        times = []
        for k in range(200):
            endpoint.advance(10.0 * k)
            arrive(endpoint, 10.0 * k, prompt_tokens=1000)
            events = endpoint.advance(10.0 * k + 9)
            times.append(next(event.at_s for event in events if event.kind == "first") - 10.0 * k)
        return times

    # Two steps of decode for two chunks, or one; 0.1 ms for each token that is read.
    assert first_s(0.0) == pytest.approx([0.14] * 200)
    half = [at_s < 0.1 for at_s in first_s(0.5)]
    assert sum(half) == pytest.approx(100, abs=25)


def test_others_slow_us_down_and_are_not_seen() -> None:
    config = replace(PLAIN, others=Others(per_s=4.0, prompt_tokens=500))
    assert lone_s(config, 50.0) > 1.1 * lone_s(PLAIN, 50.0)
    endpoint = Model(config, seed=7)
    assert endpoint.advance(30.0) == []
    assert endpoint.running > 0


def test_a_replica_is_added_some_time_after_a_queue_has_formed() -> None:
    scaled = replace(PLAIN, autoscale=Autoscale(most=2, waiting=3, takes_s=30.0))
    endpoint = Model(scaled, seed=7)
    for k in range(12):
        endpoint.advance(0.001 * k)
        arrive(endpoint, 0.001 * k)
    endpoint.advance(29.9)
    assert len(endpoint._replicas) == 1
    endpoint.advance(30.1)
    assert len(endpoint._replicas) == 2
    for _ in range(40):
        arrive(endpoint, 30.1)
    endpoint.advance(100.0)
    assert len(endpoint._replicas) == 2


def test_a_fixed_minute_is_full_again_at_its_start() -> None:
    endpoint = Model(replace(PLAIN, limits=Limits(requests_per_minute=3, window="minute")), seed=7)
    endpoint.advance(50.0)
    for _ in range(3):
        arrive(endpoint, 50.0)
    refused = endpoint.arrive(50.0, 10, 10)
    assert isinstance(refused, Rejected)
    assert refused.refusal.retry_after_s == pytest.approx(10.0)
    endpoint.advance(60.0)
    for _ in range(3):
        arrive(endpoint, 60.0)
    assert isinstance(endpoint.arrive(60.0, 10, 10), Rejected)


def test_real_tokens_are_charged_when_the_answer_is_there() -> None:
    limits = Limits(tokens_per_minute=6000, burst_s=2, tokens_counted="real")
    endpoint = Model(Config(HARDWARE, Lengths(median=150), limits=limits), seed=7)
    # 200 tokens at most at once: what is declared doesn't count, the answer makes a debt.
    arrive(endpoint, 0.0, prompt_tokens=150, max_tokens=4000)
    (finish,) = (event for event in endpoint.advance(20.0) if event.kind == "finish")
    endpoint = Model(Config(HARDWARE, Lengths(median=150), limits=limits), seed=7)
    arrive(endpoint, 0.0, prompt_tokens=150, max_tokens=4000)
    endpoint.advance(finish.at_s)
    refused = endpoint.arrive(finish.at_s, 150, 10)
    assert isinstance(refused, Rejected)
    assert refused.refusal.retry_after_s == pytest.approx(1.0)


def test_a_limit_may_keep_to_itself_when_to_come_back() -> None:
    limits = Limits(requests_per_minute=60, burst_s=1, tells_retry_after=False)
    endpoint = Model(replace(PLAIN, limits=limits), seed=7)
    arrive(endpoint, 0.0)
    refused = endpoint.arrive(0.0, 10, 10)
    assert isinstance(refused, Rejected)
    assert refused.refusal.retry_after_s is None


ALL: dict[str, Callable[[], Config]] = {
    "queues": lambda: Config(QUEUES, Lengths(median=40, sigma=0.5)),
    "preempts": lambda: Config(PREEMPTS, Lengths(median=40, sigma=0.5)),
    "stormy": lambda: Config(replace(HARDWARE, weather=STORMY), Lengths(median=40, sigma=0.5)),
    "others": lambda: replace(PLAIN, others=Others(2.0, 200), replicas=2, balancing="random"),
}
ARRIVALS = st.lists(
    st.tuples(st.floats(0, 0.5), st.integers(0, 300), st.integers(1, 60), st.booleans()),
    min_size=1,
    max_size=20,
)


@pytest.mark.parametrize("name", ALL)
@settings(max_examples=30, deadline=None)
@given(ARRIVALS, st.floats(0.003, 0.2))
def test_blocks_tell_the_same_times_as_steps_with_all_of_these(
    name: str, arrivals: list[tuple[float, int, int, bool]], stride_s: float
) -> None:
    def run(*, per_token: bool, stride_s: float) -> list[Event]:
        endpoint = Model(ALL[name](), seed=2, per_token=per_token)
        events: list[Event] = []
        now_s = 0.0
        for gap_s, prompt_tokens, max_tokens, leaves in arrivals:
            until_s = now_s + gap_s
            while now_s + stride_s < until_s:
                now_s += stride_s
                events += endpoint.advance(now_s)
            now_s = until_s
            events += endpoint.advance(now_s)
            accepted = arrive(endpoint, now_s, prompt_tokens, max_tokens)
            if leaves:
                endpoint.cancel(accepted.request_id // 2)
        return events + endpoint.advance(now_s + 60)

    steps = run(per_token=True, stride_s=stride_s)
    assert [event for event in steps if event.kind != "token"] == run(per_token=False, stride_s=math.inf)
