"""What the engine tells, batch by batch: into the figures and the search, to the disk, to the ledger."""

import time
from collections.abc import Callable

from llmprobe.core.engine import Engine
from llmprobe.core.errors import LocalError
from llmprobe.core.events import (
    Event,
    Fault,
    LeaseLow,
    LeaseReturned,
    LoadChanged,
    PlanEnded,
    RequestFinished,
    WorkerLost,
)
from llmprobe.core.outcome import Outcome
from llmprobe.metrics.aggregator import Aggregator
from llmprobe.session.ledger import Ledger
from llmprobe.session.lender import Lender
from llmprobe.session.recorder import Recorder
from llmprobe.session.search import Search

_DOWN_AFTER = 3
_NO_CONNECTION = frozenset({Outcome.CONNECTION, Outcome.TIMEOUT_CONNECT})


class Intake:
    """Listens until the engine has ended; `on_load`, `on_note` and `on_fault` hear what concerns the run."""

    def __init__(
        self, engine: Engine, aggregator: Aggregator, search: Search, recorder: Recorder, ledger: Ledger,
        lender: Lender, *, on_load: Callable[[LoadChanged], None], on_note: Callable[[str], None],
        on_fault: Callable[[str], None],
    ) -> None:  # fmt: skip
        self.heard_at = time.monotonic()
        self.plan_ended = False
        self._down = 0
        self._engine = engine
        self._aggregator = aggregator
        self._search = search
        self._recorder = recorder
        self._ledger = ledger
        self._lender = lender
        self._on_load = on_load
        self._on_note = on_note
        self._on_fault = on_fault

    @property
    def endpoint_down(self) -> bool:
        """Whether no request lately came so far as to a connection."""
        return self._down >= _DOWN_AFTER

    async def run(self) -> None:
        """Take in everything; a disk that refuses a line is a fault."""
        async for batch in self._engine.events():
            self.heard_at = time.monotonic()
            self._aggregator.fold(batch)
            self._search.fold(batch)
            try:
                self._recorder.record(batch)
                for event in batch:
                    await self._react(event)
            except LocalError as error:
                self._on_fault(error.message)

    async def _react(self, event: Event) -> None:
        match event:
            case LeaseLow():
                await self._lender.asked(event.worker, event.want)
            case LeaseReturned():
                self._ledger.give_back(event.ranges)
                await self._lender.serve()
            case RequestFinished():
                self._ledger.finish(event.record.index, event.record.usd)
                self._watch_endpoint(event.record.outcome)
                await self._lender.serve()
            case LoadChanged():
                self._on_load(event)
            case PlanEnded():
                self.plan_ended = True
            case WorkerLost():
                self._lender.lost(event.worker)
                self._on_note(event.message + ("; the others run its users now" if event.taken_over else ""))
            case Fault():
                self._on_fault(event.message)
            case _:
                pass

    def _watch_endpoint(self, outcome: Outcome) -> None:
        if outcome in _NO_CONNECTION:
            self._down += 1
        elif outcome is not Outcome.CANCELLED:
            self._down = 0
