"""What follows from the limits that answers tell, one after another."""

import pytest

from llmprobe.control.told import Told
from llmprobe.core.limits import Limits, settings, statement
from llmprobe.core.outcome import Outcome
from llmprobe.core.rate_limit import Allowance, Further, RateLimit
from llmprobe.core.record import RequestRecord

BOTH = {"small": 16, "large": 4096}


def look(
    told: Told, at_s: float, limit: RateLimit, prompt_id: str = "small", outcome: Outcome = Outcome.OK
) -> None:
    index = len(told.looks)
    record = RequestRecord(
        index=index, prompt_id=prompt_id, user=0, level_id=0, users=1, started_s=at_s, e2e_s=0.5,
        input_tokens=50, output_tokens=10, outcome=outcome,
    )  # fmt: skip
    told.take([record], {index: limit}, BOTH)


def requests(remaining: int, reset_s: float) -> RateLimit:
    return RateLimit(requests=Allowance(60, remaining, reset_s), source="headers")


def closer(told: Told) -> Limits:
    limits = told.limits()
    assert limits is not None
    return told.closer(limits, 60.0)


def test_a_reset_at_one_moment_is_that_of_a_minute_and_one_that_moves_that_of_a_bucket() -> None:
    minute, bucket = Told(), Told()
    for k in range(8):
        look(minute, k, requests(59 - k, 40.0 - k))
        look(bucket, k, requests(59, 1.0))
    assert (closer(minute).window, closer(bucket).window) == ("minute", "bucket")


def test_somebody_else_who_draws_on_the_quota_is_told() -> None:
    alone, shared = Told(), Told()
    for k in range(8):
        look(alone, k, requests(59 - k, 40.0 - k))
        look(shared, k, requests(59 - 4 * k, 40.0 - k))
    assert closer(alone).others is None
    others = "Somebody else draws on the same quota: while we took 7 requests, 21 more were gone."
    assert closer(shared).others == others
    assert statement(closer(shared)).endswith(others)


@pytest.mark.parametrize(("after", "counts"), [(25_000, "declared"), (29_800, "real")])
def test_what_a_large_max_tokens_leaves_tells_what_counts(after: int, counts: str) -> None:
    told = Told()
    for remaining in (29_950, 29_900):
        look(told, 0, RateLimit(tokens=Allowance(30_000, remaining, 1.0), source="headers"))
    look(told, 1, RateLimit(tokens=Allowance(30_000, after, 1.0), source="headers"), "large")
    assert closer(told).counts == counts


def test_a_refusal_that_tells_what_it_would_have_taken_tells_what_counts() -> None:
    told = Told()
    refusal = RateLimit(tokens=Allowance(30_000, 1_000), requested_tokens=4_146, source="body")
    look(told, 0, refusal, "large", Outcome.RATE_LIMITED)
    limits = told.limits()
    assert limits is not None
    assert (limits.tpm, limits.counts, limits.source) == (30_000, "declared", "body")


def test_of_two_limits_the_one_that_is_used_up_binds() -> None:
    told = Told()
    both = RateLimit(Allowance(60, 0, 1.0), Allowance(30_000, 9_000, 1.0), source="headers")
    look(told, 0, both, outcome=Outcome.RATE_LIMITED)
    binding = told.binding()
    assert binding is not None
    assert (binding.rpm, binding.tpm) == (60, None)


def test_what_takes_a_day_to_refill_is_a_days_limit() -> None:
    told = Told()
    for k in range(1, 5):
        look(told, k, RateLimit(requests=Allowance(14_400, 14_400 - k, 6.0 * k), source="headers"))
    limits = told.limits()
    assert limits is not None
    assert (limits.rpm, limits.further) == (None, (Further("requests", "day", 14_400),))
    assert statement(limits) == "The limit is 14,400 requests a day, told by headers."
    assert settings(limits) == "Set all clients together to at most 10,080 requests a day (30% is kept free)."


def test_a_minute_that_is_counted_down_is_no_day() -> None:
    told = Told()
    for k in range(1, 5):
        look(told, k, RateLimit(requests=Allowance(14_400, 14_400 - k, 7.0 - k), source="headers"))
    limits = told.limits()
    assert limits is not None
    assert (limits.rpm, limits.further) == (14_400, ())


def test_all_that_is_told_is_listed() -> None:
    told = Told()
    tokens = Further("input tokens", "minute", 40_000), Further("output tokens", "minute", 8_000)
    look(told, 0, RateLimit(requests=Allowance(50), further=tokens, source="headers"))
    limits = told.limits()
    assert limits is not None
    assert statement(limits).startswith(
        "The limit is 50 requests a minute, 40,000 input tokens a minute and 8,000 output tokens a minute"
    )
