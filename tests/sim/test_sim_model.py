"""The pure model in virtual time."""

import math
from collections import Counter, defaultdict

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llmprobe.sim.limits import Limits
from llmprobe.sim.model import Accepted, Config, Lengths, Model, Rejected
from llmprobe.sim.replica import Event, Hardware

FOUR_SLOTS = Hardware(slots=4, step_s=0.02, step_s_per_request=0.001, prefill_s_per_token=0.0001)
CURVED = Hardware(
    slots=3,
    step_s=0.02,
    step_s_per_request=0.001,
    step_s_per_kv_token=2e-5,
    prefill_s_per_token=0.0002,
    prefill_chunk=100,
    latency_s=0.05,
)


NO_LIMITS = Limits()


def model(
    hardware: Hardware = FOUR_SLOTS,
    *,
    tokens: float = 50,
    per_token: bool = False,
    limits: Limits = NO_LIMITS,
    replicas: int = 1,
) -> Model:
    config = Config(hardware, Lengths(median=tokens), replicas, limits)
    return Model(config, seed=7, per_token=per_token)


def arrive(
    to: Model,
    at_s: float,
    prompt_tokens: int = 100,
    max_tokens: int | None = None,
    *,
    events: list[Event] | None = None,
) -> Accepted:
    """Let time pass until a request comes, collecting what happened meanwhile."""
    happened = to.advance(at_s)
    if events is not None:
        events += happened
    answer = to.arrive(at_s, prompt_tokens, max_tokens)
    assert isinstance(answer, Accepted)
    return answer


def closed_loop(endpoint: Model, users: int, until_s: float, *, prompt_tokens: int = 100) -> list[float]:
    """Times to first token of users that ask again as soon as they are answered."""
    sent_at = {arrive(endpoint, 0.0, prompt_tokens).request_id: 0.0 for _ in range(users)}
    ttfts = []
    while (at_s := endpoint.next_at()) <= until_s:
        for event in endpoint.advance(at_s):
            if event.kind == "first":
                ttfts.append(event.at_s - sent_at[event.request_id])
            else:
                sent_at[arrive(endpoint, at_s, prompt_tokens).request_id] = at_s
    return ttfts


def test_a_lone_request_takes_prefill_then_a_step_a_token() -> None:
    endpoint = model(per_token=True, tokens=3)
    arrive(endpoint, 1.0, prompt_tokens=200)
    first, second, third, finish = endpoint.advance(math.inf)
    assert [first.kind, second.kind, third.kind, finish.kind] == ["first", "token", "token", "finish"]
    assert first.at_s == pytest.approx(1.0 + 0.02 + 200 * 0.0001)
    assert second.at_s - first.at_s == pytest.approx(0.02 + 0.001)
    assert finish.at_s == third.at_s


def test_a_long_prompt_is_read_in_chunks() -> None:
    endpoint = model(CURVED, tokens=1)
    arrive(endpoint, 0.0, prompt_tokens=250)
    first, _ = endpoint.advance(math.inf)
    assert first.at_s == pytest.approx(0.05 + 3 * 0.02 + 250 * 0.0002)


def test_a_step_grows_with_the_batch_and_with_the_cache() -> None:
    def tpot_s(users: int, prompt_tokens: int) -> float:
        endpoint = model(CURVED)
        for _ in range(users):
            arrive(endpoint, 0.0, prompt_tokens)
        events = endpoint.advance(math.inf)
        finish = next(event for event in events if event.kind == "finish")
        first = next(event for event in events if event.request_id == finish.request_id)
        return finish.at_s - first.at_s

    assert tpot_s(1, 10) < tpot_s(3, 10) < tpot_s(3, 1000)


def test_every_token_of_every_request_comes_once_and_the_finish_last() -> None:
    endpoint = Model(Config(CURVED, Lengths(median=40, sigma=0.8)), seed=3, per_token=True)
    events: list[Event] = []
    planned = [arrive(endpoint, k * 0.1, 20 + 7 * k, 64, events=events) for k in range(60)]
    events += endpoint.advance(math.inf)
    seen = defaultdict(list)
    for event in events:
        seen[event.request_id].append(event.kind)
    for accepted in planned:
        assert seen[accepted.request_id] == ["first", *["token"] * (accepted.output_tokens - 1), "finish"]
    assert [event.at_s for event in events] == sorted(event.at_s for event in events)
    assert endpoint.running == endpoint.waiting == 0


