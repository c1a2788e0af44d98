"""Under a rate limit: what it lets through is counted, and tells how many users it has room for."""

import pytest

from llmprobe.control import STRATEGIES
from llmprobe.control.allowance import allowance_of
from llmprobe.control.evidence import Evidence
from llmprobe.control.refusals import interval_of
from llmprobe.core.outcome import Outcome
from llmprobe.core.slo import parse_slos
from llmprobe.core.tick import Goal

PER_S = 4.0


def bucket(burst: float):
    """What refills steadily lets through `PER_S`, and `burst` at first."""
    level, last_s = burst, 0.0

    def answers(load, index, at_s):
        nonlocal level, last_s
        level, last_s = min(burst, level + PER_S * (at_s - last_s)), at_s
        if level < 1:
            return (0.2, 0.05, Outcome.RATE_LIMITED)
        level -= 1
        return (0.2, 0.05, Outcome.OK)

    return answers


def minute():
    """As many each full minute, at once."""
    let: dict[int, int] = {}

    def answers(load, index, at_s):
        now = int(at_s // 60)
        let[now] = let.get(now, 0) + 1
        return (0.2, 0.05, Outcome.OK if let[now] <= 60 * PER_S else Outcome.RATE_LIMITED)

    return answers


@pytest.fixture
def shown(bench):
    """The evidence after stays of `(load, seconds, held)`."""

    def after(answers, *stays):
        endpoint, evidence = bench(answers), Evidence(Goal(parse_slos(["errors < 1%"])))
        for load, seconds, held in stays:
            endpoint.move(load)
            for _ in range(2 * seconds):
                evidence.take(endpoint.tick())
            evidence.stays[-1].held = held
        evidence.fit()
        return evidence

    return after


def allowed_per_s(evidence: Evidence) -> float | None:
    allowance = allowance_of(evidence)
    return None if allowance is None else allowance.per_s


def test_what_trickles_through_is_counted_within_seconds(shown):
    evidence = shown(bucket(20), (4, 10, True), (40, 30, False))
    assert allowed_per_s(evidence) == pytest.approx(PER_S, rel=0.05)


def test_a_minute_that_opens_at_once_is_counted_whole(shown):
    short = shown(minute(), (4, 10, True), (40, 45, False))
    assert allowed_per_s(short) is None
    whole = shown(minute(), (4, 10, True), (40, 80, False))
    assert allowed_per_s(whole) == pytest.approx(PER_S, rel=0.05)


def test_nothing_is_counted_where_nothing_was_refused(shown):
    assert allowed_per_s(shown(bucket(1e6), (4, 10, True), (40, 30, True))) is None


def test_the_break_is_told_by_what_is_let_through(shown):
    evidence = shown(bucket(20), (40, 30, False), (6, 60, True))
    interval = interval_of(evidence, 6)
    assert interval is not None
    low, high = interval
    users = PER_S * (0.2 + 39 * 0.05)
    assert low <= 6 < users < high
    assert high < 1.4 * users


def test_a_load_that_held_as_long_as_the_bucket_did_is_not_claimed(bench):
    knee = STRATEGIES["knee"](Goal(parse_slos(["p95 ttft < 1s", "errors < 1%"]), most=64))
    finding = bench(bucket(300)).search(knee, at_most_s=1500)
    users = PER_S * (0.2 + 39 * 0.05)
    assert users - 2 <= finding.capacity <= users
