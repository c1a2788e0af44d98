"""How rate limits are worded: each style by itself, and over a socket as `wire` reads it."""

import asyncio
from typing import Any

import pytest
from msgspec.structs import replace

from llmprobe.core.errors import UsageError
from llmprobe.core.outcome import Outcome
from llmprobe.core.rate_limit import Allowance
from llmprobe.core.request import Draw, Prompt
from llmprobe.core.scenario import Endpoint, Timeouts
from llmprobe.core.target import SimTarget, parse_sim
from llmprobe.sim.endpoint import service_of
from llmprobe.sim.faults import Shares
from llmprobe.sim.limit_headers import STYLES, Style, limit_headers, style_named
from llmprobe.sim.limits import Standing
from llmprobe.sim.server import serve
from llmprobe.wire.dialects import dialect
from llmprobe.wire.exchange import exchange
from llmprobe.wire.flight import Flight
from llmprobe.wire.transport import ssl_context, user_transport

NOW_S = 1_795_489_383.0  # Tue, 24 Nov 2026 03:03:03 GMT
STANDINGS = {"requests": Standing(3, 0, 59.7), "tokens": Standing(2000, 1872, 360.0)}


@pytest.mark.parametrize(
    ("style", "headers"),
    [
        (
            "openai",
            {
                "x-ratelimit-limit-requests": "3", "x-ratelimit-remaining-requests": "0",
                "x-ratelimit-reset-requests": "59.7s", "x-ratelimit-limit-tokens": "2000",
                "x-ratelimit-remaining-tokens": "1872", "x-ratelimit-reset-tokens": "6m0s",
                "Retry-After": "20", "Retry-After-Ms": "19700",
            },
        ),
        (
            "azure",
            {
                "x-ratelimit-limit-requests": "3", "x-ratelimit-remaining-requests": "0",
                "x-ratelimit-reset-requests": "60", "x-ratelimit-limit-tokens": "2000",
                "x-ratelimit-remaining-tokens": "1872", "x-ratelimit-reset-tokens": "360",
                "Retry-After": "20", "Retry-After-Ms": "19700",
            },
        ),
        (
            "anthropic",
            {
                "anthropic-ratelimit-requests-limit": "3", "anthropic-ratelimit-requests-remaining": "0",
                "anthropic-ratelimit-requests-reset": "2026-11-24T03:04:02.700Z",
                "anthropic-ratelimit-tokens-limit": "2000", "anthropic-ratelimit-tokens-remaining": "1872",
                "anthropic-ratelimit-tokens-reset": "2026-11-24T03:09:03.000Z", "Retry-After": "20",
            },
        ),
        ("retry-after", {"Retry-After": "20"}),
        ("retry-date", {"Retry-After": "Tue, 24 Nov 2026 03:03:23 GMT"}),
        ("none", {}),
    ],
)  # fmt: skip
def test_a_refusal_is_worded_as_its_provider_does(style: Style, headers: dict[str, str]) -> None:
    assert limit_headers(style, STANDINGS, 19.7, NOW_S) == headers


def test_an_answer_that_is_not_refused_asks_for_no_wait() -> None:
    for style in STYLES:
        names = limit_headers(style, STANDINGS, None, NOW_S)
        assert not [name for name in names if name.startswith("Retry")]


def test_a_short_reset_is_in_milliseconds() -> None:
    headers = limit_headers("openai", {"requests": Standing(3, 2, 0.012)}, None, NOW_S)
    assert headers["x-ratelimit-reset-requests"] == "12ms"


def test_a_target_names_its_style_and_an_unknown_one_is_wrong_usage() -> None:
    target = SimTarget("rpm-limit", limit_headers="azure")
    assert str(target) == "sim:rpm-limit?limit_headers=azure"
    assert parse_sim(str(target)) == target
    with pytest.raises(UsageError, match="no style of rate-limit headers 'aws'; there is openai, azure"):
        style_named("aws")


async def refused(style: Style) -> Any:
    """What `wire` makes of a 429 of an endpoint ten times as fast as real: come back in 100 ms."""
    ready = asyncio.get_running_loop().create_future()
    service = service_of(parse_sim("sim:fixed?speed=10"))
    always = replace(service, faults=Shares(fail_429=1.0), limit_headers=style)
    serving = asyncio.create_task(serve(always, 0, ready.set_result))
    endpoint, chat = Endpoint(await ready), dialect("openai-chat")
    transport = user_transport(endpoint, endpoint.url, ssl_context(endpoint))
    draw = Draw(0, Prompt("p", ({"role": "user", "content": "Hi"},)), None)
    asked = chat.encode_request(endpoint, endpoint.url, "sim-fixed", draw, 8, None)
    try:
        return await exchange(transport, Flight(asked, chat, Timeouts()))
    finally:
        await transport.aclose()
        serving.cancel()
        await asyncio.gather(serving, return_exceptions=True)


@pytest.mark.anyio
@pytest.mark.parametrize("style", STYLES)
async def test_each_style_is_read_to_the_same_allowance(style: Style) -> None:
    reply = await refused(style)
    assert (reply.outcome, reply.status) == (Outcome.RATE_LIMITED, 429)
    told = reply.rate_limit.requests
    if style in {"retry-after", "retry-date", "none"}:
        assert told == Allowance()
    else:
        assert (told.limit, told.remaining) == (600, 0)
        assert 0 <= told.reset_s <= (1.0 if style == "azure" else 0.1)


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("style", "least_s", "most_s"),
    [
        ("openai", 0.1, 0.1), ("azure", 0.1, 0.1), ("anthropic", 1.0, 1.0), ("retry-after", 1.0, 1.0),
        ("retry-date", 0.0, 1.1),
    ],
)  # fmt: skip
async def test_each_style_asks_for_its_wait(style: Style, least_s: float, most_s: float) -> None:
    assert least_s <= (await refused(style)).retry_after_s <= most_s


@pytest.mark.anyio
async def test_without_any_words_nobody_knows_how_long_to_wait() -> None:
    assert (await refused("none")).retry_after_s is None
