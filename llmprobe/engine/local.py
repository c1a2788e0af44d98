"""The engine inside one process: plays levels, keeps the crew in line, tells what happened."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterable, Sequence

import anyio
from anyio.lowlevel import checkpoint_if_cancelled

from llmprobe.core.engine import Lease, Plan, TestReply, Watch
from llmprobe.core.errors import LocalError
from llmprobe.core.events import (
    Drained,
    Event,
    Fault,
    Interval,
    LeaseLow,
    LeaseReturned,
    LoadChanged,
    PlanEnded,
    Rows,
)
from llmprobe.core.load import LoadKind
from llmprobe.core.record import RequestRecord
from llmprobe.core.request import Ask
from llmprobe.engine.clock import Clock
from llmprobe.engine.crew import Crew
from llmprobe.engine.errand import Errands
from llmprobe.engine.gate import Gate
from llmprobe.engine.leases import LeaseBook
from llmprobe.engine.outbox import Outbox
from llmprobe.engine.pacer import Level, arrival_gap, timeline, user_steps
from llmprobe.engine.turns import Turns
from llmprobe.engine.user import VirtualUser
from llmprobe.telemetry.cpu import CpuMeter

_INTERVAL_S = 0.25
_RATE_CHECK_S = 0.05
"""How often an open load looks whether its rate has changed."""


class LocalEngine:
    """Speaks `core.engine.Engine`; `run` must be going from `prepare` to the end of `stop`."""

    def __init__(
        self, worker: int, of: int, residues: Iterable[int], write: Callable[[RequestRecord], None]
    ) -> None:
        self.worker = worker
        self._share = (of, tuple(residues))
        self._write = write
        self._clock = Clock()
        self._outbox = Outbox()
        self._watch = Watch()
        self._stopped = anyio.Event()
        self._failed = False
        self._arrived = 0
        self._cpu = CpuMeter()
        self._playing: anyio.CancelScope | None = None
        self._level: Level | None = None

    async def prepare(self, plan: Plan) -> None:
        """Read the corpus and build what all users share."""
        self._plan = plan
        self._leases = LeaseBook(self._ask)
        self._turns = Turns()
        self._gate = Gate()
        self._errands = Errands(plan, self._clock, self._outbox, self._write)
        self._errands.on_fault = self._fail
        self._crew = Crew(*self._share, self._hire)

    async def run(self) -> None:
        """Carry the users until `stop`."""
        async with anyio.create_task_group() as self._tasks:
            self._tasks.start_soon(self._tell_intervals)
            await self._stopped.wait()
            self._tasks.cancel_scope.cancel()

    async def start(self) -> None:
        """Time begins; a timed plan begins with it."""
        self._clock.restart()
        if self._plan.timed:
            line = timeline(self._plan.scenario.load)
            self._tasks.start_soon(self._play, line.levels, line.end_s)

    async def set_load(
        self,
        level_id: int,
        target: float,
        over_s: float = 0.0,
        by: str | None = None,
        ask: Ask | None = None,
        kind: LoadKind = "users",
    ) -> None:
        """Take over from whatever was playing."""
        if self._playing is not None:
            self._playing.cancel()
        now_s, before = self._clock.now_s(), self._level
        origin = before.load_at(now_s) if before is not None and before.kind == kind else 0.0
        level = Level(level_id, now_s, over_s, origin, target, by, ask, kind)
        if target and (over_s or kind == "rate"):
            self._tasks.start_soon(self._play, (level,), None)
        else:
            self._begin(level)
            self._set_users(int(target))

    def set_share(self, of: int, residues: Sequence[int]) -> None:
        """Run these users from now on: those of a dead worker besides its own."""
        self._crew.of, self._crew.residues = of, frozenset(residues)
        self._set_users(self._crew.target)

    async def grant(self, worker: int, lease: Lease) -> None:
        """Start more; it goes back where nobody is left to start it."""
        assert worker == self.worker
        self._leases.grant(lease)
        if self._crew.share == 0:
            self._give_up_leases()

    async def watch(self, watch: Watch) -> None:
        """Tell of these rows with each interval, and of them now."""
        self._watch = watch
        self._errands.log_text = watch.log
        self._tell_rows()

    async def test(self) -> TestReply:
        """One request outside the run, on a connection of its own."""
        return await self._errands.test()

    async def cancel(self) -> None:
        """Cancel what is in flight; users that may start go on with their next request."""
        self._crew.cancel()

    async def stop(self, *, drain_s: float) -> None:
        """Retire everybody, wait for `drain_s`, cancel the rest, and end `events`."""
        if self._playing is not None:
            self._playing.cancel()
        self._set_users(0)
        with anyio.move_on_after(drain_s):
            await self._crew.empty()
        self._crew.cancel()
        await self._crew.empty()
        self._tell_interval(0.0)
        self._outbox.close()
        self._stopped.set()

    def events(self) -> AsyncIterator[list[Event]]:
        """Batches until `stop` is done."""
        return self._outbox.batches()

    # Load

    async def _play(self, levels: Sequence[Level], end_s: float | None) -> None:
        with anyio.CancelScope() as self._playing:
            for level, following in zip(levels, [*levels[1:], None], strict=True):
                await self._until(level.start_s)
                self._begin(level)
                until_s = following.start_s if following is not None else end_s
                if level.kind == "rate" and level.target:
                    await self._arrivals(level, until_s)
                elif level.kind == "rate":
                    await self._arrivals(level, level.start_s + level.ramp_s)
                    self._set_users(0)
                else:
                    for at_s, users in user_steps(level):
                        await self._until(at_s)
                        self._set_users(users)
            if end_s is not None:
                await self._until(end_s)
                self._set_users(0)
                self._outbox.put(PlanEnded(self._clock.now_s()))

    async def _until(self, at_s: float) -> None:
        """Wait for a moment. Who is cancelled as he wakes goes no further: the load is another's by now."""
        await self._clock.until(at_s)
        await checkpoint_if_cancelled()

    def _begin(self, level: Level) -> None:
        self._level = level
        self._errands.level = level
        if level.kind == "rate":
            self._turns.open_load = True
        elif level.target:
            self._turns.close()
        at_s = self._clock.now_s()
        self._outbox.put(LoadChanged(level.level_id, level.target, at_s, level.ramp_s, level.by, level.kind))

    def _set_users(self, target: int) -> None:
        self._crew.set_target(target)
        if target == 0:
            self._turns.close()
        self._leases.low = self._crew.share
        if self._crew.share == 0:
            self._give_up_leases()
        else:
            self._leases.want()

    def _give_up_leases(self) -> None:
        if ranges := self._leases.give_up():
            self._outbox.put(LeaseReturned(self.worker, ranges))

    async def _arrivals(self, level: Level, until_s: float | None) -> None:
        """Make requests due at the level's rate; every worker draws all arrivals and takes its share."""
        plan = self._plan.scenario
        seed, shape = plan.seed, plan.load.arrivals
        now_s = level.start_s
        left = arrival_gap(shape, seed, self._arrived)
        while until_s is None or now_s < until_s:
            rate = level.load_at(now_s)
            step_s = min(left / rate, _RATE_CHECK_S) if rate > 0 else _RATE_CHECK_S
            if until_s is not None:
                step_s = min(step_s, until_s - now_s)
            now_s += step_s
            left -= step_s * rate
            await self._until(now_s)
            if left <= 1e-12 and rate > 0:
                if self._arrived % self._crew.of in self._crew.residues:
                    self._arrive(now_s)
                self._arrived += 1
                left = arrival_gap(shape, seed, self._arrived)

    def _arrive(self, due_s: float) -> None:
        if not self._turns.idle and self._crew.target < self._plan.scenario.load.max_users:
            self._set_users(self._crew.target + self._crew.of)
        self._turns.arrive(due_s)

    # Users

    def _hire(self, user_id: int) -> VirtualUser:
        user = VirtualUser(user_id, self._errands, self._leases, self._turns, self._gate)
        self._tasks.start_soon(user.live, self._left)
        return user

    def _left(self, user_id: int) -> None:
        self._crew.left(user_id)
        if not self._crew.users:
            self._outbox.put(Drained(self.worker, self._clock.now_s()))

    # What is told

    def _ask(self, want: int) -> None:
        self._outbox.put(LeaseLow(self.worker, want), hurry=True)

    def _fail(self, error: LocalError) -> None:
        """The disk refused a record: start nothing more, and say so once."""
        if not self._failed:
            self._failed = True
            self._set_users(0)
            self._outbox.put(Fault(self.worker, error.message, error.exit_code))

    async def _tell_intervals(self) -> None:
        due = time.monotonic()
        while True:
            due += _INTERVAL_S
            await asyncio.sleep(max(0.0, due - time.monotonic()))
            lag_s = time.monotonic() - due
            self._tell_interval(lag_s)
            if lag_s > _INTERVAL_S:
                due = time.monotonic()

    def _tell_interval(self, lag_s: float) -> None:
        counted = self._outbox.take_counters()
        crew = self._crew
        self._outbox.put(
            Interval(
                worker=self.worker, at_s=self._clock.now_s(), text_chunks=counted.text_chunks,
                itl=counted.itl, active=crew.active, draining=crew.draining, in_flight=crew.in_flight,
                backing_off=crew.backing_off, cpu_share=self._cpu.share(), lag_s=max(0.0, lag_s),
                stamp_error=counted.stamp_error, chunk_gaps=counted.chunk_gaps, starts=counted.starts,
                idle_share=self._idle_share(), backing_off_until_s=crew.backing_off_until_s,
            )
        )  # fmt: skip
        self._tell_rows()

    def _idle_share(self) -> float:
        """Of a closed load; users of an open one wait for arrivals, which come late instead."""
        active = self._crew.active
        if self._turns.open_load or self._leases.dry or not active:
            return 0.0
        return self._crew.idle / active

    def _tell_rows(self) -> None:
        watch, users = self._watch, self._crew.users
        if not watch.rows and watch.follow is None:
            return
        wanted = range(watch.first_row, watch.first_row + watch.rows)
        rows = tuple(users[user].row() for user in wanted if user in users)
        followed = users.get(watch.follow) if watch.follow is not None else None
        whole = followed.row(whole=True) if followed is not None else None
        self._outbox.put(Rows(rows, whole, watch.follow, self.worker))
