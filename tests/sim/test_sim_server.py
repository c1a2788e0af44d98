"""The simulated endpoint over real sockets."""

import asyncio
import json
import socket
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

import httpx
import pytest

from llmprobe.core.errors import LocalError
from llmprobe.sim.endpoint import Service
from llmprobe.sim.faults import Shares
from llmprobe.sim.fixed import Fixed
from llmprobe.sim.limits import Limits
from llmprobe.sim.model import Config, Lengths
from llmprobe.sim.replica import Hardware
from llmprobe.sim.server import serve
from llmprobe.wire.dialects import dialect
from llmprobe.wire.dialects.dialect import Delta
from llmprobe.wire.rate_limit import parse_rate_limit
from llmprobe.wire.sse import SseParser

pytestmark = pytest.mark.anyio

QUICK = Fixed(ttft_s=0.001, itl_s=0.0005, tokens=20)
ONE_SLOT = Hardware(slots=1, step_s=0.0005)
CHAT = dialect("openai-chat")


def body(**more: Any) -> dict[str, Any]:
    messages = [{"role": "user", "content": "Say something, please."}]
    return {
        "model": "m",
        "messages": messages,
        "stream": True,
        "stream_options": {"include_usage": True},
    } | more


def raw(**more: Any) -> bytes:
    data = json.dumps(body(**more)).encode()
    return b"POST /v1/chat/completions HTTP/1.1\r\nContent-Length: %d\r\n\r\n%b" % (len(data), data)


@asynccontextmanager
async def served(machine: Config | Fixed, **more: Any) -> AsyncIterator[httpx.AsyncClient]:
    """A client of a server that runs in this loop."""
    ready: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    serving = asyncio.create_task(serve(Service(machine, "m", **more), 0, ready.set_result))
    try:
        async with httpx.AsyncClient(base_url=await ready, trust_env=False, timeout=120) as client:
            yield client
    finally:
        serving.cancel()
        with suppress(asyncio.CancelledError):
            await serving


async def dialled(client: httpx.AsyncClient) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    return await asyncio.open_connection("127.0.0.1", client.base_url.port)


async def ask(client: httpx.AsyncClient, **more: Any) -> httpx.Response:
    return await client.post("/chat/completions", json=body(**more))


def deltas(content: bytes) -> list[Delta]:
    return [CHAT.decode_event(event) for event in SseParser().feed(content)]


async def gauge(client: httpx.AsyncClient, name: str) -> int:
    answer = await client.get(str(client.base_url).replace("/v1/", "/metrics"))
    return next(
        int(line.split()[1]) for line in answer.text.splitlines() if line.startswith(f"llamacpp:{name} ")
    )


async def until(client: httpx.AsyncClient, name: str, value: int) -> None:
    while await gauge(client, name) != value:
        await asyncio.sleep(0)


async def test_a_stream_is_role_text_finish_usage_and_terminator() -> None:
    async with served(QUICK) as client:
        answer = await ask(client)
        role, *texts, finish, usage, done = deltas(answer.content)
    assert answer.headers["content-type"].startswith("text/event-stream")
    assert role.text == ""
    assert len(texts) == 20
    assert all(delta.text for delta in texts)
    assert finish.finish_reason == "stop"
    assert usage.usage is not None
    assert usage.usage.output_tokens == 20
    assert usage.usage.input_tokens == 6
    assert done.done


async def test_usage_comes_only_when_asked_for() -> None:
    async with served(QUICK) as client:
        answer = await ask(client, stream_options=None)
    assert all(delta.usage is None for delta in deltas(answer.content))


async def test_every_chunk_tells_when_it_was_written_on_the_clock_of_this_machine() -> None:
    stamps = []
    async with served(QUICK) as client:
        before = time.monotonic_ns()
        async with client.stream("POST", "/chat/completions", json=body()) as answer:
            async for line in answer.aiter_lines():
                if '"created_ns"' in line:
                    stamps.append(json.loads(line.removeprefix("data: "))["created_ns"])
                    assert stamps[-1] <= time.monotonic_ns()
    assert len(stamps) == 20
    assert stamps == sorted(stamps)
    assert before + 1_000_000 <= stamps[0]


async def test_a_max_tokens_that_is_reached_is_told_as_length() -> None:
    async with served(QUICK) as client:
        answer = await ask(client, max_tokens=7)
    reasons = [delta.finish_reason for delta in deltas(answer.content) if delta.finish_reason]
    assert reasons == ["length"]
    assert sum(bool(delta.text) for delta in deltas(answer.content)) == 7


async def test_a_request_for_no_stream_gets_one_json_body() -> None:
    async with served(QUICK) as client:
        answer = (await ask(client, stream=False)).json()
    assert answer["choices"][0]["message"]["content"].endswith(".")
    assert answer["usage"]["completion_tokens"] == 20


