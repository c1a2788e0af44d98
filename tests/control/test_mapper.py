"""In virtual time: the mapper names the limit there is, and none where it can't tell."""

from functools import partial

import pytest

from llmprobe.control.mapper import Mapper
from llmprobe.core.finding import Finding
from llmprobe.core.limits import Limits, settings, statement
from llmprobe.core.tick import Goal
from llmprobe.sim.fixed import Fixed
from llmprobe.sim.limit_headers import Style
from llmprobe.sim.limits import Limits as Limiter
from llmprobe.sim.model import Config, Lengths
from llmprobe.sim.replica import Hardware
from tests.bench.limits import draw, run, told
from tests.bench.virtual import Endpoint, Searched, VirtualEngine, search

HARDWARE = Hardware(slots=256, step_s=0.012, step_s_per_request=0.0001, prefill_s_per_token=0.00003)


def endpoint(limits: Limiter) -> Endpoint:
    return Endpoint(Config(HARDWARE, Lengths(median=120, sigma=0.5), limits=limits), rtt_s=0.05)


def mapped(limits: Limiter, style: Style = "none", *, max_requests: int = 3000) -> Searched:
    engine = VirtualEngine(endpoint(limits), seed=1, told=partial(told, style))
    return search(Mapper(Goal(())), engine, max_requests=max_requests)


def limits_of(finding: Finding) -> Limits:
    assert finding.refused is None
    assert finding.limits is not None
    return finding.limits


def test_requests_are_told_from_tokens_and_a_bucket_from_a_minute() -> None:
    bucket = limits_of(mapped(Limiter(requests_per_minute=240, burst_s=5)).finding)
    assert bucket.rpm == pytest.approx(240, rel=0.01)
    assert (bucket.tpm, bucket.concurrency, bucket.source) == (None, None, "inferred")
    assert bucket.window == "bucket"
    assert bucket.burst == pytest.approx(20, abs=1)
    minute = limits_of(mapped(Limiter(requests_per_minute=120, window="minute")).finding)
    assert (minute.rpm, minute.window) == (120, "minute")


@pytest.mark.parametrize("counted", ["declared", "real"])
def test_it_tells_which_tokens_count(counted) -> None:
    limiter = Limiter(tokens_per_minute=60_000, burst_s=20, tokens_counted=counted)
    found = limits_of(mapped(limiter).finding)
    assert found.tpm == pytest.approx(60_000, rel=0.01)
    assert found.counts == counted


def test_a_cap_on_what_is_in_flight_is_no_rate() -> None:
    found = limits_of(mapped(Limiter(concurrency=12)).finding)
    assert (found.concurrency, found.rpm, found.tpm) == (12, None, None)
    assert "12 requests at once" in statement(found)
    assert settings(found) == "Set all clients together to at most 8 requests at once (30% is kept free)."


@pytest.mark.parametrize("style", ["openai", "azure", "anthropic"])
def test_headers_answer_within_a_dozen_requests(style: Style) -> None:
    done = mapped(Limiter(tokens_per_minute=90_000, burst_s=20), style)
    found = limits_of(done.finding)
    assert (found.tpm, found.counts, found.source) == (90_000, "declared", "headers")
    assert done.requests <= 13


def test_where_nothing_is_refused_it_says_what_cannot_be_excluded() -> None:
    engine = VirtualEngine(Endpoint(Fixed()), seed=1)
    finding = search(Mapper(Goal((), most=32)), engine, max_requests=2000).finding
    found = limits_of(finding)
    assert found.source is None
    assert found.concurrency_above == 32
    assert found.rpm_above is not None
    seconds = engine.now_s
    rate = 60 * engine.sent / seconds
    assert found.rpm_above == pytest.approx(rate * seconds / (seconds + 60), rel=0.5)
    assert settings(found) is None
    assert "can't be excluded" in statement(found)


def test_a_cap_on_requests_ends_it_without_a_guess() -> None:
    done = mapped(Limiter(requests_per_minute=240, burst_s=5), max_requests=100)
    assert done.requests <= 100 + 32
    assert done.finding.refused is not None


@pytest.mark.parametrize("number", [3, 7, 12, 18, 25, 54])
def test_drawn_limiters_are_found(number: int) -> None:
    one = run((11, number, "drawn"))
    assert one.verdict in {"right", "undetermined"}
    assert draw(11, number, "drawn") == draw(11, number, "drawn")
