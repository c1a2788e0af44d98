"""One run, from its scenario to its result: the only place where engine, metrics and ledger meet.

    idle -> running -> stopping -> stopped -> running (a new part of the same run) ... -> closed
            running, with the autopilot armed -> found -> stopping
            running -> capped -> running (the cap was raised)
            any -> failed (this machine can't go on)

Both faces steer it through the same few calls and read `view()`.
"""

import asyncio
import contextlib
import time
from collections.abc import Sequence
from contextlib import AsyncExitStack
from pathlib import Path

from msgspec.structs import replace

from llmprobe.core.engine import Engine, TestReply, Watch
from llmprobe.core.errors import LocalError, UsageError
from llmprobe.core.events import LoadChanged
from llmprobe.core.finding import Finding, brief
from llmprobe.core.load import LoadKind, Stage
from llmprobe.core.scenario import Autopilot, Scenario
from llmprobe.core.target import speed_of
from llmprobe.core.tick import Goal
from llmprobe.metrics.aggregator import Aggregator
from llmprobe.report.result import Result
from llmprobe.session.follower import Follower
from llmprobe.session.intake import Intake
from llmprobe.session.ledger import Ledger
from llmprobe.session.lender import Lender
from llmprobe.session.lever import Lever
from llmprobe.session.recorder import Recorder, Saved
from llmprobe.session.search import Search
from llmprobe.session.stop import Ending, Reason, ending
from llmprobe.session.view import State, View

DRAIN_S = 30.0
"""The longest that requests in flight may take to finish when a run ends by itself."""
_TICK_S = 0.25


