"""Every dialect over real sockets: what the simulated endpoint answers is what a probe of that API reads."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

import httpx
import pytest

from llmprobe.core.outcome import Outcome
from llmprobe.core.request import Draw, Prompt
from llmprobe.core.scenario import Endpoint, Timeouts
from llmprobe.core.target import SimTarget
from llmprobe.sim.endpoint import Service
from llmprobe.sim.faults import Shares
from llmprobe.sim.fixed import Fixed
from llmprobe.sim.process import launch
from llmprobe.sim.server import serve
from llmprobe.wire.dialects import DIALECTS, dialect
from llmprobe.wire.dialects.asking import request_headers
from llmprobe.wire.exchange import exchange
from llmprobe.wire.flight import Flight
from llmprobe.wire.reply import Reply
from llmprobe.wire.transport import ssl_context, user_transport

pytestmark = pytest.mark.anyio

QUICK = Fixed(ttft_s=0.001, itl_s=0.0005, tokens=20)
MODEL = "my/model"
every = pytest.mark.parametrize("name", DIALECTS)


@asynccontextmanager
async def served(**more: Any) -> AsyncIterator[str]:
    """The base URL of a server that runs in this loop."""
    ready: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    serving = asyncio.create_task(serve(Service(QUICK, MODEL, **more), 0, ready.set_result))
    try:
        yield await ready
    finally:
        serving.cancel()
        with suppress(asyncio.CancelledError):
            await serving


async def ask(name: str, url: str, model: str = MODEL, *, key: str | None = None, **more: Any) -> Reply:
    """One request as the product sends it."""
    endpoint, spoken = Endpoint(url, **more), dialect(name)
    draw = Draw(0, Prompt("p", ({"role": "user", "content": "Say something, please."},)), None)
    request = spoken.encode_request(endpoint, url, model, draw, 12, key)
    transport = user_transport(endpoint, url, ssl_context(endpoint))
    try:
        return await exchange(transport, Flight(request, spoken, Timeouts(first_token_s=5, stall_s=0.2)))
    finally:
        await transport.aclose()


@every
async def test_the_simulator_of_the_command_line_streams_in_every_dialect(name: str) -> None:
    async with await launch(SimTarget("fixed", speed=20)) as simulator:
        reply = await ask(name, simulator.url, simulator.model)
    assert (reply.outcome, reply.error, reply.finish_reason) == (Outcome.LENGTH, None, "length")
    assert (reply.output_tokens, reply.token_source) == (12, "usage")
    assert (reply.input_tokens or 0) > 0
    assert sum(reply.stamps.values()) == 12
    assert reply.text.strip()


@every
async def test_every_token_tells_when_it_was_written(name: str) -> None:
    late: list[float | None] = []

    class Heard:
        def sent(self, at_ns: int) -> None: ...
        def first_token(self, at_ns: int) -> None: ...
        def gap(self, seconds: float) -> None: ...
        def split_gap(self, seconds: float, tokens: int) -> None: ...
        def text(self, late_s: float | None) -> None:
            late.append(late_s)

    async with served() as url:
        spoken = dialect(name)
        draw = Draw(0, Prompt("p", ({"role": "user", "content": "Hi"},)), None)
        request = spoken.encode_request(Endpoint(url), url, MODEL, draw, 12, None)
        transport = user_transport(Endpoint(url), url, ssl_context(Endpoint(url)))
        await exchange(transport, Flight(request, spoken, Timeouts(), listener=Heard()))
        await transport.aclose()
    assert len(late) == 12
    assert all(one is not None and one < 5 for one in late)


@every
@pytest.mark.parametrize(
    ("fault", "outcome", "status"),
    [
        ("fail_429", Outcome.RATE_LIMITED, 429),
        ("fail_500", Outcome.SERVER_ERROR, 500),
        ("fail_503", Outcome.SERVER_ERROR, 503),
        ("stall", Outcome.TIMEOUT_STALL, 200),
        ("truncate", Outcome.TRUNCATED, 200),
        ("malformed", Outcome.MALFORMED, 200),
        ("stream_error", Outcome.STREAM_ERROR, 200),
    ],
)
async def test_every_fault_is_read_for_what_it_is(
    name: str, fault: str, outcome: Outcome, status: int
) -> None:
    async with served(faults=Shares(**{fault: 1.0})) as url:
        reply = await ask(name, url)
    assert (reply.outcome, reply.status) == (outcome, status)
    assert reply.error
    assert "{" not in reply.error
    assert reply.retry_after_s == (1.0 if fault == "fail_429" else None)


@every
async def test_a_whole_answer_comes_where_no_stream_was_asked_for(name: str) -> None:
    spoken = dialect(name)
    async with served() as url:
        draw = Draw(0, Prompt("p", ({"role": "user", "content": "Hi"},)), None)
        request = spoken.encode_request(Endpoint(url), url, MODEL, draw, 12, None)
        body = json.loads(request.body) | ({} if name == "gemini" else {"stream": False})
        address = request.url.replace("streamGenerateContent?alt=sse", "generateContent")
        async with httpx.AsyncClient(trust_env=False) as client:
            answer = await client.post(address, json=body)
    assert answer.status_code == 200
    assert "12" in answer.text
    assert answer.json()


@every
async def test_a_key_is_taken_where_the_api_has_it(name: str) -> None:
    async with served(api_key="right") as url:
        assert (await ask(name, url, key="right")).outcome is Outcome.LENGTH
        for key in ("wrong", None):
            refused = await ask(name, url, key=key)
            assert (refused.outcome, refused.error) == (Outcome.CLIENT_ERROR, "HTTP 401: Unauthorized")


@every
async def test_another_model_is_refused_by_name(name: str) -> None:
    async with served() as url:
        reply = await ask(name, url, "another")
    assert (reply.outcome, reply.status) == (Outcome.CLIENT_ERROR, 404)
    assert reply.error is not None
    assert "`another` does not exist" in reply.error


@every
async def test_models_are_listed_where_the_api_lists_them(name: str) -> None:
    spoken = dialect(name)
    async with served() as url, httpx.AsyncClient(trust_env=False) as client:
        # The version of Gemini's API is not that of the base that is served.
        address = spoken.models_url(url.removesuffix("/v1") if name == "gemini" else url)
        if address is None:
            assert name == "azure"
            return
        answer = await client.get(address, headers=request_headers(Endpoint(url), spoken.own_headers(None)))
    assert spoken.decode_models(answer.content) == [MODEL]
