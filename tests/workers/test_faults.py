"""Frames that can't be sent or read: the run ends with a fault, never in silence."""

import asyncio
import struct
import sys
from typing import Any

import anyio
import pytest
from msgspec import msgpack

from llmprobe.core.engine import Lease
from llmprobe.core.errors import LocalError
from llmprobe.core.events import Fault, FirstToken, WorkerLost
from llmprobe.workers import frames, pool
from llmprobe.workers.process import _Worker

pytestmark = pytest.mark.anyio
TOO_LARGE = 1 << 70


class Engine:
    """Tells of what no frame can carry."""

    worker = 3

    async def events(self):
        yield [FirstToken(TOO_LARGE, 0, 0, 0.5, 0.2)]


class Writer:
    def __init__(self):
        self.sent = b""

    def write(self, data):
        self.sent += data

    async def drain(self):
        pass


def test_what_no_frame_can_carry_is_a_local_error():
    with pytest.raises(LocalError, match="a Grant can't go between two processes"):
        frames.encode(frames.Grant(Lease(0, TOO_LARGE)))


async def test_a_worker_that_cannot_tell_what_happened_says_so_and_ends():
    writer: Any = Writer()
    engine: Any = Engine()
    with anyio.fail_after(120):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(_Worker(asyncio.StreamReader(), writer)._tell, engine, tasks)
            tasks.start_soon(anyio.sleep_forever)
    (body,) = frames.FrameParser().feed(writer.sent)
    batch: Any = frames.decode_reply(body)
    (fault,) = batch.events
    assert isinstance(fault, Fault)
    assert (fault.worker, fault.exit_code) == (3, LocalError.exit_code)
    assert "a Batch can't go between two processes" in fault.message


async def test_a_worker_that_sends_what_is_no_frame_is_ended_and_mourned():
    body = msgpack.encode({"type": "Nonsense"})
    wire = struct.pack(">I", len(body)) + body

    code = f"import sys, time; sys.stdout.buffer.write({wire!r}); sys.stdout.flush(); time.sleep(600)"
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", code, stdin=pipe, stdout=pipe, stderr=pipe
    )
    workers, member = pool.WorkerPool(), pool._Member(0, process)
    workers._members, workers._shares = [member], {0: frames.Share()}
    with anyio.fail_after(120):
        await workers._listen(member)
        lost, fault = await anext(workers.events())
    assert isinstance(lost, WorkerLost)
    assert isinstance(fault, Fault)
    assert "what it sent is no frame: " in fault.message
    assert "and no other is left" in fault.message
    assert member.process.returncode is not None
