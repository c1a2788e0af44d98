"""The list of models, and what is said when there is none."""

import asyncio
import socket
from collections.abc import Awaitable, Callable
from typing import Any

import httpx
import pytest

from llmprobe.core.errors import EndpointError
from llmprobe.core.scenario import Endpoint
from llmprobe.wire.dialects import dialect
from llmprobe.wire.guess import Guess
from llmprobe.wire.inquiry import by_asking
from llmprobe.wire.models import list_models

Serve = Callable[..., Awaitable[str]]
ReadRequest = Callable[[asyncio.StreamReader], Awaitable[bytes]]
Transports = Callable[..., httpx.AsyncBaseTransport]
Models = Callable[..., Awaitable[tuple[list[str], bytes]]]

CHAT = dialect("openai-chat")

pytestmark = pytest.mark.anyio


@pytest.fixture
def models(serve: Serve, read_request: ReadRequest, transports: Transports) -> Models:
    """Ask a server that answers so; returns what came of it and the request line."""

    async def ask(answer: bytes, *, path: str = "", **options: Any) -> tuple[list[str], bytes]:
        asked: list[bytes] = []

        async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            asked.append(await read_request(reader))
            writer.write(answer)
            await writer.drain()
            if not answer:
                await reader.read()

        url = await serve(handle) + path
        headers = {"Authorization": "Bearer Zq7-my-own-key"}
        names = await list_models(transports(url), CHAT, url, headers, **options)
        return names, asked[0].split(b"\r\n")[0]

    return ask


def http(status: int, body: bytes) -> bytes:
    return b"HTTP/1.1 %d x\r\nContent-Length: %d\r\n\r\n%b" % (status, len(body), body)


LIST = http(200, b'{"object":"list","data":[{"id":"b","object":"model"},{"id":"a"}]}')


async def test_models_are_named_in_their_order(models: Models) -> None:
    assert await models(LIST) == (["b", "a"], b"GET /v1/models HTTP/1.1")


async def test_the_address_of_completions_will_do_too(models: Models) -> None:
    assert (await models(LIST, path="/chat/completions"))[1] == b"GET /v1/models HTTP/1.1"


async def test_an_endpoint_may_have_none(models: Models) -> None:
    assert (await models(http(200, b'{"data":[]}')))[0] == []


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        (http(401, b'{"error":"key Zq7-my-own-key"}'), r"/models answered HTTP 401: key \*\*\*; .*key-env"),
        (http(404, b""), r"answered HTTP 404: Not Found; does the URL lack its /v1\?"),
        (http(500, b"boom"), r"answered HTTP 500: boom$"),
        (http(200, b"<html>"), r"did not answer with a list of models; name one with --model"),
        (http(200, b'{"models":[]}'), r"did not answer with a list of models"),
        (http(200, b""), r"did not answer with a list of models"),
    ],
)  # fmt: skip
async def test_an_answer_without_models_says_what_to_do(models: Models, answer: bytes, says: str) -> None:
    with pytest.raises(EndpointError, match=says):
        await models(answer)


async def test_a_closed_port_is_told(transports: Transports) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        url = f"http://127.0.0.1:{free.getsockname()[1]}/v1"
    with pytest.raises(EndpointError, match="refuses connections; is the server running"):
        await list_models(transports(url), CHAT, url, {})


async def test_silence_is_not_waited_for(models: Models) -> None:
    with pytest.raises(EndpointError, match=r"/v1/models did not answer within 0\.05 s"):
        await models(b"", timeout_s=0.05)


def anthropic_page(first: int, count: int, *, more: bool) -> bytes:
    entries = ",".join(f'{{"type":"model","id":"c{k}"}}' for k in range(first, first + count))
    told = f'"has_more":{str(more).lower()},"last_id":"c{first + count - 1}"'
    return f'{{"data":[{entries}],{told}}}'.encode()


def gemini_page(name: str, following: str = "") -> bytes:
    token = f',"nextPageToken":"{following}"' if following else ""
    return f'{{"models":[{{"name":"models/{name}"}}]{token}}}'.encode()


@pytest.fixture
def paged(serve: Serve, read_request: ReadRequest, transports: Transports) -> Callable[..., Awaitable[Any]]:
    """Serve these pages in turn (the last one for ever); ask, and return what came and the addresses."""

    async def ask(spoken: str, *pages: bytes, guess: bool = False) -> tuple[list[str] | None, list[str]]:
        asked: list[str] = []

        async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            while True:
                line = (await read_request(reader)).split(b"\r\n")[0]
                asked.append(line.split(b" ")[1].decode())
                writer.write(pages[min(len(asked), len(pages)) - 1])
                await writer.drain()

        url = await serve(handle)
        if guess:
            told = Guess(spoken, url, "named")
            return (await by_asking(transports(url), Endpoint(url), None, told)).models, asked
        return await list_models(transports(url), dialect(spoken), url, {}), asked

    return ask


@pytest.mark.parametrize("guess", [False, True])
@pytest.mark.parametrize(
    ("spoken", "pages", "names", "second"),
    [
        (
            "anthropic-messages",
            [anthropic_page(0, 2, more=True), anthropic_page(2, 1, more=False)],
            ["c0", "c1", "c2"],
            "/v1/models?limit=1000&after_id=c1",
        ),
        (
            "gemini",
            [gemini_page("a", "a+b"), gemini_page("b")],
            ["a", "b"],
            "/v1/models?pageSize=1000&pageToken=a%2Bb",
        ),
    ],
)
async def test_a_list_of_several_pages_is_read_to_its_end(
    paged: Callable[..., Awaitable[Any]], spoken: str, pages: list[bytes], names: list[str], second: str,
    guess: bool,
) -> None:  # fmt: skip
    models, asked = await paged(spoken, *(http(200, page) for page in pages), guess=guess)
    assert (models, asked[1:]) == (names, [second])


@pytest.mark.parametrize("page", [http(500, b""), http(200, b"<html>"), http(200, b'{"data":[]}')])
async def test_a_page_that_does_not_come_ends_the_list(
    paged: Callable[..., Awaitable[Any]], page: bytes
) -> None:
    models, asked = await paged("anthropic-messages", http(200, anthropic_page(0, 2, more=True)), page)
    assert (models, len(asked)) == (["c0", "c1"], 2)


async def test_pages_without_end_are_not_followed_for_ever(paged: Callable[..., Awaitable[Any]]) -> None:
    models, asked = await paged("anthropic-messages", http(200, anthropic_page(0, 1, more=True)))
    assert len(models) == len(asked) == 21
