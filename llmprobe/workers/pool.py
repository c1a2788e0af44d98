"""The engine as one or more worker processes behind one protocol."""

import asyncio
import sys
from collections import deque
from collections.abc import AsyncIterator, Coroutine

import msgspec

from llmprobe.core.engine import Lease, Plan, TestReply, Watch
from llmprobe.core.errors import LlmprobeError, LocalError
from llmprobe.core.events import Event, Fault, RequestFinished, RequestStarted, WorkerLost
from llmprobe.core.load import LoadKind
from llmprobe.core.outcome import Outcome
from llmprobe.core.record import RequestRecord
from llmprobe.core.request import Ask
from llmprobe.workers import frames
from llmprobe.workers.frames import Command, FrameParser, Share
from llmprobe.workers.share import after_loss, first_shares

_CHUNK = 1 << 18
_STDERR_LINES = 20
_END_GRACE_S = 5.0


class _Member:
    """One worker process and what this side knows of it."""

    def __init__(self, worker: int, process: asyncio.subprocess.Process) -> None:
        self.worker = worker
        self.process = process
        self.alive = True
        self.stopped = False
        self.open: dict[int, RequestStarted] = {}
        """Requests in flight, by index: what is lost if it dies."""
        self.complaints: deque[str] = deque(maxlen=_STDERR_LINES)
        self.answer: asyncio.Future[frames.Reply] | None = None

    async def send(self, command: Command) -> None:
        if not self.alive:
            return
        assert self.process.stdin is not None
        try:
            self.process.stdin.write(frames.encode(command))
            await self.process.stdin.drain()
        except ConnectionError:
            return  # the reading side notices the death and deals with it

    async def ask(self, command: Command) -> frames.Reply:
        """Send a command that has an answer; raises what the worker refuses with."""
        self.answer = asyncio.get_running_loop().create_future()
        await self.send(command)
        try:
            reply = await self.answer
        finally:
            self.answer = None
        if isinstance(reply, frames.Refused):
            error = LlmprobeError(reply.message)
            error.exit_code = reply.exit_code
            raise error
        return reply


