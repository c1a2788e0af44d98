"""A worker on an endpoint for a few seconds, so that the worker itself can be measured.

It works as in a run, records on disk included, but the trial holds the leases: it says how many requests may
start, and when.
"""

import asyncio
import contextlib
import secrets
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path

from msgspec import Struct

from llmprobe.core.engine import Lease, Plan
from llmprobe.core.errors import LlmprobeError, LocalError
from llmprobe.core.events import Event, Fault, FirstToken, Interval, LeaseLow, RequestFinished
from llmprobe.core.histogram import Histogram, merged
from llmprobe.core.record import RequestRecord
from llmprobe.core.scenario import Scenario
from llmprobe.corpus.reader import open_corpus
from llmprobe.report.files import RECORDS
from llmprobe.workers.pool import WorkerPool

_ENDLESS = 1 << 40


class Window(Struct, frozen=True):
    """A stretch of a trial."""

    seconds: float
    tokens: int
    """Text chunks."""
    cpu_share: float
    """Of a core."""
    stamp_error: Histogram


class Trial:
    """Made by `trying`."""

    def __init__(self, pool: WorkerPool) -> None:
        self._pool = pool
        self._level = -1
        self._next = 0
        """The next draw to let go."""
        self._end = 0
        """Draws below this may start."""
        self._wanted: int | None = None
        self._fault: LlmprobeError | None = None
        self._news = asyncio.Event()
        self.intervals: list[Interval] = []
        self.ttfts_s: list[float] = []
        self.records: list[RequestRecord] = []

    @property
    def pids(self) -> tuple[int, ...]:
        """Of the worker, while it lives."""
        return self._pool.pids

    @property
    def stamps(self) -> Counter[str]:
        """Text chunks by kind of stamp, of the requests that have ended."""
        counts: Counter[str] = Counter()
        for record in self.records:
            counts.update(record.stamps)
        return counts

    @property
    def stamp_error(self) -> Histogram:
        """All of them."""
        return merged(interval.stamp_error for interval in self.intervals)

    async def allow(self, requests: int | None = None) -> None:
        """Let so many more start; all that users ask for without a number."""
        self._end = _ENDLESS if requests is None else self._end + requests
        await self._grant()

    async def users(self, target: int, over_s: float = 0.0) -> None:
        """Have so many users, at once or evenly over a time."""
        self._level += 1
        await self._pool.set_load(self._level, target, over_s)

    async def window(self, seconds: float) -> Window:
        """What happens in the next seconds; raises what the worker died of."""
        first = await self._interval()
        await asyncio.sleep(seconds)
        last = await self._interval()
        inside = self.intervals[self.intervals.index(first) + 1 : self.intervals.index(last) + 1]
        at_s, cpu_s = first.at_s, 0.0
        for interval in inside:
            cpu_s += interval.cpu_share * (interval.at_s - at_s)
            at_s = interval.at_s
        passed_s = at_s - first.at_s
        return Window(
            seconds=passed_s,
            tokens=sum(interval.text_chunks for interval in inside),
            cpu_share=cpu_s / passed_s if passed_s > 0 else 0.0,
            stamp_error=merged(interval.stamp_error for interval in inside),
        )

    async def ended(self, requests: int, within_s: float) -> None:
        """Wait until so many have ended and their last tokens are told, or for a time."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(within_s):
                while len(self.records) < requests:
                    await self._new()
        await self._interval()

    async def listen(self) -> None:
        """Hear the worker until it ends."""
        async for batch in self._pool.events():
            for event in batch:
                await self._hear(event)
            self._news.set()
        self._fault = self._fault or LocalError("the worker process has ended")
        self._news.set()

    async def _hear(self, event: Event) -> None:
        match event:
            case LeaseLow():
                self._wanted = event.want
                await self._grant()
            case Interval():
                self.intervals.append(event)
            case FirstToken():
                self.ttfts_s.append(event.ttft_s)
            case RequestFinished():
                self.records.append(event.record)
            case Fault():
                self._fault = LocalError(event.message)
            case _:
                pass

    async def _grant(self) -> None:
        """All that is allowed at once: users that wait for it start together."""
        if self._wanted is None or self._next >= self._end:
            return
        last = min(self._end, self._next + self._wanted)
        lease, self._next, self._wanted = Lease(self._next, last), last, None
        await self._pool.grant(0, lease)

    async def _interval(self) -> Interval:
        count = len(self.intervals)
        while len(self.intervals) == count:
            await self._new()
        return self.intervals[-1]

    async def _new(self) -> None:
        if self._fault is not None:
            raise self._fault
        self._news.clear()
        await self._news.wait()


@contextlib.asynccontextmanager
async def trying(scenario: Scenario, url: str, model: str, folder: Path) -> AsyncIterator[Trial]:
    """A started worker without users yet; it has ended when this ends."""
    corpus = open_corpus(scenario.prompts, Path())
    pool = WorkerPool()
    trial = Trial(pool)
    listening: asyncio.Task[None] | None = None
    try:
        await pool.prepare(
            Plan(
                scenario=scenario, url=url, model=model, corpus_file=str(corpus.file),
                key_env=scenario.endpoint.api_key_env, run_nonce=secrets.token_hex(4),
                journal=str(folder / RECORDS), timed=False,
            )
        )  # fmt: skip
        listening = asyncio.create_task(trial.listen())
        await pool.start()
        yield trial
    finally:
        await pool.stop(drain_s=0.0)
        if listening is not None:
            await listening
