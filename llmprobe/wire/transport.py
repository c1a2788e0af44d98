"""Transports: one for each virtual user, so that nobody shares a pool, around one TLS context.

`httpx.AsyncBaseTransport` is the seam: whatever speaks it can stand here.
"""

import ssl
import time
from collections.abc import Callable
from importlib.util import find_spec
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

import httpx

from llmprobe.core.errors import UsageError
from llmprobe.core.scenario import Endpoint
from llmprobe.core.target import is_loopback
from llmprobe.wire.connection import parse_connection
from llmprobe.wire.direct import DirectTransport


def ssl_context(endpoint: Endpoint) -> ssl.SSLContext:
    """Whom to trust; takes milliseconds, so it is built once. Raises `UsageError` for a bad `cacert`."""
    if endpoint.insecure:
        return httpx.create_ssl_context(verify=False)
    if endpoint.cacert is None:
        return httpx.create_ssl_context()
    try:
        return ssl.create_default_context(cafile=endpoint.cacert)
    except OSError as error:
        raise UsageError(
            f"{endpoint.cacert}: no certificates can be read: {error.strerror or error}"
        ) from None


def user_transport(endpoint: Endpoint, url: str, context: ssl.SSLContext) -> httpx.AsyncBaseTransport:
    """A virtual user's own transport: one connection to `url`, opened with its first request."""
    try:
        policy = parse_connection(endpoint.connection)
    except ValueError as error:
        raise UsageError(str(error)) from None
    proxy = _proxy(url)
    if proxy is None and not endpoint.http2:
        return DirectTransport(context, policy.max_age_s)
    return pooled_transport(
        policy.max_age_s, context, proxy, http2=endpoint.http2, cleartext=urlsplit(url).scheme == "http"
    )


def pooled_transport(
    max_age_s: float | None,
    context: ssl.SSLContext,
    proxy: str | None = None,
    *,
    http2: bool = False,
    cleartext: bool = False,
) -> httpx.AsyncBaseTransport:
    """Httpx's own, for what the direct one can't do (proxies, SOCKS, HTTP/2); its stamps are the loop's.

    HTTP/2 in the clear is spoken from the first byte: without TLS nothing is there to agree on it.
    """

    def build() -> httpx.AsyncBaseTransport:
        keep = 0 if max_age_s == 0 else 1
        limits = httpx.Limits(max_connections=1, max_keepalive_connections=keep, keepalive_expiry=None)
        return httpx.AsyncHTTPTransport(
            verify=context, limits=limits, proxy=proxy, http1=not (http2 and cleartext), http2=http2
        )

    if http2 and find_spec("h2") is None:
        raise UsageError("HTTP/2 needs another package: pip install 'llmprobe[http2]'")
    try:
        return _AgingTransport(build, max_age_s) if max_age_s else build()
    except ImportError:
        raise UsageError(f"{proxy} needs another package: pip install 'llmprobe[socks]'") from None
    except ValueError as error:
        raise UsageError(f"the proxy of this environment can't be used: {error}") from None


class _AgingTransport(httpx.AsyncBaseTransport):
    """Opens a new connection for the first request after `max_age_s`."""

    def __init__(
        self,
        build: Callable[[], httpx.AsyncBaseTransport],
        max_age_s: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._build = build
        self._max_age_s = max_age_s
        self._clock = clock
        self._inner = build()
        self._opened_s: float | None = None

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        now_s = self._clock()
        if self._opened_s is None:
            self._opened_s = now_s
        elif now_s - self._opened_s >= self._max_age_s:
            await self._inner.aclose()
            self._inner = self._build()
            self._opened_s = now_s
        return await self._inner.handle_async_request(request)

    async def aclose(self) -> None:
        await self._inner.aclose()


def _proxy(url: str) -> str | None:
    """The environment's proxy for `url`; what stays on this machine never takes one."""
    parts = urlsplit(url)
    if is_loopback(url) or proxy_bypass(parts.netloc.rpartition("@")[2]):
        return None
    proxies = getproxies()
    proxy = proxies.get(parts.scheme) or proxies.get("all")
    return proxy if proxy is None or "://" in proxy else f"http://{proxy}"
