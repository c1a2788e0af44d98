"""Which dialect an endpoint speaks, from its address, and from the models it lists."""

import asyncio
import socket
from collections.abc import Awaitable, Callable

import httpx
import pytest

from llmprobe.core.scenario import Endpoint
from llmprobe.wire.dialects import dialect
from llmprobe.wire.guess import Guess, by_address
from llmprobe.wire.inquiry import by_asking

Serve = Callable[..., Awaitable[str]]
ReadRequest = Callable[[asyncio.StreamReader], Awaitable[bytes]]
Transports = Callable[..., httpx.AsyncBaseTransport]
Asking = Callable[..., Awaitable[tuple[Guess, str, list[str]]]]

OPENAI, ANTHROPIC, OLLAMA, GEMINI = (
    dialect(name).encode_models("m")
    for name in ("openai-chat", "anthropic-messages", "ollama-chat", "gemini")
)


@pytest.mark.parametrize(
    ("url", "spoken"),
    [
        ("http://h:8000/v1/chat/completions", "openai-chat"),
        ("http://h:8000/v1/chat/completions/", "openai-chat"),
        ("http://h:8000/v1/completions", "openai-completions"),
        ("http://h:8000/v1/responses", "openai-responses"),
        ("http://h:8000/v1/messages", "anthropic-messages"),
        ("http://h:11434/api/chat", "ollama-chat"),
        ("https://h/v1beta/models/gemini-2.0-flash:streamGenerateContent?alt=sse", "gemini"),
        ("https://h/v1beta/models/gemini-2.0-flash:generateContent", "gemini"),
        ("https://h/openai/deployments/d/chat/completions?api-version=1", "azure"),
        ("https://api.openai.com/v1", "openai-chat"),
        ("https://api.anthropic.com", "anthropic-messages"),
        ("https://api.anthropic.com/v1", "anthropic-messages"),
        ("https://api.anthropic.com/v1/chat/completions", "openai-chat"),
        ("https://generativelanguage.googleapis.com/v1beta", "gemini"),
        ("https://generativelanguage.googleapis.com/v1beta/openai", "openai-chat"),
        ("https://me.openai.azure.com", "azure"),
        ("https://me.openai.azure.com/openai/v1", "azure"),
        ("https://me.services.ai.azure.com/openai/v1/", "azure"),
    ],
)
def test_an_address_tells(url: str, spoken: str) -> None:
    told = by_address(url)
    assert told is not None
    assert (told.dialect, told.url) == (spoken, url)
    assert told.because.startswith(("the address has ", "the host is "))


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:11434", "http://h/v1", "http://h:8000", "https://api.groq.com/openai/v1",
        "https://api.anthropic.com.evil.example/v1", "https://openai.azure.com.evil.example",
        "http://h/v1/messages/v1",
    ],
)  # fmt: skip
def test_an_address_that_does_not_tell_is_to_be_asked(url: str) -> None:
    assert by_address(url) is None


@pytest.fixture
def asking(serve: Serve, read_request: ReadRequest, transports: Transports) -> Asking:
    """Ask a server that has these lists, by path; also its root, and the requests it got."""

    async def ask(
        lists: dict[str, bytes], base: str = "", told: str | None = None, status: int = 404
    ) -> tuple[Guess, str, list[str]]:
        got: list[str] = []

        async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            while True:
                method, path, _ = (await read_request(reader)).split(b"\r\n")[0].decode().split(" ")
                got.append(f"{method} {path}")
                body = lists.get(path)
                head = b"HTTP/1.1 %d x\r\nContent-Length: %d\r\n\r\n"
                writer.write(head % (200 if body else status, len(body or b"")) + (body or b""))
                await writer.drain()

        root = (await serve(handle)).removesuffix("/v1")
        url = root + base
        known = Guess(told, url, "so it was said") if told is not None else None
        return await by_asking(transports(url), Endpoint(url), "Zq7-key", known), root, got

    return ask


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("lists", "base", "spoken", "answers"),
    [
        ({"/v1/models": OPENAI}, "/v1", "openai-chat", "/v1"),
        ({"/v1/models": OPENAI}, "", "openai-chat", "/v1"),
        ({"/v1/models": OPENAI}, "/", "openai-chat", "/v1"),
        ({"/models": OPENAI, "/v1/models": OPENAI}, "", "openai-chat", "/v1"),
        ({"/models": OPENAI}, "", "openai-chat", ""),
        ({"/v1/models": OPENAI.replace(b'"object":"model",', b'"type":"model",')}, "", "openai-chat", "/v1"),
        ({"/v1/models": OPENAI, "/api/tags": OLLAMA}, "", "openai-chat", "/v1"),
        ({"/v1/models": ANTHROPIC}, "/v1", "anthropic-messages", "/v1"),
        ({"/gate/v1/models": ANTHROPIC}, "/gate", "anthropic-messages", "/gate/v1"),
        ({"/api/tags": OLLAMA}, "", "ollama-chat", ""),
        ({"/api/tags": OLLAMA}, "/v1", "ollama-chat", "/v1"),
        ({"/v1beta/models": GEMINI}, "", "gemini", ""),
        ({"/v1beta/models": GEMINI}, "/v1beta", "gemini", "/v1beta"),
    ],
)
async def test_the_models_that_it_lists_tell(
    asking: Asking, lists: dict[str, bytes], base: str, spoken: str, answers: str
) -> None:
    guess, root, got = await asking(lists, base)
    assert (guess.dialect, guess.url, guess.models) == (spoken, root + answers, ["m"])
    assert guess.because.startswith("it lists its models as ")
    assert all(request.startswith("GET ") for request in got)


