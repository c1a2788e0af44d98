"""Transports: whose connection lives how long, whom TLS trusts, which proxy is taken."""

import asyncio
import shutil
import ssl
import subprocess
from collections.abc import Awaitable, Callable
from pathlib import Path

import httpx
import pytest

from llmprobe.core.errors import UsageError
from llmprobe.core.outcome import Outcome
from llmprobe.core.scenario import Endpoint
from llmprobe.wire.connection import ConnectionPolicy, parse_connection
from llmprobe.wire.exchange import exchange
from llmprobe.wire.flight import Flight
from llmprobe.wire.transport import _AgingTransport, _proxy, ssl_context, user_transport

Serve = Callable[..., Awaitable[str]]
Transports = Callable[..., httpx.AsyncBaseTransport]
FlightTo = Callable[..., Flight]
Count = Callable[[], Awaitable[tuple[str, list[int]]]]
ReadRequest = Callable[[asyncio.StreamReader], Awaitable[bytes]]

ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"


@pytest.mark.parametrize(
    ("text", "age_s"), [("keep", None), ("per-request", 0.0), ("max-age 30s", 30.0), (" max-age  1m ", 60.0)]
)
def test_a_policy_is_read(text: str, age_s: float | None) -> None:
    assert parse_connection(text) == ConnectionPolicy(age_s)


@pytest.mark.parametrize("text", ["", "never", "max-age", "max-age soon", "keep 3s"])
def test_a_policy_that_is_none_shows_right_spellings(text: str) -> None:
    with pytest.raises(ValueError, match="write keep, per-request or max-age 30s"):
        parse_connection(text)


def test_a_bad_policy_is_wrong_usage() -> None:
    endpoint = Endpoint("http://127.0.0.1:1/v1", connection="never")
    with pytest.raises(UsageError, match="never"):
        user_transport(endpoint, endpoint.url, ssl_context(endpoint))


@pytest.fixture
def count(serve: Serve, read_request: ReadRequest) -> Count:
    """Answer any number of requests on a connection; returns the URL and the requests on each."""

    async def start() -> tuple[str, list[int]]:
        seen: list[int] = []

        async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            at = len(seen)
            seen.append(0)
            while True:
                await read_request(reader)
                seen[at] += 1
                writer.write(ANSWER)
                await writer.drain()

        return await serve(handle), seen

    return start


@pytest.mark.anyio
@pytest.mark.parametrize(("connection", "requests"), [("keep", [3]), ("per-request", [1, 1, 1])])
async def test_a_connection_lives_as_long_as_its_policy_says(
    connection: str, requests: list[int], count: Count, transports: Transports, flight_to: FlightTo
) -> None:
    url, seen = await count()
    transport = transports(url, Endpoint(url, connection=connection))
    for _ in range(3):
        await exchange(transport, flight_to(url))
    assert seen == requests


@pytest.mark.anyio
async def test_a_connection_past_its_age_is_opened_anew(count: Count, flight_to: FlightTo) -> None:
    url, seen = await count()
    now_s = [0.0]
    transport = _AgingTransport(httpx.AsyncHTTPTransport, 30.0, lambda: now_s[0])
    for now_s[0] in (0.0, 29.0, 31.0, 60.0, 61.0):
        await exchange(transport, flight_to(url))
    await transport.aclose()
    assert seen == [2, 2, 1]


@pytest.mark.anyio
async def test_a_policy_of_an_age_keeps_a_young_connection(
    count: Count, transports: Transports, flight_to: FlightTo
) -> None:
    url, seen = await count()
    transport = transports(url, Endpoint(url, connection="max-age 1h"))
    for _ in range(2):
        await exchange(transport, flight_to(url))
    assert seen == [2]


# Proxies


def test_a_proxy_of_the_environment_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("https_proxy", "proxy.example:3128")
    monkeypatch.setenv("no_proxy", "inside.example")
    assert _proxy("https://api.example/v1") == "http://proxy.example:3128"
    assert _proxy("https://inside.example/v1") is None


@pytest.mark.parametrize("host", ["127.0.0.1:8000", "localhost", "[::1]:80"])
def test_what_stays_on_this_machine_never_takes_a_proxy(monkeypatch: pytest.MonkeyPatch, host: str) -> None:
    monkeypatch.setenv("http_proxy", "http://proxy.example:3128")
    monkeypatch.delenv("no_proxy", raising=False)
    assert _proxy(f"http://{host}/v1") is None


def test_a_proxy_that_nobody_speaks_is_wrong_usage(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("https_proxy", "gopher://proxy.example")
    monkeypatch.delenv("no_proxy", raising=False)
    endpoint = Endpoint("https://api.example/v1")
    with pytest.raises(UsageError, match="proxy of this environment"):
        user_transport(endpoint, endpoint.url, ssl_context(endpoint))


# TLS


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A key and a certificate for 127.0.0.1 that nobody has signed."""
    if shutil.which("openssl") is None:
        pytest.skip("needs the openssl command to make a certificate")
    file = tmp_path_factory.mktemp("tls") / "loopback.pem"
    key = file.with_name("key.pem")
    subprocess.run(
        [
            "openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2",
            "-subj", "/CN=127.0.0.1",
            "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", str(key), "-out", str(file),
        ],
        check=True, capture_output=True,
    )  # fmt: skip
    return file


@pytest.fixture
async def tls_url(anyio_backend: str, certificate: Path, read_request: ReadRequest, serve: Serve) -> str:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate, certificate.with_name("key.pem"))

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        writer.write(b"HTTP/1.1 503 x\r\nContent-Length: 0\r\n\r\n")
        await writer.drain()

    return (await serve(handle, context)).replace("http:", "https:")


@pytest.mark.anyio
@pytest.mark.parametrize("trust", ["cacert", "insecure"])
async def test_a_certificate_is_trusted_when_told_to(
    trust: str, tls_url: str, certificate: Path, transports: Transports, flight_to: FlightTo
) -> None:
    trusted = {"cacert": str(certificate)} if trust == "cacert" else {"insecure": True}
    reply = await exchange(transports(tls_url, Endpoint(tls_url, **trusted)), flight_to(tls_url))
    assert reply.status == 503
    assert reply.connect_s is not None


@pytest.mark.anyio
async def test_a_certificate_that_nobody_signed_is_not_trusted(
    tls_url: str, transports: Transports, flight_to: FlightTo
) -> None:
    reply = await exchange(transports(tls_url), flight_to(tls_url))
    assert reply.outcome is Outcome.CONNECTION
    assert reply.error is not None
    assert reply.error.startswith("the certificate of 127.0.0.1:")
    assert "--cacert" in reply.error


@pytest.mark.anyio
async def test_plain_http_behind_https_is_told(
    serve: Serve, transports: Transports, flight_to: FlightTo
) -> None:
    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 400 x\r\n\r\n")
        await reader.read()

    url = (await serve(handle)).replace("http:", "https:")
    reply = await exchange(transports(url), flight_to(url))
    assert reply.outcome is Outcome.CONNECTION
    assert reply.error is not None
    assert reply.error.startswith("TLS with 127.0.0.1:")


@pytest.mark.parametrize("content", [None, "no certificate"])
def test_an_authority_that_cannot_be_read_is_wrong_usage(content: str | None, tmp_path: Path) -> None:
    file = tmp_path / "ca.pem"
    if content is not None:
        file.write_text(content)
    with pytest.raises(UsageError, match=r"ca\.pem: no certificates can be read"):
        ssl_context(Endpoint("https://x/v1", cacert=str(file)))