class WorkerPool:
    """Speaks `core.engine.Engine` to `workers` processes, each with its share of the users."""

    def __init__(self, workers: int = 1) -> None:
        self._count = workers
        self._members: list[_Member] = []
        self._shares: dict[int, Share] = {}
        self._queue: asyncio.Queue[list[Event] | None] = asyncio.Queue()
        self._tasks: set[asyncio.Task[None]] = set()
        self._stopping = False
        self._run_started = asyncio.get_running_loop().time()

    @property
    def pids(self) -> tuple[int, ...]:
        """Of the workers that live."""
        return tuple(member.process.pid for member in self._members if member.alive)

    async def prepare(self, plan: Plan) -> None:
        """Start the processes and wait until each is ready."""
        self._shares = first_shares(self._count)
        for worker in range(self._count):
            self._members.append(_Member(worker, await _spawn()))
        for member in self._members:
            self._keep(self._listen(member))
            self._keep(_collect_complaints(member))
        await asyncio.gather(
            *(m.ask(frames.Prepare(plan, m.worker, self._shares[m.worker])) for m in self._members)
        )

    async def start(self) -> None:
        """Begin the run in all workers."""
        self._run_started = asyncio.get_running_loop().time()
        await self._tell_all(frames.Start())

    async def set_load(
        self,
        level_id: int,
        target: float,
        over_s: float = 0.0,
        by: str | None = None,
        ask: Ask | None = None,
        kind: LoadKind = "users",
    ) -> None:
        """Every worker gets the whole target and takes its share."""
        await self._tell_all(frames.SetLoad(level_id, target, over_s, by, ask, kind))

    async def grant(self, worker: int, lease: Lease) -> None:
        """To one worker; if it died meanwhile the ledger has counted the lease already."""
        await self._members[worker].send(frames.Grant(lease))

    async def watch(self, watch: Watch) -> None:
        """Every worker answers for the rows it runs."""
        await self._tell_all(frames.Look(watch))

    async def test(self) -> TestReply:
        """By the first worker that lives."""
        for member in self._members:
            if member.alive:
                reply = await member.ask(frames.Test())
                assert isinstance(reply, frames.Tested)
                return reply.reply
        raise LocalError("no worker process is left to send a test request")

    async def cancel(self) -> None:
        """In all workers."""
        await self._tell_all(frames.Cancel())

    async def stop(self, *, drain_s: float) -> None:
        """End all workers; returns when the last has ended."""
        self._stopping = True
        await self._tell_all(frames.Stop(drain_s))
        for member in self._members:
            await _reap(member.process, drain_s + _END_GRACE_S)
        if self._tasks:
            await asyncio.wait(self._tasks)
        self._queue.put_nowait(None)

    async def events(self) -> AsyncIterator[list[Event]]:
        """Batches from all workers, in order of arrival."""
        while (batch := await self._queue.get()) is not None:
            yield batch

    def _keep(self, coroutine: Coroutine[None, None, None]) -> None:
        task = asyncio.create_task(coroutine)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _tell_all(self, command: Command) -> None:
        for member in self._members:
            await member.send(command)

    async def _listen(self, member: _Member) -> None:
        assert member.process.stdout is not None
        parser = FrameParser()
        while data := await member.process.stdout.read(_CHUNK):
            try:
                for body in parser.feed(data):
                    self._hear(member, frames.decode_reply(body))
            except msgspec.DecodeError as error:
                member.complaints.append(f"what it sent is no frame: {error}")
                member.process.kill()
                break
        member.alive = False
        if not member.stopped:
            await self._mourn(member)

    def _hear(self, member: _Member, reply: frames.Reply) -> None:
        match reply:
            case frames.Batch():
                _note_open(member.open, reply.events)
                self._queue.put_nowait(reply.events)
            case frames.Stopped():
                member.stopped = True
            case _ if member.answer is not None and not member.answer.done():
                member.answer.set_result(reply)
            case _:
                pass  # an answer whose asker has left

    async def _mourn(self, member: _Member) -> None:
        """A worker died: book what it had in flight, hand its users on, tell the run."""
        code = await member.process.wait()
        reason = (
            f"worker {member.worker} ended with code {code}"
            if code >= 0
            else (f"worker {member.worker} was killed by signal {-code}")
        )
        if member.complaints:
            reason += f": {member.complaints[-1]}"
        if member.answer is not None and not member.answer.done():
            member.answer.set_result(frames.Refused(reason, LocalError.exit_code))
            return
        now_s = asyncio.get_running_loop().time() - self._run_started
        events: list[Event] = [RequestFinished(_lost(s, now_s), unwritten=True) for s in member.open.values()]
        self._shares = after_loss(self._shares, member.worker)
        events.append(WorkerLost(member.worker, reason, taken_over=bool(self._shares)))
        if not self._shares and not self._stopping:
            events.append(Fault(member.worker, f"{reason}, and no other is left", LocalError.exit_code))
        self._queue.put_nowait(events)
        for survivor in self._members:
            if survivor.alive and survivor.worker in self._shares:
                await survivor.send(frames.SetShare(self._shares[survivor.worker]))


async def _spawn() -> asyncio.subprocess.Process:
    try:
        return await asyncio.create_subprocess_exec(
            sys.executable, "-m", "llmprobe.workers",
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        )  # fmt: skip
    except OSError as error:
        raise LocalError(f"can't start a worker process: {error.strerror}") from error


async def _collect_complaints(member: _Member) -> None:
    """Keep the end of what a worker writes to stderr; it must not reach the terminal."""
    assert member.process.stderr is not None
    async for line in member.process.stderr:
        member.complaints.append(line.decode(errors="replace").strip())


async def _reap(process: asyncio.subprocess.Process, patience_s: float) -> None:
    try:
        await asyncio.wait_for(process.wait(), patience_s)
    except TimeoutError:
        process.kill()
        await process.wait()


def _note_open(open_: dict[int, RequestStarted], events: list[Event]) -> None:
    for event in events:
        if isinstance(event, RequestStarted):
            open_[event.index] = event
        elif isinstance(event, RequestFinished):
            open_.pop(event.record.index, None)


def _lost(started: RequestStarted, now_s: float) -> RequestRecord:
    return RequestRecord(
        index=started.index,
        prompt_id=started.prompt_id,
        user=started.user,
        level_id=started.level_id,
        users=started.users,
        started_s=started.at_s,
        e2e_s=max(0.0, now_s - started.at_s),
        outcome=Outcome.LOST,
        error="its worker process died",
    )