async def test_the_counter_of_tokens_is_the_sum_of_all_usage() -> None:
    config = Config(Hardware(slots=8, step_s=0.0005), Lengths(median=20, sigma=0.5))
    async with served(config) as client:
        answers = await asyncio.gather(*(ask(client) for _ in range(30)))
        usages = [delta.usage for answer in answers for delta in deltas(answer.content) if delta.usage]
        assert len(usages) == 30
        assert sum(usage.output_tokens or 0 for usage in usages) == await gauge(
            client, "tokens_predicted_total"
        )


async def test_one_connection_serves_many_requests_even_sent_at_once() -> None:
    async with served(QUICK) as client:
        reader, writer = await dialled(client)
        writer.write(raw(max_tokens=3) + raw(max_tokens=4))
        for tokens in (3, 4):
            stream = await reader.readuntil(b"0\r\n\r\n")
            assert stream.startswith(b"HTTP/1.1 200 OK\r\n")
            assert stream.count(b'"created_ns"') == tokens
        writer.write(raw(max_tokens=5))
        assert (await reader.readuntil(b"0\r\n\r\n")).count(b'"created_ns"') == 5
        writer.close()


async def test_a_client_that_leaves_frees_its_slot() -> None:
    async with served(Config(ONE_SLOT, Lengths(median=1_000_000, longest=1_000_000))) as client:
        _, first = await dialled(client)
        first.write(raw())
        await until(client, "requests_processing", 1)
        reader, second = await dialled(client)
        second.write(raw())
        await until(client, "requests_deferred", 1)
        first.close()
        await reader.readuntil(b'"created_ns"')
        assert await gauge(client, "requests_deferred") == 0
        second.close()
        await until(client, "requests_processing", 0)


async def test_a_client_that_does_not_read_is_cut_and_frees_its_slot() -> None:
    async with served(Fixed(ttft_s=0.0, itl_s=0.00005, tokens=10_000_000)) as client:
        with socket.create_connection(("127.0.0.1", client.base_url.port or 0)) as deaf:
            deaf.sendall(raw())
            while not await gauge(client, "tokens_predicted_total"):
                await asyncio.sleep(0)
            await until(client, "requests_processing", 0)
            assert await gauge(client, "tokens_predicted_total") < 10_000_000


async def test_a_speed_divides_the_times() -> None:
    async with served(Fixed(ttft_s=3600.0, itl_s=60.0, tokens=20), speed=1e6) as client:
        assert len(deltas((await ask(client)).content)) == 24


async def test_a_rate_limit_is_told_in_headers_and_in_words() -> None:
    config = Config(ONE_SLOT, Lengths(median=5), limits=Limits(requests_per_minute=1, burst_s=60))
    async with served(config) as client:
        good, refused = await ask(client), await ask(client)
    assert good.headers["x-ratelimit-limit-requests"] == "1"
    assert good.headers["x-ratelimit-remaining-requests"] == "0"
    assert refused.status_code == 429
    told = parse_rate_limit(refused.headers, refused.content, time.time())
    assert told.requests.limit == 1
    assert told.retry_after_s is not None
    assert 0 < told.retry_after_s <= 60
    assert 0 < int(refused.headers["retry-after"]) <= 60
    said = parse_rate_limit({}, refused.content, time.time())
    assert said.requests.limit == 1


async def test_a_token_limit_says_what_was_charged() -> None:
    config = Config(ONE_SLOT, Lengths(median=5), limits=Limits(tokens_per_minute=60, burst_s=120))
    async with served(config) as client:
        await ask(client, max_tokens=90)
        refused = await ask(client, max_tokens=80)
    said = parse_rate_limit({}, refused.content, time.time())
    assert (said.tokens.limit, said.requested_tokens) == (60, 86)


async def test_a_concurrency_cap_says_so_and_not_when_to_come_back() -> None:
    config = Config(ONE_SLOT, Lengths(median=1_000_000, longest=1_000_000), limits=Limits(concurrency=1))
    async with served(config) as client:
        _, writer = await dialled(client)
        writer.write(raw())
        await until(client, "requests_processing", 1)
        refused = await ask(client)
        writer.close()
    assert refused.status_code == 429
    assert "retry-after" not in refused.headers
    assert "at most 1" in refused.json()["error"]["message"]


@pytest.mark.parametrize(("fault", "status"), [("fail_429", 429), ("fail_500", 500), ("fail_503", 503)])
async def test_a_fault_that_comes_at_once_is_a_status(fault: str, status: int) -> None:
    async with served(QUICK, faults=Shares(**{fault: 1.0})) as client:
        answer = await ask(client)
        assert answer.status_code == status
        assert answer.json()["error"]["message"]
        if status == 429:
            assert answer.headers["retry-after"] == "1"
            assert answer.headers["x-ratelimit-remaining-requests"] == "0"
        assert await gauge(client, "tokens_predicted_total") == 0


async def test_a_truncated_stream_ends_in_the_middle() -> None:
    async with served(QUICK, faults=Shares(truncate=1.0)) as client:
        reader, writer = await dialled(client)
        writer.write(raw())
        stream = await reader.read()
        writer.close()
        assert 1 <= stream.count(b'"created_ns"') < 20
        assert b"[DONE]" not in stream
        assert not stream.endswith(b"0\r\n\r\n")
        assert await gauge(client, "requests_processing") == 0


