"""Rate limits out of headers and bodies."""

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmprobe.core.rate_limit import Allowance, Further, RateLimit
from llmprobe.wire.rate_limit import parse_rate_limit

NOW_S = 1_795_489_383.0  # Tue, 24 Nov 2026 03:03:03 GMT
OPENAI_BODY = (
    b'{"error":{"message":"Rate limit reached for gpt-4 in organization org-x on tokens per min (TPM): '
    b'Limit 30000, Used 28943, Requested 4096. Please try again in 6.078s.","type":"tokens"}}'
)

Transcripts = Callable[[str], Any]


def of(headers: dict[str, str] | None = None, body: bytes = b"") -> RateLimit:
    return parse_rate_limit(headers or {}, body, NOW_S)


def test_a_recorded_429_tells_its_limits_in_headers(transcript: Transcripts) -> None:
    recorded = transcript("llmock_429_rpm.http")
    assert of(recorded.headers, recorded.body) == RateLimit(
        Allowance(3, 0, 59.7), Allowance(2000, 1872, 3.84), None, 19.699, "headers"
    )


def test_resets_in_minutes_are_seconds(transcript: Transcripts) -> None:
    recorded = transcript("aimock_429.http")
    assert of(recorded.headers).tokens == Allowance(150000, 0, 360.0)


def test_resets_in_milliseconds_are_seconds(transcript: Transcripts) -> None:
    recorded = transcript("llmock_groq_stream.http")
    assert of(recorded.headers) == RateLimit(
        Allowance(20, 19, 3.0), Allowance(20000, 19944, 0.168), source="headers"
    )


def test_anthropic_resets_are_counted_from_the_servers_own_date(
    transcript: Transcripts,
) -> None:
    recorded = transcript("llmock_429_rpm_anthropic.http")
    assert parse_rate_limit(recorded.headers, b"", NOW_S - 3600) == RateLimit(
        Allowance(3, 2, 20.0), Allowance(2000, 1955, 2.0), source="headers"
    )


def test_without_a_date_of_the_server_they_are_counted_from_now() -> None:
    reset = {"anthropic-ratelimit-requests-reset": "2026-11-24T03:03:33Z"}
    assert of(reset).requests.reset_s == 30.0


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry-after": "20"}, 20.0),
        ({"retry-after": "0.5"}, 0.5),
        ({"retry-after": "20", "retry-after-ms": "19699"}, 19.699),
        ({"retry-after": "Tue, 24 Nov 2026 03:03:13 GMT"}, 10.0),
        ({"retry-after": "Tue, 24 Nov 2026 02:00:00 GMT"}, 0.0),
        ({"retry-after": str(int(NOW_S) + 5)}, 5.0),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "nan"}, None),
        ({"retry-after": "-1"}, None),
        ({"retry-after": ""}, None),
        ({}, None),
    ],
)
def test_retry_after_is_seconds_or_a_date(headers: dict[str, str], seconds: float | None) -> None:
    assert of(headers).retry_after_s == seconds


def test_an_azure_reset_is_a_plain_number() -> None:
    assert of({"x-ratelimit-reset-requests": "10"}).requests == Allowance(None, None, 10.0)


def test_a_body_tells_limit_and_wait_where_no_header_does() -> None:
    assert of(body=OPENAI_BODY) == RateLimit(Allowance(), Allowance(30000, 1057), 4096, 6.078, "body")


def test_headers_win_over_the_body() -> None:
    limit = of({"x-ratelimit-limit-tokens": "40000", "retry-after": "7"}, OPENAI_BODY)
    assert (limit.tokens.limit, limit.retry_after_s, limit.requested_tokens) == (40000, 7.0, 4096)


@pytest.mark.parametrize(
    ("said", "seconds"),
    [
        (b"Please try again in 19.70s.", 19.7),
        (b"Please try again in 6m0s.", 360.0),
        (b"try again in 12ms", 0.012),
        (b"Please retry after 26 seconds.", 26.0),
        (b'{"retryDelay": "26s"}', 26.0),
        (b"Please try again later.", None),
        (b"try again in 5 minutes", None),
    ],
)
def test_a_body_says_how_long_to_wait(said: bytes, seconds: float | None) -> None:
    assert of(body=said).retry_after_s == seconds


def test_a_limit_of_requests_is_told_from_one_of_tokens() -> None:
    said = b"Rate limit reached for requests per minute: limit 3. Please try again in 19.70s."
    assert of(body=said) == RateLimit(Allowance(3), Allowance(), None, 19.7, "body")


@pytest.mark.parametrize(
    "said", [b"Rate limit exceeded.", b"limit 3", b"", b"\xff\xfe", b"limit " + b"9" * 5000]
)
def test_a_body_without_a_clear_limit_tells_none(said: bytes) -> None:
    assert of(body=said).source is None


header = st.text(max_size=30) | st.from_regex(r"\d{1,400}(\.\d+)?(ms|s|m)?", fullmatch=True)


@given(header, header, st.binary())
def test_whatever_a_server_sends_is_read_without_error(reset: str, retry: str, body: bytes) -> None:
    of({"x-ratelimit-reset-tokens": reset, "x-ratelimit-limit-tokens": reset, "retry-after": retry}, body)


def test_input_and_output_tokens_and_a_day_are_told_apart_where_headers_name_them() -> None:
    anthropic = of({
        "anthropic-ratelimit-requests-limit": "50",
        "anthropic-ratelimit-input-tokens-limit": "40000",
        "anthropic-ratelimit-output-tokens-limit": "8000",
    })  # fmt: skip
    assert anthropic.requests.limit == 50
    assert anthropic.tokens == Allowance()
    assert anthropic.further == (
        Further("input tokens", "minute", 40_000), Further("output tokens", "minute", 8_000)
    )  # fmt: skip
    cerebras = of({"x-ratelimit-limit-requests-day": "14400", "x-ratelimit-limit-tokens-minute": "60000"})
    assert (cerebras.tokens.limit, cerebras.source) == (60_000, "headers")
    assert cerebras.further == (Further("requests", "day", 14_400),)


@pytest.mark.parametrize(
    ("said", "further"),
    [
        ("requests per day (RPD): Limit 200, Used 200, Requested 1", Further("requests", "day", 200)),
        ("tokens per day (TPD): Limit 500000, Used 499990, Requested 40", Further("tokens", "day", 500_000)),
        ("Limit 10 (RPS)", Further("requests", "second", 10)),
    ],
)
def test_a_refusal_by_a_days_limit_is_not_taken_for_a_minutes(said: str, further: Further) -> None:
    limit = of(body=said.encode())
    assert (limit.requests, limit.tokens, limit.further) == (Allowance(), Allowance(), (further,))
    assert limit.source == "body"
