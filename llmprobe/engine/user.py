"""A virtual user: one connection, one request after another, until it is retired.

wait for a turn, and at the gate -> take an index out of the lease -> send -> (the record is on disk)
-> back off if it failed
"""

from collections.abc import Callable

import anyio
import httpx

from llmprobe.core.events import Row, UserState
from llmprobe.core.record import RequestRecord
from llmprobe.engine.backoff import backoff_s
from llmprobe.engine.errand import Errand, Errands
from llmprobe.engine.gate import Gate
from llmprobe.engine.leases import LeaseBook
from llmprobe.engine.turns import Turns


class VirtualUser:
    """Sends one request at a time over its own connection."""

    def __init__(self, user_id: int, errands: Errands, leases: LeaseBook, turns: Turns, gate: Gate) -> None:
        self.id = user_id
        self._errands = errands
        self._leases = leases
        self._turns = turns
        self._gate = gate
        self._retiring = False
        self._resting: UserState = "starved"
        self._rest: anyio.CancelScope | None = None
        self._errand: Errand | None = None
        self._failures = 0
        self.backs_off_until_s: float | None = None
        """When its present wait after a failure is over, since the run's start."""

    @property
    def retiring(self) -> bool:
        """Whether it leaves once its present request has ended; set back, it stays."""
        return self._retiring

    @retiring.setter
    def retiring(self, value: bool) -> None:
        self._retiring = value
        if value and self._rest is not None:
            self._rest.cancel()

    @property
    def in_flight(self) -> bool:
        """Whether a request of its own is under way."""
        return self._errand is not None

    @property
    def state(self) -> UserState:
        """What it does now."""
        return self._errand.state if self._errand is not None else self._resting

    def row(self, *, whole: bool = False) -> Row:
        """What a screen shows of it; `whole` brings all the text."""
        errand = self._errand
        if errand is None:
            return Row(self.id, self._resting, None, None, 0, "")
        return errand.row(whole=whole)

    async def live(self, leave: Callable[[int], None]) -> None:
        """Send requests until retired or cancelled, then tell `leave`."""
        connection = self._errands.connect()
        try:
            while not self._retiring:
                if (work := await self._next_work()) is not None:
                    await self._send(*work, connection)
        finally:
            with anyio.CancelScope(shield=True):
                await connection.aclose()
            leave(self.id)

    def cancel(self) -> None:
        """Break off what is in flight, and leave."""
        self.retiring = True
        if self._errand is not None:
            self._errand.cancel()

    async def _next_work(self) -> tuple[int, float | None] | None:
        """An index to send and when it was due; None when it was retired meanwhile."""
        self._resting = "idle" if self._turns.open_load else "starved"
        leases = self._leases
        was_dry, dry_spells = leases.dry, leases.dry_spells
        with anyio.CancelScope() as self._rest:
            due_s = await self._turns.next()
            self._resting = "starved"
            try:
                await self._gate.enter()
                index = await leases.take()
            except anyio.get_cancelled_exc_class():
                if due_s is not None:
                    self._turns.put_back(due_s)
                raise
            if due_s is not None and not was_dry and dry_spells == leases.dry_spells:
                self._errands.waited(due_s)
            return index, due_s
        return None

    async def _send(self, index: int, due_s: float | None, connection: httpx.AsyncBaseTransport) -> None:
        self._errand = self._errands.begin(self.id, index, due_s)
        try:
            record = await self._errand.run(connection)
        finally:
            self._errand = None
        await self._recover(record)

    async def _recover(self, record: RequestRecord) -> None:
        """Wait as long as the failure asks for; not at all after an answer."""
        self._failures = self._failures + 1 if record.outcome.failed else 0
        scenario = self._errands.plan.scenario
        wait_s = backoff_s(
            scenario.retry, record.outcome, failures=self._failures, retry_after_s=record.retry_after_s,
            seed=scenario.seed, index=record.index,
        )  # fmt: skip
        if wait_s and not self._retiring:
            self._resting = "backing_off"
            self.backs_off_until_s = self._errands.clock.now_s() + wait_s
            with anyio.CancelScope() as self._rest:
                await anyio.sleep(wait_s)
            self.backs_off_until_s = None
