"""The simulated endpoint as a process of its own, which ends with the one that started it.

The child tells where it serves, or why it can't, in one line of JSON on its standard output. It ends when its
standard input closes, so that nothing is left behind even by a `kill -9`.
"""

import asyncio
import contextlib
import signal
import sys
from typing import Self

import msgspec
from msgspec import Struct

from llmprobe.core.errors import LlmprobeError, LocalError
from llmprobe.core.target import SimTarget, parse_sim
from llmprobe.sim.endpoint import Service, service_of
from llmprobe.sim.limit_headers import style_named
from llmprobe.sim.presets import preset
from llmprobe.sim.server import serve

_READY_WITHIN_S = 30.0
_END_WITHIN_S = 5.0
_OUTLIVES_CLIENTS_S = 0.5


class _Ready(Struct, tag="ready"):
    url: str
    model: str


class _Failed(Struct, tag="failed"):
    message: str


_DECODER: msgspec.json.Decoder[_Ready | _Failed] = msgspec.json.Decoder(_Ready | _Failed)


class SimProcess:
    """A running simulator: `url` is the API's base (`http://127.0.0.1:PORT/v1`), `model` what it serves."""

    def __init__(self, process: asyncio.subprocess.Process, url: str, model: str) -> None:
        self._process = process
        self.url = url
        self.model = model

    @property
    def pid(self) -> int:
        """Of the process."""
        return self._process.pid

    async def aclose(self) -> None:
        """End it and wait until it has ended."""
        await _end(self._process)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()


async def launch(target: SimTarget) -> SimProcess:
    """Start the simulator on a free port of loopback.

    Raises `UsageError` on an unknown preset or style of headers, `LocalError` when it can't start.
    """
    preset(target.preset)
    style_named(target.limit_headers)
    try:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "llmprobe.sim", str(target),
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL,
        )  # fmt: skip
    except OSError as error:
        raise LocalError(f"the simulated endpoint can't be started: {error.strerror}") from error
    try:
        ready = await _first_word(process)
    except BaseException:
        await _end(process)
        raise
    return SimProcess(process, ready.url, ready.model)


async def _first_word(process: asyncio.subprocess.Process) -> _Ready:
    assert process.stdout is not None
    try:
        async with asyncio.timeout(_READY_WITHIN_S):
            line = await process.stdout.readline()
    except TimeoutError:
        raise LocalError(f"the simulated endpoint was not ready after {_READY_WITHIN_S:.0f} s") from None
    if not line:
        code = await process.wait()
        raise LocalError(f"the simulated endpoint ended before it was ready (exit code {code})")
    word = _DECODER.decode(line)
    if isinstance(word, _Failed):
        raise LocalError(f"the simulated endpoint can't start: {word.message}")
    return word


async def _end(process: asyncio.subprocess.Process) -> None:
    with contextlib.suppress(ProcessLookupError):
        process.terminate()
    try:
        async with asyncio.timeout(_END_WITHIN_S):
            await process.wait()
    except TimeoutError:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()


def main(target: str) -> None:
    """The child: serve until the standard input closes."""
    # Whoever started it decides when it ends; a Ctrl+C meant for them reaches the whole group.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        asyncio.run(_serve_until_alone(service_of(parse_sim(target))))
    except LlmprobeError as error:
        _tell(_Failed(error.message))
        sys.exit(error.exit_code)


async def _serve_until_alone(service: Service) -> None:
    serving = asyncio.create_task(serve(service, 0, lambda url: _tell(_Ready(url, service.model))))
    watching = asyncio.create_task(_input_closed())
    await asyncio.wait((serving, watching), return_when=asyncio.FIRST_COMPLETED)
    if serving.done():
        serving.result()
    # A session that was killed takes its workers along; they cancel what is in flight before this end is cut.
    await asyncio.sleep(_OUTLIVES_CLIENTS_S)
    serving.cancel()


async def _input_closed() -> None:
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin.buffer)
    await reader.read()


def _tell(word: _Ready | _Failed) -> None:
    sys.stdout.buffer.write(msgspec.json.encode(word) + b"\n")
    sys.stdout.buffer.flush()