async def test_a_stalled_stream_goes_silent_and_stays_open() -> None:
    async with served(QUICK, faults=Shares(stall=1.0)) as client:
        reader, writer = await dialled(client)
        writer.write(raw())
        await reader.readuntil(b'"created_ns"')
        await until(client, "requests_processing", 0)
        rest = b""
        with suppress(TimeoutError):
            async with asyncio.timeout(0.1):
                while data := await reader.read(1 << 16):
                    rest += data
        assert b"[DONE]" not in rest
        assert not reader.at_eof()
        writer.close()


async def test_a_malformed_chunk_is_no_json_and_the_stream_goes_on() -> None:
    async with served(QUICK, faults=Shares(malformed=1.0)) as client:
        answer = await ask(client)
    bad = []
    for event in SseParser().feed(answer.content):
        try:
            json.loads(event.data)
        except ValueError:
            bad.append(event.data)
    assert len(bad) == 2
    assert bad[1] == b"[DONE]"
    assert answer.content.count(b'"created_ns"') == 20


async def test_an_error_inside_a_stream_ends_it() -> None:
    async with served(QUICK, faults=Shares(stream_error=1.0)) as client:
        answer = await ask(client)
        assert answer.status_code == 200
        errors = [delta.error for delta in deltas(answer.content) if delta.error]
        assert [error.message for error in errors] == ["EngineCore died"]
        assert not any(delta.finish_reason for delta in deltas(answer.content))
        assert await gauge(client, "requests_processing") == 0


async def test_faults_hit_answers_without_a_stream_too() -> None:
    async with served(QUICK, faults=Shares(malformed=1.0)) as client:
        with pytest.raises(ValueError, match=r"."):
            (await ask(client, stream=False)).json()
    async with served(QUICK, faults=Shares(stream_error=1.0)) as client:
        assert "error" in (await ask(client, stream=False)).json()
    async with served(QUICK, faults=Shares(truncate=1.0)) as client:
        with pytest.raises(httpx.RemoteProtocolError):
            await ask(client, stream=False)


@pytest.mark.parametrize(
    ("content", "status", "kind"),
    [
        (b'{"model": "m", "messages": [', 400, "BadRequestError"),
        (b'{"model": "m"}', 400, "BadRequestError"),
        (b'{"model": "m", "messages": "hello"}', 400, "BadRequestError"),
        (b'{"model": "m", "messages": [], "max_tokens": 0}', 400, "BadRequestError"),
        (b'{"model": "other", "messages": []}', 404, "NotFoundError"),
    ],
)
async def test_a_request_that_makes_no_sense_is_told_why(content: bytes, status: int, kind: str) -> None:
    async with served(QUICK) as client:
        answer = await client.post("/chat/completions", content=content)
        error = answer.json()["error"]
        assert (answer.status_code, error["type"], error["code"]) == (status, kind, status)
        assert error["message"]
        assert (await ask(client)).status_code == 200


async def test_paths_and_methods_that_are_not_there_are_refused() -> None:
    async with served(QUICK) as client:
        assert (await client.get("/nothing")).status_code == 404
        assert (await client.get("/chat/completions")).status_code == 405
        assert (await client.post("/models")).status_code == 405


async def test_the_model_is_named_and_the_server_is_well() -> None:
    async with served(QUICK) as client:
        models = (await client.get("/models")).json()
        health = await client.get(str(client.base_url).replace("/v1/", "/health"))
    assert [model["id"] for model in models["data"]] == ["m"]
    assert health.json() == {"status": "ok"}


async def test_a_key_is_asked_for_where_one_is_set() -> None:
    async with served(QUICK, api_key="right") as client:
        assert (await ask(client)).status_code == 401
        wrong = await client.get("/models", headers={"Authorization": "Bearer wrong"})
        assert wrong.status_code == 401
        assert wrong.json()["error"]["message"] == "Unauthorized"
        assert (await client.get("/models", headers={"Authorization": "Bearer right"})).status_code == 200
        assert await gauge(client, "requests_processing") == 0


async def test_what_is_not_http_is_answered_and_hung_up_on() -> None:
    async with served(QUICK) as client:
        reader, writer = await dialled(client)
        writer.write(b"SSH-2.0-OpenSSH\r\n\r\n")
        assert (await reader.read()).startswith(b"HTTP/1.1 400 Bad Request\r\n")
        writer.close()


async def test_a_client_that_asks_to_close_is_closed() -> None:
    async with served(QUICK) as client:
        reader, writer = await dialled(client)
        writer.write(b"GET /health HTTP/1.1\r\nConnection: close\r\n\r\n")
        assert (await reader.read()).endswith(b'{"status":"ok"}')
        writer.close()


async def test_a_port_in_use_is_one_clear_sentence() -> None:
    async with served(QUICK) as client:
        port = client.base_url.port
        assert port is not None
        with pytest.raises(LocalError, match=f"port {port} on 127.0.0.1 is in use"):
            await serve(Service(QUICK, "m"), port, print)