class Session:
    """Holds the one ledger, folds events into figures, writes down what happened."""

    def __init__(
        self,
        scenario: Scenario,
        *,
        engine: Engine,
        ledger: Ledger,
        recorder: Recorder,
        url: str,
        model: str,
        consent: str | None,
        note: str | None,
        workers: int,
        timed: bool,
        guard: bool,
        resources: AsyncExitStack,
    ) -> None:
        self.scenario = scenario
        self.engine = engine
        self.recorder = recorder
        self.ending: Ending | None = None
        """Why the run ended by itself; None while it goes on or when a person ended it."""
        self.finished = asyncio.Event()
        """Set once the run has ended by itself and nothing is in flight, or can't go on."""
        self._ledger = ledger
        self._lender = Lender(ledger, engine, workers)
        self._url = url
        self._model = model
        self._consent = consent
        self._workers = workers
        self._timed = timed
        self._guard = guard
        self._resources = resources
        speed = speed_of(scenario.endpoint.url)
        slos = tuple(slo.scaled(speed) for slo in scenario.slo)
        self._aggregator = Aggregator(slos, speed, scenario.load.max_users)
        pilot = scenario.autopilot or Autopilot()
        kind, most = scenario.load.first_kind, float(scenario.load.max_users)
        self._search = Search(Goal(slos, kind, most, speed, pilot.keep_free))
        self._lever = Lever(engine, scenario.load, timed=timed)
        self._follower = Follower(self._enter)
        self._intake = Intake(
            engine, self._aggregator, self._search, recorder, ledger, self._lender,
            on_load=self._heed, on_note=self._say, on_fault=self._fail,
        )  # fmt: skip
        self._state = State.IDLE
        self._note = note
        self._started_at: float | None = None
        self._result: Result | None = None
        self._listening = asyncio.create_task(self._intake.run())
        self._ticking = asyncio.create_task(self._tick())
        self._searching = asyncio.create_task(self._step_search())

    # What a face does

    async def start(self) -> None:
        """Begin the run, or go on with it after a stop, at the load last asked for."""
        await self._go(by_profile=False)

    async def arm(self, strategy: str | None = None) -> None:
        """Let the autopilot have the load, and start if nothing runs; raises `UsageError`."""
        self._search.arm(strategy)
        await self._follower.leave()
        await self.start()

    async def disarm(self) -> None:
        """Take the load from the autopilot; it stays where it is."""
        self._search.disarm()

    async def stop(self, *, now: bool = False) -> None:
        """Start nothing more; what is in flight finishes, or is cancelled `now`."""
        if self._state not in {State.RUNNING, State.CAPPED, State.STOPPING}:
            return
        if self._search.armed:
            self._search.disarm()
        await self._follower.leave()
        self._state = State.STOPPING
        if self._lever.target or self._timed:
            await self._lever.move(0, by="hand" if self.ending is None else None)
        if now:
            await self.engine.cancel()

    async def set_load(self, target: float, kind: LoadKind | None = None) -> None:
        """The hand on the slider: takes over from a plan, too. Before a start it sets where that begins.

        `kind` turns from users to a rate, or back; what an autopilot knew of the other kind it forgets.
        """
        await self._follower.leave()
        if self._search.armed:
            self._search.disarm()
        turned = self._turn(kind or self._lever.kind)
        wanted = self._lever.want(target)
        if self._state in {State.RUNNING, State.CAPPED} and (turned or wanted != self._lever.target):
            await self._lever.move(wanted)

    async def follow(self, stages: Sequence[Stage]) -> None:
        """Go through a profile from now on, and start if nothing runs; its last load stays.

        A hand, the autopilot or a stop ends it.
        """
        self._search.disarm()
        await self._follower.leave()
        await self._go(by_profile=True)
        self._follower.begin(stages, self.elapsed_s)

    async def watch(self, watch: Watch) -> None:
        """Choose the rows that the view holds."""
        await self.engine.watch(watch)

    async def test(self) -> TestReply:
        """Send one request outside the run."""
        return await self.engine.test()

    def mark(self, text: str) -> None:
        """Write a note of a person beside the figures of this moment."""
        self.recorder.mark(self.elapsed_s, text)

    def save(self, name: str, path: Path | None = None) -> Saved:
        """Write the session as a scenario that repeats it; see `Recorder.save`."""
        return self.recorder.save(name, path, self.elapsed_s)

    async def result(self) -> Result:
        """What was measured until now, with its verdict; the run goes on."""
        if self._started_at is None:
            raise UsageError("nothing was sent yet; start the load, then look at the results")
        goes_on = Ending(Reason.STOPPED, "it goes on; this is the result until now")
        by_hand = Ending(Reason.STOPPED, "stopped by hand")
        now = by_hand if self._state in {State.STOPPED, State.CAPPED} else goes_on
        return await asyncio.to_thread(self.recorder.result, self.elapsed_s, self.ending or now)

    async def raise_caps(self, max_requests: int | None, max_usd: float | None) -> None:
        """Set new caps; a capped run goes on."""
        self._ledger.max_requests, self._ledger.max_usd = max_requests, max_usd
        self.scenario = replace(
            self.scenario, stop=replace(self.scenario.stop, max_requests=max_requests, max_usd=max_usd)
        )
        self.recorder.scenario = self.scenario
        if self._state is State.CAPPED:
            self._state, self._note = State.RUNNING, None
        await self._lender.serve()

    def consent(self) -> str | None:
        """What a person must agree to before the first request, if anything."""
        return self._consent

    def view(self) -> View:
        """Everything a face shows, as of now."""
        snapshot = self._aggregator.snapshot(self.elapsed_s)
        return View(
            state=self._state,
            scenario=self.scenario,
            kind=self._lever.kind,
            url=self._url,
            model=self._model,
            folder=str(self.recorder.folder),
            elapsed_s=self.elapsed_s,
            stale_s=time.monotonic() - self._intake.heard_at if self._state is State.RUNNING else 0.0,
            snapshot=snapshot,
            spent_requests=self._ledger.ended + snapshot.in_flight,
            max_requests=self._ledger.max_requests,
            spent_usd=self._ledger.spent_usd if self.scenario.prices is not None else None,
            max_usd=self._ledger.max_usd,
            note=self._note,
            workers=self._workers,
            endpoint_down=self._intake.endpoint_down,
            search=self._search.view,
            following=self._follower.at(self.elapsed_s),
        )

    @property
    def elapsed_s(self) -> float:
        """Since the run's start."""
        return 0.0 if self._started_at is None else time.monotonic() - self._started_at

    async def close(self, ending: Ending | None = None, *, drain_s: float = 0.0) -> Result | None:
        """End all processes and finish the run folder; the result, or None where nothing was started.

        Called again it does nothing and answers the same.
        """
        if self._state is State.CLOSED:
            return self._result
        failed = self._state is State.FAILED
        self._state = State.STOPPING
        self.ending = self.ending or ending or Ending(Reason.STOPPED, "stopped by hand")
        elapsed_s = self.elapsed_s
        self._conclude(elapsed_s)
        await self.engine.stop(drain_s=0.0 if failed else drain_s)
        await self._listening
        await self._follower.leave()
        self._ticking.cancel()
        self._searching.cancel()
        if self._started_at is not None:
            # A long run takes seconds to judge; a screen goes on meanwhile.
            self._result = await asyncio.to_thread(self.recorder.finish, elapsed_s, self.ending)
        await self._resources.aclose()
        self._state = State.CLOSED
        self.finished.set()
        return self._result

    # What the engine tells

    def _heed(self, event: LoadChanged) -> None:
        """A plan goes on to a stage of the other kind."""
        if self._lever.by_plan and event.target:
            self._turn(event.kind)

    def _say(self, note: str) -> None:
        self._note = note
        self.recorder.note(self.elapsed_s, note)

    def _fail(self, message: str) -> None:
        if self._state in {State.FAILED, State.CLOSED}:
            return
        self._state, self._note, self.ending = State.FAILED, message, Ending(Reason.FAULT, message)
        self.finished.set()

    # What time brings

    async def _tick(self) -> None:
        while True:
            await asyncio.sleep(_TICK_S)
            await self._look_around()

    async def _step_search(self) -> None:
        while True:
            await asyncio.sleep(self._search.tick_s)
            if self._state is State.RUNNING:
                await self._take_step()

    async def _take_step(self) -> None:
        armed, elapsed_s = self._search.armed, self.elapsed_s
        action = self._search.step(
            elapsed_s, requests_left=self._ledger.left, bound=self._aggregator.bound,
            endpoint_down=self._intake.endpoint_down,
        )  # fmt: skip
        if not armed:
            return
        if action.idle:
            self._aggregator.measured(action.idle)
        if action.finding is not None:
            await self._found(action.finding, elapsed_s)
        elif (move := action.move) is not None and not self._lever.holds(move.load, move.ask):
            await self._lever.move(move.load, over_s=move.over_s, by="autopilot", ask=move.ask)

    async def _found(self, finding: Finding, at_s: float) -> None:
        try:
            self.recorder.found(at_s, finding)
        except LocalError as error:
            self._fail(error.message)
            return
        shot = self._aggregator.snapshot(at_s)
        nothing = f"nothing was answered ({shot.last_error or 'no request ended'})"
        said = brief(finding) if shot.completed else nothing
        over = "the limits are mapped" if finding.maps_limits else "the search is over"
        self.ending = Ending(Reason.FOUND, over if finding.refused is None else said)
        self._note = said
        if finding.capacity:
            self._lever.wanted = finding.capacity
        await self.stop(now=True)

    def _conclude(self, at_s: float) -> None:
        """A search that the run's end cuts short leaves what it knew."""
        finding = self._search.conclude()
        if finding is not None:
            with contextlib.suppress(LocalError):
                self.recorder.found(at_s, finding)

    async def _look_around(self) -> None:
        snapshot = self._aggregator.snapshot(self.elapsed_s)
        # Users are told of ten times a second, requests at once: either may be the first to know.
        idle = snapshot.active + snapshot.draining + snapshot.in_flight == 0
        if self._state is State.RUNNING:
            # What is leased and not yet sent (its user backs off) is still to come.
            capped = self._ledger.capped if not self._ledger.outstanding else None
            reason = ending(
                self.scenario.stop, snapshot, elapsed_s=self.elapsed_s, plan_ended=self._intake.plan_ended,
                capped=capped, guard=self._guard,
            )  # fmt: skip
            if reason is not None:
                await self._end_by_itself(reason)
        elif self._state is State.STOPPING and idle:
            self._state = State.STOPPED
            if self.ending is not None:
                self.finished.set()

    async def _end_by_itself(self, reason: Ending) -> None:
        if reason.reason in {Reason.REQUESTS, Reason.MONEY} and not self._guard:
            self._state = State.CAPPED
            self._note = f"{reason.message}: nothing new starts; raise the cap, or save"
            return
        self._conclude(self.elapsed_s)
        self.ending, self._note = reason, reason.message
        await self.stop()

    async def _go(self, *, by_profile: bool) -> None:
        if self._state in {State.FAILED, State.CLOSED, State.RUNNING}:
            return
        first = self._started_at is None
        if first:
            self.recorder.begin()
            await self.engine.start()
            self._started_at = self._intake.heard_at = time.monotonic()
        self._state, self._note, self.ending = State.RUNNING, None, None
        self._intake.plan_ended = False
        if not (first and self._timed) and not self._search.armed and not by_profile:
            await self._lever.move(self._lever.wanted)

    async def _enter(self, stage: Stage) -> None:
        """The next part of a profile."""
        if stage.to != self._lever.target:
            await self._lever.move(stage.to, over_s=stage.ramp_s)
        self._lever.wanted = stage.to

    def _turn(self, kind: LoadKind) -> bool:
        is_new = self._lever.turn(kind)
        if is_new:
            self._search.turn(kind)
        return is_new
