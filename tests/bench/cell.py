"""One cell of the client bench: what a client process is told, what it measures, what it answers.

A client runs as `python -m tests.bench.client_X`, reads a `Cell` as JSON on stdin, prints a `Measured`.
"""

import asyncio
import os
import statistics
import sys
import time
from array import array
from collections.abc import Callable, Coroutine
from importlib.util import find_spec
from pathlib import Path

import msgspec
from msgspec import Struct

_TICKS = os.sysconf("SC_CLK_TCK")
SETTLE_S = 1.0
"""Between the last user's start and the window."""


class Cell(Struct, frozen=True):
    """`users` streams from a server that answers each with `tokens` tokens."""

    url: str
    """The API's base, or its chat address; a query is kept."""
    model: str
    users: int
    tokens: int
    ttft_s: float
    itl_s: float
    spread_s: float
    """The users start evenly over this; 0 is all at once."""
    window_s: float
    server_pid: int | None = None


class Measured(Struct, frozen=True):
    """Of one client process and its children, inside the window; None is unknown."""

    tokens_per_s: float
    cpu_us: float
    """Of all its processes, user and system, for each token."""
    engine_us: float
    """Of the process that holds the connections alone."""
    stamp_p50_us: float | None
    stamp_p99_us: float | None
    itl_ms: float | None
    true_itl_ms: float | None
    """By the server's own stamps."""
    ttft_off_mean_ms: float | None
    """Reported time to the first token minus the server's, of each user's first request."""
    ttft_off_p99_ms: float | None
    answered: int
    """Users who have had a first token."""
    errors: int
    rss_mb: float
    """At most, of the process that holds the connections."""
    server_cpu: float | None
    """Share of a core."""


def cpu_s(pid: int) -> float:
    """User and system time of a process (of all its threads) so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS


def peak_rss_mb(pid: int) -> float:
    """The most memory a process has held."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) / 1024
    raise LookupError(f"/proc/{pid}/status tells no VmHWM")


class Meter:
    """CPU of some processes and of the server between two moments."""

    def __init__(self, pids: list[int], server_pid: int | None) -> None:
        self._pids = [*pids, *([server_pid] if server_pid is not None else [])]
        self._server = server_pid is not None
        self._at_s = time.monotonic()
        self._before = [cpu_s(pid) for pid in self._pids]

    def shares(self) -> tuple[list[float], float | None]:
        """Of a core, since it was made: by each of our processes, and by the server."""
        passed_s = time.monotonic() - self._at_s
        shares = [(cpu_s(pid) - was) / passed_s for pid, was in zip(self._pids, self._before, strict=True)]
        return (shares[:-1], shares[-1]) if self._server else (shares, None)


def ttft_off_ms(ttfts_s: list[float], true_s: float) -> tuple[float | None, float | None]:
    """Mean and p99 of what was reported too much."""
    off = sorted(1000 * (ttft_s - true_s) for ttft_s in ttfts_s)
    return (statistics.fmean(off), quantile(off, 0.99)) if off else (None, None)


def quantile(ordered: list[float], q: float) -> float:
    """Of values in order."""
    return ordered[min(len(ordered) - 1, int(q * len(ordered)))]


class _Delta(Struct):
    content: str | None = None


class _Choice(Struct):
    delta: _Delta


class _Chunk(Struct):
    choices: list[_Choice]
    created_ns: int | None = None


_decode = msgspec.json.Decoder(_Chunk).decode


class Tally:
    """What the streams of a plain client add up to; as cheap as a script can have it."""

    def __init__(self) -> None:
        self.open = False
        """Whether the window is."""
        self.stamp_errors_ns = array("q")
        self.gaps = self.gaps_ns = self.true_gaps_ns = 0
        self.ttfts_s: list[float] = []
        self.errors = 0