def test_slots_are_never_exceeded_and_never_idle_while_someone_waits() -> None:
    endpoint = Model(Config(FOUR_SLOTS, Lengths(median=20, sigma=1.0)), seed=1, per_token=True)
    for _ in range(40):
        arrive(endpoint, 0.0)
    while (at_s := endpoint.next_at()) < math.inf:
        endpoint.advance(at_s)
        assert endpoint.running <= 4
        assert not endpoint.waiting or endpoint.running == 4


def test_the_queue_is_first_in_first_out() -> None:
    endpoint = Model(Config(FOUR_SLOTS, Lengths(median=30, sigma=0.7)), seed=5)
    events: list[Event] = []
    ids = [arrive(endpoint, 0.01 * k, events=events).request_id for k in range(30)]
    events += endpoint.advance(math.inf)
    assert [event.request_id for event in events if event.kind == "first"] == ids


def test_ttft_jumps_when_there_is_one_user_more_than_slots() -> None:
    def p95(users: int) -> float:
        ttfts = sorted(closed_loop(model(tokens=100), users, until_s=300))
        return ttfts[int(0.95 * len(ttfts))]

    assert p95(5) > 3 * p95(4)


def test_a_second_replica_doubles_what_is_served() -> None:
    one, two = model(tokens=100), model(tokens=100, replicas=2)
    assert len(closed_loop(two, 16, 200)) == pytest.approx(2 * len(closed_loop(one, 16, 200)), rel=0.05)


def test_a_cancelled_request_is_silent_and_its_slot_goes_to_the_next() -> None:
    endpoint = model(per_token=True, tokens=100)
    ids = [arrive(endpoint, 0.0).request_id for _ in range(5)]
    endpoint.advance(1.0)
    assert endpoint.waiting == 1
    endpoint.cancel(ids[2])
    later = endpoint.advance(1.1)
    assert ids[2] not in {event.request_id for event in later}
    assert ids[4] in {event.request_id for event in later}
    assert endpoint.running == 4


@pytest.mark.parametrize("at_s", [0.0, 0.03, 0.5])
def test_cancelling_everything_leaves_nothing_behind(at_s: float) -> None:
    endpoint = model(CURVED, tokens=100)
    ids = [arrive(endpoint, 0.0, prompt_tokens=300).request_id for _ in range(6)]
    endpoint.advance(at_s)
    for request_id in ids:
        endpoint.cancel(request_id)
        endpoint.cancel(request_id)
    assert endpoint.advance(math.inf) == []
    assert endpoint.running == endpoint.waiting == 0
    assert endpoint.next_at() == math.inf


def test_time_does_not_go_back_and_events_are_not_jumped_over() -> None:
    endpoint = model()
    arrive(endpoint, 1.0)
    with pytest.raises(ValueError, match="back"):
        endpoint.advance(0.5)
    with pytest.raises(ValueError, match="not asked for"):
        endpoint.arrive(100.0, 10, 10)


def test_the_same_seed_and_arrivals_give_the_same_times() -> None:
    def times(seed: int) -> list[Event]:
        endpoint = Model(Config(CURVED, Lengths(median=40, sigma=0.8), replicas=2), seed=seed)
        for k in range(50):
            endpoint.advance(k * 0.03)
            endpoint.arrive(k * 0.03, 50 + k, 200)
        return endpoint.advance(math.inf)

    assert times(1) == times(1)
    assert times(1) != times(2)


ARRIVALS = st.lists(
    st.tuples(st.floats(0, 0.7), st.integers(0, 400), st.integers(1, 40), st.booleans()),
    min_size=1,
    max_size=25,
)


