"""What a worker has to tell, gathered into batches."""

import asyncio
import time
from collections.abc import AsyncIterator

from llmprobe.core.events import Event
from llmprobe.core.histogram import Histogram

BATCH_S = 0.05
"""The longest an event waits for its batch."""


class Outbox:
    """Events in order, and the counters that an `Interval` takes with it."""

    def __init__(self) -> None:
        self._events: list[Event] = []
        self._some = asyncio.Event()
        self._closed = False
        self.text_chunks = 0
        self.gaps_s: list[float] = []
        """Between tokens."""
        self.stamp_errors_s: list[float] = []
        self.starts_s: list[float] = []
        """From when a request could start until it was sent."""

    def put(self, event: Event) -> None:
        """Tell with the next batch."""
        self._events.append(event)
        self._some.set()

    def take_counters(self) -> tuple[int, Histogram, Histogram, Histogram]:
        """Text chunks, token gaps, stamp errors and waits before starts since the last call."""
        taken = (
            self.text_chunks, Histogram.of(self.gaps_s), Histogram.of(self.stamp_errors_s),
            Histogram.of(self.starts_s),
        )  # fmt: skip
        self.text_chunks = 0
        for samples in (self.gaps_s, self.stamp_errors_s, self.starts_s):
            samples.clear()
        return taken

    def close(self) -> None:
        """Nothing more will come; `batches` ends once all is told."""
        self._closed = True
        self._some.set()

    async def batches(self) -> AsyncIterator[list[Event]]:
        """The first event after a quiet moment goes at once, those close behind it together."""
        told_at = 0.0
        while True:
            await self._some.wait()
            if (rest := told_at + BATCH_S - time.monotonic()) > 0 and not self._closed:
                await asyncio.sleep(rest)
            told_at = time.monotonic()
            self._some.clear()
            batch, self._events = self._events, []
            if batch:
                yield batch
            if self._closed and not self._events:
                return