@pytest.mark.anyio
async def test_an_endpoint_that_tells_nothing_is_taken_for_the_usual(asking: Asking) -> None:
    guess, root, got = await asking({"/v1/models": b"<html>"}, "/v1")
    assert guess == Guess("openai-chat", root + "/v1", "it told nothing, and this is the usual one")
    assert got == ["GET /v1/models", "GET /v1/models", "GET /api/tags", "GET /v1/models"]


@pytest.mark.anyio
async def test_an_endpoint_that_wants_a_key_is_there(asking: Asking) -> None:
    guess, root, _ = await asking({}, "/v1", status=401)
    assert guess == Guess("openai-chat", root + "/v1", "it wants a key, and this is the usual one")


@pytest.mark.anyio
async def test_where_the_dialect_is_known_only_its_own_list_is_asked_for(asking: Asking) -> None:
    guess, root, got = await asking({"/api/tags": OLLAMA, "/v1/models": OPENAI}, told="ollama-chat")
    assert guess == Guess("ollama-chat", root, "so it was said", ["m"])
    assert got == ["GET /api/tags"]
    guess, root, got = await asking({"/v1/models": OPENAI}, told="openai-responses")
    assert guess == Guess("openai-responses", root + "/v1", "so it was said", ["m"])
    guess, root, got = await asking({"/v1/models": OPENAI}, told="anthropic-messages")
    assert guess == Guess("anthropic-messages", root, "so it was said", ["m"])
    guess, root, got = await asking({}, told="openai-responses")
    assert guess == Guess("openai-responses", root, "so it was said")
    guess, root, got = await asking({}, told="azure")
    assert (guess, got) == (Guess("azure", root, "so it was said"), [])


@pytest.mark.anyio
async def test_an_address_that_names_the_model_needs_no_asking(asking: Asking) -> None:
    guess, _, got = await asking({}, "/v1beta/models/g%2F1:streamGenerateContent", told="gemini")
    assert (guess.models, got) == (["g/1"], [])


@pytest.mark.anyio
async def test_an_endpoint_that_is_not_there_is_asked_once(transports: Transports) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        url = f"http://127.0.0.1:{free.getsockname()[1]}"
    guess = await by_asking(transports(url), Endpoint(url), None, None)
    assert guess == Guess("openai-chat", url, "it does not answer, and this is the usual one")


@pytest.mark.anyio
async def test_each_dialect_is_asked_with_its_own_header(
    serve: Serve, read_request: ReadRequest, transports: Transports
) -> None:
    keys: list[str] = []

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            head = (await read_request(reader)).decode()
            keys.extend(line.split(":")[0] for line in head.split("\r\n") if "Zq7-key" in line)
            writer.write(b"HTTP/1.1 404 x\r\nContent-Length: 0\r\n\r\n")
            await writer.drain()

    url = await serve(handle)
    await by_asking(transports(url), Endpoint(url), "Zq7-key", None)
    assert [key.lower() for key in keys] == ["authorization", "x-api-key", "authorization", "x-goog-api-key"]