@settings(max_examples=60, deadline=None)
@given(ARRIVALS, st.floats(0.003, 0.2))
def test_blocks_tell_the_same_times_as_steps_however_time_is_advanced(
    arrivals: list[tuple[float, int, int, bool]], stride_s: float
) -> None:
    def run(*, per_token: bool, stride_s: float) -> list[Event]:
        endpoint = Model(Config(CURVED, Lengths(median=20, sigma=0.6)), seed=2, per_token=per_token)
        events: list[Event] = []
        now_s = 0.0
        for gap_s, prompt_tokens, max_tokens, leaves in arrivals:
            until_s = now_s + gap_s
            while now_s + stride_s < until_s:
                now_s += stride_s
                events += endpoint.advance(now_s)
            now_s = until_s
            events += endpoint.advance(now_s)
            accepted = endpoint.arrive(now_s, prompt_tokens, max_tokens)
            if leaves and isinstance(accepted, Accepted):
                endpoint.cancel(accepted.request_id // 2)
        return events + endpoint.advance(math.inf)

    steps = run(per_token=True, stride_s=stride_s)
    assert [event for event in steps if event.kind != "token"] == run(per_token=False, stride_s=math.inf)


def test_output_lengths_have_their_median_and_respect_the_limit() -> None:
    lengths = Lengths(median=100, sigma=0.5)
    drawn = sorted(lengths.draw(11, k) for k in range(4001))
    assert drawn[2000] == pytest.approx(100, rel=0.05)
    assert drawn[int(4001 * 0.8413)] == pytest.approx(100 * math.exp(0.5), rel=0.05)
    capped = arrive(model(tokens=50), 0.0, max_tokens=10)
    assert (capped.output_tokens, capped.finish_reason) == (10, "length")


def test_a_faster_clock_divides_every_time() -> None:
    config = Config(CURVED, Lengths(median=30, sigma=0.5), limits=Limits(requests_per_minute=60, burst_s=10))

    def times(speed: float) -> list[float]:
        endpoint = Model(config.scaled(speed), seed=1)
        for k in range(20):
            endpoint.advance(k * 0.5 / speed)
            endpoint.arrive(k * 0.5 / speed, 100, 100)
        return [event.at_s for event in endpoint.advance(math.inf)]

    assert [at_s * 8 for at_s in times(8)] == pytest.approx(times(1))


def test_requests_per_minute_are_exact() -> None:
    endpoint = model(limits=Limits(requests_per_minute=120, burst_s=10))
    outcomes: Counter[type] = Counter()
    for k in range(1000):
        endpoint.advance(k * 0.1)
        outcomes[type(endpoint.arrive(k * 0.1, 10, 10))] += 1
    # A full bucket of 20, and two a second for the 99.9 s after it.
    assert outcomes[Accepted] == 20 + 199


def test_who_waits_as_long_as_told_is_let_in() -> None:
    endpoint = model(limits=Limits(requests_per_minute=60, burst_s=1))
    arrive(endpoint, 0.0)
    refused = endpoint.arrive(0.0, 10, 10)
    assert isinstance(refused, Rejected)
    assert refused.refusal.by == "requests"
    assert refused.refusal.retry_after_s == pytest.approx(1.0)
    assert refused.standings["requests"].remaining == 0
    assert refused.standings["requests"].reset_s == pytest.approx(1.0)
    assert refused.refusal.retry_after_s is not None
    arrive(endpoint, refused.refusal.retry_after_s)


def test_tokens_per_minute_count_prompt_and_max_tokens_up_front() -> None:
    endpoint = model(limits=Limits(tokens_per_minute=6000, burst_s=10))
    arrive(endpoint, 0.0, prompt_tokens=400, max_tokens=500)
    refused = endpoint.arrive(0.0, 50, 100)
    assert isinstance(refused, Rejected)
    assert (refused.refusal.by, refused.refusal.limit, refused.refusal.requested) == ("tokens", 6000, 150)
    assert refused.refusal.retry_after_s == pytest.approx(0.5)
    assert refused.standings["tokens"].remaining == 100
    arrive(endpoint, 0.0, prompt_tokens=50, max_tokens=50)


def test_a_concurrency_cap_rejects_if_and_only_if_it_is_reached() -> None:
    endpoint = model(limits=Limits(concurrency=3), tokens=10)
    ids = [arrive(endpoint, 0.0).request_id for _ in range(3)]
    refused = endpoint.arrive(0.0, 10, 10)
    assert isinstance(refused, Rejected)
    assert (refused.refusal.by, refused.refusal.used) == ("concurrency", 3)
    assert refused.refusal.retry_after_s is None
    endpoint.cancel(ids[0])
    arrive(endpoint, 0.0)
    assert isinstance(endpoint.arrive(0.0, 10, 10), Rejected)
    arrive(endpoint, 5.0)
