"""A worker process: one engine behind frames on its standard input and output.

It ends when its input closes, whoever closed it: a session that was killed leaves no worker behind.
"""

import asyncio
import contextlib
import gc
import os
import signal
import sys
from pathlib import Path

import anyio
from anyio.abc import TaskGroup

from llmprobe.core.errors import LlmprobeError, LocalError
from llmprobe.core.events import Fault
from llmprobe.core.record import RequestRecord
from llmprobe.engine.local import LocalEngine
from llmprobe.telemetry.machine import has_uvloop
from llmprobe.telemetry.open_files import raise_open_files
from llmprobe.workers import frames
from llmprobe.workers.frames import FrameParser, Reply
from llmprobe.workers.journal import Journal

_CHUNK = 1 << 16


def main() -> None:
    """Serve one session, then end."""
    # The session decides when to stop; a Ctrl+C meant for it reaches the whole group.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    raise_open_files()
    wire_out = os.dup(sys.stdout.fileno())
    # Nothing that prints by mistake may get between two frames.
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    anyio.run(_serve, sys.stdin.fileno(), wire_out, backend_options={"use_uvloop": has_uvloop()})


async def _serve(fd_in: int, fd_out: int) -> None:
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader(limit=_CHUNK)
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), os.fdopen(fd_in, "rb"))
    transport, protocol = await loop.connect_write_pipe(
        asyncio.streams.FlowControlMixin, os.fdopen(fd_out, "wb")
    )
    writer = asyncio.StreamWriter(transport, protocol, None, loop)
    await _Worker(reader, writer).serve()


class _Worker:
    """Carries commands to the engine, and its events back."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._engine: LocalEngine | None = None
        self._journal: Journal | None = None

    async def serve(self) -> None:
        """Obey until told to stop, or until the session is gone."""
        parser = FrameParser()
        async with anyio.create_task_group() as tasks:
            while data := await self._reader.read(_CHUNK):
                for body in parser.feed(data):
                    await self._obey(frames.decode_command(body), tasks)
            # The session is gone: what is in flight is cancelled, and written down as such.
            if self._engine is not None:
                await self._engine.stop(drain_s=0.0)
            tasks.cancel_scope.cancel()
        if self._journal is not None:
            self._journal.close()

    async def _obey(self, command: frames.Command, tasks: TaskGroup) -> None:
        match command:
            case frames.Prepare():
                try:
                    await self._prepare(command, tasks)
                except LlmprobeError as error:
                    self._send(frames.Refused(error.message, error.exit_code))
                else:
                    self._send(frames.Prepared())
            case frames.Test():
                tasks.start_soon(self._test)
            case frames.Stop():
                tasks.start_soon(self._stop, command.drain_s, tasks)
            case _ if self._engine is not None:
                await self._steer(self._engine, command)
            case _:
                raise AssertionError(f"{type(command).__name__} before Prepare")

    @staticmethod
    async def _steer(engine: LocalEngine, command: frames.Command) -> None:
        match command:
            case frames.Start():
                await engine.start()
            case frames.SetLoad():
                await engine.set_load(
                    command.level_id, command.target, command.over_s, command.by, command.ask, command.kind
                )
            case frames.SetShare():
                engine.set_share(command.share.of, command.share.residues)
            case frames.Grant():
                await engine.grant(engine.worker, command.lease)
            case frames.Look():
                await engine.watch(command.watch)
            case frames.Cancel():
                await engine.cancel()
            case _:
                raise AssertionError(type(command).__name__)

    async def _prepare(self, command: frames.Prepare, tasks: TaskGroup) -> None:
        write = _nowhere
        if command.plan.journal is not None:
            self._journal = Journal(Path(command.plan.journal))
            write = self._journal.append
        engine = LocalEngine(command.worker, command.share.of, command.share.residues, write)
        await engine.prepare(command.plan)
        _keep_the_collector_short()
        self._engine = engine
        tasks.start_soon(engine.run)
        tasks.start_soon(self._tell, engine, tasks)

    async def _tell(self, engine: LocalEngine, tasks: TaskGroup) -> None:
        # A session that is gone hears nothing; reading notices that and ends the process.
        with contextlib.suppress(ConnectionError):
            try:
                async for events in engine.events():
                    self._send(frames.Batch(events))
                    await self._writer.drain()
            except LocalError as error:
                self._send(frames.Batch([Fault(engine.worker, error.message, error.exit_code)]))
            else:
                self._send(frames.Stopped())
            await self._writer.drain()
            tasks.cancel_scope.cancel()

    async def _test(self) -> None:
        assert self._engine is not None
        try:
            self._send(frames.Tested(await self._engine.test()))
        except LlmprobeError as error:
            self._send(frames.Refused(error.message, error.exit_code))

    async def _stop(self, drain_s: float, tasks: TaskGroup) -> None:
        if self._engine is None:
            tasks.cancel_scope.cancel()
        else:
            await self._engine.stop(drain_s=drain_s)

    def _send(self, frame: Reply) -> None:
        self._writer.write(frames.encode(frame))


def _keep_the_collector_short() -> None:
    """A full collection stops a thousand streams for a tenth of a second, and would find nothing.

    What is loaded by now stays, and what a request is made of holds itself nowhere in a circle.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(10_000, 20, 50)


def _nowhere(record: RequestRecord) -> None:
    """A plan without a journal keeps nothing on disk."""
