"""What a worker has to tell, gathered into batches."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator

from msgspec import Struct

from llmprobe.core.events import Event
from llmprobe.core.histogram import Histogram, merged

BATCH_S = 0.05
"""The longest an event waits for its batch."""


class Counters(Struct, frozen=True):
    """What an `Interval` takes along; its fields of the same names say what each is."""

    text_chunks: int
    itl: Histogram
    chunk_gaps: Histogram
    stamp_error: Histogram
    starts: Histogram


class Outbox:
    """Events in order, and the counters that an `Interval` takes with it."""

    def __init__(self) -> None:
        self._events: list[Event] = []
        self._some = asyncio.Event()
        self._hurry = asyncio.Event()
        self._closed = False
        self.texts: list[float | None] = []
        """For each text event, how late it was stamped, where that is known."""
        self.gaps_s: list[float] = []
        """Before arrivals of one token."""
        self.split_gaps: list[tuple[float, int]] = []
        """Before arrivals of several tokens, and how many."""
        self.starts_s: list[float] = []
        """How late requests of an open load were sent."""

    def put(self, event: Event, *, hurry: bool = False) -> None:
        """Tell with the next batch, which in a `hurry` waits for nothing else."""
        self._events.append(event)
        self._some.set()
        if hurry:
            self._hurry.set()

    def take_counters(self) -> Counters:
        """What was counted since the last call."""
        itl = Histogram.of(self.gaps_s)
        chunk_gaps = merged([itl])
        if self.split_gaps:
            chunk_gaps.merge(Histogram.of([gap_s for gap_s, _ in self.split_gaps]))
            itl.merge(Histogram.of([gap_s / n for gap_s, n in self.split_gaps for _ in range(n)]))
        late_s = [late_s for late_s in self.texts if late_s is not None]
        taken = Counters(len(self.texts), itl, chunk_gaps, Histogram.of(late_s), Histogram.of(self.starts_s))
        for samples in (self.texts, self.gaps_s, self.split_gaps, self.starts_s):
            samples.clear()
        return taken

    def close(self) -> None:
        """Nothing more will come; `batches` ends once all is told."""
        self._closed = True
        self._some.set()
        self._hurry.set()

    async def batches(self) -> AsyncIterator[list[Event]]:
        """The first event after a quiet moment goes at once, those close behind it together."""
        told_at = 0.0
        while True:
            await self._some.wait()
            if (rest := told_at + BATCH_S - time.monotonic()) > 0:
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._hurry.wait(), rest)
            told_at = time.monotonic()
            self._some.clear()
            if not self._closed:
                self._hurry.clear()
            batch, self._events = self._events, []
            if batch:
                yield batch
            if self._closed and not self._events:
                return
