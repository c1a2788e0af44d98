"""One request over a transport: sent, read, timed, and retried once where a kept connection turned out dead.

No task and no timer is made per token: one watchdog looks again when its deadline comes, and goes on waiting
when that has moved.
"""

import asyncio
from functools import lru_cache

import anyio
import httpx

from llmprobe.core.outcome import Outcome
from llmprobe.wire.flight import Flight
from llmprobe.wire.reader import Ending
from llmprobe.wire.reply import Reply
from llmprobe.wire.sink import Head
from llmprobe.wire.trouble import FOREIGN, ending_of


async def exchange(transport: httpx.AsyncBaseTransport, flight: Flight) -> Reply:
    """Carry the flight to its end; never raises for what the endpoint or the network does.

    When it is cancelled from outside, the cancellation passes through; `flight.cancelled()` has the figures.
    """
    with anyio.CancelScope() as scope:
        flight.begin()
        watchdog = _Watchdog(flight, scope)
        try:
            trouble = await _attempt(transport, flight)
            if trouble is not None and trouble.outcome is Outcome.CONNECTION and flight.on_reused_connection:
                flight.retries += 1
                flight.begin()
                trouble = await _attempt(transport, flight)
            return flight.reply(trouble)
        finally:
            watchdog.stop()
    return flight.reply(flight.overdue())


async def _attempt(transport: httpx.AsyncBaseTransport, flight: Flight) -> Ending | None:
    """None when the body came to its end."""
    asked = flight.request
    try:
        url, host = _read(asked.url)
        ours = {"Host": host, "Content-Length": str(len(asked.body))}
        named = {name.lower() for name in asked.headers}
        # With a stream httpx adds nothing, and what it would add costs twice the rest of the request.
        request = httpx.Request(
            asked.method,
            url,
            headers={name: value for name, value in ours.items() if name.lower() not in named}
            | asked.headers,
            stream=httpx.ByteStream(asked.body),
            extensions={"trace": flight.trace, "sink": flight},
        )
        response = await transport.handle_async_request(request)
        if not response.extensions.get("pushed"):
            await _pull(response, flight)
    except FOREIGN as error:
        return ending_of(error, asked.url)
    return None


@lru_cache(maxsize=64)
def _read(url: str) -> tuple[httpx.URL, str]:
    """An address, and the host to name; a run asks one over and over."""
    parsed = httpx.URL(url)
    return parsed, parsed.netloc.decode("ascii")


async def _pull(response: httpx.Response, flight: Flight) -> None:
    """Feed the answer, and give the connection back."""
    try:
        flight.answered(Head(response.status_code, response.headers.raw))
        await _feed(response, flight)
    finally:
        with anyio.CancelScope(shield=True):
            await response.aclose()


async def _feed(response: httpx.Response, flight: Flight) -> None:
    """Pieces between which the loop doesn't turn came with one read, and share its time."""
    assert isinstance(response.stream, httpx.AsyncByteStream)
    loop = asyncio.get_running_loop()
    clock = flight.clock
    at_ns = 0

    def turned() -> None:
        nonlocal at_ns
        at_ns = 0

    async for data in response.stream:
        if not at_ns:
            at_ns = clock()
            loop.call_soon(turned)
        flight.feed(data, at_ns, "loop")
        if flight.sated:
            return


class _Watchdog:
    """Cancels the scope when the flight is overdue. A deadline that moves away is met by looking again."""

    def __init__(self, flight: Flight, scope: anyio.CancelScope) -> None:
        self._flight = flight
        self._scope = scope
        self._loop = asyncio.get_running_loop()
        self._timer: asyncio.TimerHandle | None = None
        self._due_ns = 0
        flight.on_phase = self._look
        self._look()

    def stop(self) -> None:
        """Look no more. Who lets go of the flight spares everybody the garbage collector's search for it."""
        self._flight.on_phase = _nobody
        self._disarm()

    def _look(self) -> None:
        deadline_ns = self._flight.deadline_ns
        if self._timer is not None and self._due_ns <= deadline_ns:
            return
        self._set(deadline_ns)

    def _set(self, deadline_ns: int) -> None:
        self._disarm()
        rest_ns = deadline_ns - self._flight.clock()
        if rest_ns > 0:
            self._due_ns = deadline_ns
            self._timer = self._loop.call_later(rest_ns / 1e9, self._ring)
        else:
            self._scope.cancel()

    def _ring(self) -> None:
        self._set(self._flight.deadline_ns)

    def _disarm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


def _nobody() -> None:
    """Hears of a phase when nobody waits any longer."""
