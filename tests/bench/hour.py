"""An hour of a session, told as fast as it is taken in, under the real screen: for `tests.bench.screen`.

1,000 users, 100 requests a second, a load moved each minute. Only the engine is another one: it tells what a
worker would, and turns the session's clock along. How far it is, in minutes, stands in the file `minutes`.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from pathlib import Path

from llmprobe.core.engine import Lease, Plan, TestReply, Watch
from llmprobe.core.events import (
    Event,
    FirstToken,
    Interval,
    LoadChanged,
    RequestFinished,
    RequestStarted,
    Row,
    Rows,
)
from llmprobe.core.histogram import Histogram
from llmprobe.core.load import LoadKind
from llmprobe.core.outcome import Outcome
from llmprobe.core.record import RequestRecord
from llmprobe.core.request import Ask
from llmprobe.core.scenario import Endpoint, Scenario
from llmprobe.core.seeding import unit
from llmprobe.report.files import Began
from llmprobe.session.ledger import Ledger
from llmprobe.session.recorder import Recorder
from llmprobe.session.session import Session
from llmprobe.tui.app import ProbeApp

MINUTES = 60
_USERS, _PER_TICK, _TICK_S = 1000, 25, 0.25
_LOADS = (1000, 900, 800, 700, 600, 500, 400, 300, 200, 100, 50, 25)
_TEXT = "the tide comes in twice a day, and nobody has to ask it to. " * 20


class Hour:
    """Speaks `core.engine.Engine`."""

    session: Session

    def __init__(self) -> None:
        self._started, self._stopped = asyncio.Event(), asyncio.Event()
        self._watch = Watch()

    async def prepare(self, plan: Plan) -> None:
        """Nothing to load."""

    async def start(self) -> None:
        """Tell."""
        self._started.set()

    async def set_load(
        self, level_id: int, target: float, over_s: float = 0.0, by: str | None = None,
        ask: Ask | None = None, kind: LoadKind = "users",
    ) -> None:  # fmt: skip
        """The hour goes its own way."""

    async def grant(self, worker: int, lease: Lease) -> None:
        """It asks for none."""

    async def watch(self, watch: Watch) -> None:
        """These rows."""
        self._watch = watch

    async def test(self) -> TestReply:
        """Nobody asks."""
        raise NotImplementedError

    async def cancel(self) -> None:
        """Nothing is under way."""

    async def stop(self, *, drain_s: float) -> None:
        """Tell no more."""
        self._started.set()
        self._stopped.set()

    async def events(self) -> AsyncIterator[list[Event]]:
        """Four batches a second of the hour, each once the screen had its turn."""
        await self._started.wait()
        for tick in range(1, int(MINUTES * 60 / _TICK_S) + 1):
            at_s = tick * _TICK_S
            self.session._started_at = time.monotonic() - at_s
            yield list(self._tick(tick, at_s))
            if tick % 240 == 0:
                Path("minutes").write_text(f"{tick // 240}")
            await asyncio.sleep(0)
            if self._stopped.is_set():
                return
        await self._stopped.wait()

    def _tick(self, tick: int, at_s: float) -> Iterator[Event]:
        minute = int(at_s // 60)
        if at_s % 60 == _TICK_S:
            yield LoadChanged(minute, float(_LOADS[minute % len(_LOADS)]), at_s, by="hand")
        for index in range(tick * _PER_TICK, (tick + 1) * _PER_TICK):
            user, ttft_s = index % _USERS, 0.2 + unit(1, index)
            yield RequestStarted(user, index, minute, at_s - 8.0)
            yield FirstToken(user, index, minute, at_s - 8.0 + ttft_s, ttft_s)
            record = RequestRecord(
                index=index, prompt_id=f"mixed-{index % 60}", user=user, level_id=minute, users=_USERS,
                started_s=at_s - 8.0, connect_s=0.001, ack_s=0.1, ttft_s=ttft_s,
                tpot_s=0.02 + unit(2, index) / 50, e2e_s=7.9, input_tokens=84, output_tokens=200,
                token_source="usage", outcome=Outcome.OK, status=200, finish_reason="stop",
                stamps={"kernel": 200},
            )  # fmt: skip
            yield RequestFinished(record, text=_TEXT)
        yield Interval(0, at_s, 5000, _gaps(), _USERS, 0, 800, 0, 0.5, 0.001)
        shown = range(self._watch.first_row, self._watch.first_row + self._watch.rows)
        yield Rows(tuple(Row(user, "streaming", user, 0.3, tick % 200, _TEXT[:160]) for user in shown), None)


def _gaps() -> Histogram:
    return Histogram.of([milliseconds / 1000 for milliseconds in range(15, 30)] * 333)


async def _open(scenario: Scenario) -> Session:
    engine, folder = Hour(), Path("hour-run")
    folder.mkdir()
    began = Began("bench", "2026-01-05T20:15:00+00:00", "http://127.0.0.1:9/v1", "m", "0" * 64, 1)
    engine.session = Session(
        scenario, engine=engine, ledger=Ledger(), recorder=Recorder(folder, scenario, began, timed=False),
        url="http://127.0.0.1:9/v1", model="m", consent=None, note=None, workers=1, timed=False, guard=False,
        resources=AsyncExitStack(),
    )  # fmt: skip
    return engine.session


if __name__ == "__main__":
    given = Scenario(endpoint=Endpoint(url="http://127.0.0.1:9/v1"))
    raise SystemExit(ProbeApp(_open, given, autostart=True).run())