class Stream:
    """One answer: bytes in, every chunk decoded, as any client must that wants its tokens."""

    def __init__(self, tally: Tally, sent_ns: int, *, first: bool) -> None:
        self._tally = tally
        self._sent_ns = sent_ns
        self._first = first
        self._rest = b""
        self._last_ns = self._last_true_ns = 0

    def feed(self, data: bytes, at_ns: int) -> None:
        """What one read brought."""
        *lines, self._rest = (self._rest + data).split(b"\n")
        for line in lines:
            if line.startswith(b"data: {"):
                chunk = _decode(line[6:])
                if chunk.choices and chunk.choices[0].delta.content and chunk.created_ns is not None:
                    self._token(at_ns, chunk.created_ns)

    def _token(self, at_ns: int, true_ns: int) -> None:
        tally = self._tally
        if not self._last_ns and self._first:
            tally.ttfts_s.append((at_ns - self._sent_ns) / 1e9)
        if tally.open:
            tally.stamp_errors_ns.append(at_ns - true_ns)
            if self._last_ns:
                tally.gaps += 1
                tally.gaps_ns += at_ns - self._last_ns
                tally.true_gaps_ns += true_ns - self._last_true_ns
        self._last_ns, self._last_true_ns = at_ns, true_ns


Ask = Callable[[Tally, bool], Coroutine[None, None, None]]
"""Send one request and feed its answer to a stream; the flag marks a user's first."""
Touch = Callable[[], Coroutine[None, None, None]]
"""Get the list of models."""


async def measure(cell: Cell, ask: Ask, touch: Touch) -> Measured:
    """Open a connection for each user, let all ask, look at a window of it, and leave them."""
    tally = Tally()
    await asyncio.gather(*(touch() for _ in range(cell.users)), return_exceptions=True)

    async def live(number: int) -> None:
        await asyncio.sleep(number * cell.spread_s / cell.users)
        first = True
        while True:
            try:
                await ask(tally, first)
            except Exception:  # noqa: BLE001 - whatever a client raises is an error of the cell
                tally.errors += 1
                await asyncio.sleep(0.1)
            first = False

    users = [asyncio.ensure_future(live(number)) for number in range(cell.users)]
    await asyncio.sleep(cell.spread_s + SETTLE_S)
    meter, began_s = Meter([os.getpid()], cell.server_pid), time.monotonic()
    tally.open = True
    await asyncio.sleep(cell.window_s)
    tally.open = False
    (share,), server = meter.shares()
    passed_s = time.monotonic() - began_s
    assert users
    errors_us = sorted(ns / 1000 for ns in tally.stamp_errors_ns)
    tokens_per_s = len(errors_us) / passed_s
    off_mean, off_p99 = ttft_off_ms(tally.ttfts_s, cell.ttft_s)
    cpu_us = 1e6 * share / tokens_per_s if tokens_per_s else 0.0
    return Measured(
        tokens_per_s=tokens_per_s,
        cpu_us=cpu_us,
        engine_us=cpu_us,
        stamp_p50_us=quantile(errors_us, 0.5) if errors_us else None,
        stamp_p99_us=quantile(errors_us, 0.99) if errors_us else None,
        itl_ms=tally.gaps_ns / tally.gaps / 1e6 if tally.gaps else None,
        true_itl_ms=tally.true_gaps_ns / tally.gaps / 1e6 if tally.gaps else None,
        ttft_off_mean_ms=off_mean,
        ttft_off_p99_ms=off_p99,
        answered=len(tally.ttfts_s),
        errors=tally.errors,
        rss_mb=peak_rss_mb(os.getpid()),
        server_cpu=server,
    )


def body(cell: Cell) -> dict[str, object]:
    """The request that a plain client sends."""
    return {
        "model": cell.model,
        "messages": [{"role": "user", "content": "Tell me about rain in a few words, please."}],
        "max_tokens": cell.tokens,
        "stream": True,
        "stream_options": {"include_usage": True},
    }


def answer(client: Callable[[Cell], Coroutine[None, None, Measured]]) -> None:
    """Be a client process: on uvloop where there is one, as the engine's worker is."""
    run: Callable[[Coroutine[None, None, None]], None] = asyncio.run
    if find_spec("uvloop") is not None:
        import uvloop  # type: ignore[import-not-found,unused-ignore]  # an extra

        run = uvloop.run

    async def work() -> None:
        cell = msgspec.json.decode(sys.stdin.buffer.read(), type=Cell)
        sys.stdout.buffer.write(msgspec.json.encode(await client(cell)))
        sys.stdout.flush()
        # A thousand streams are in the middle of their answers; taking leave of each would take long.
        os._exit(0)

    run(work())
