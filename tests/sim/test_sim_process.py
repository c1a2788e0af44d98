"""The simulator as a process of its own."""

import asyncio
import json
import signal
import socket
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from llmprobe.core.errors import LocalError, UsageError
from llmprobe.core.target import SimTarget
from llmprobe.sim.process import launch

LAUNCH = """
import asyncio
from llmprobe.core.target import SimTarget
from llmprobe.sim.process import launch

async def main():
    simulator = await launch(SimTarget("fixed"))
    print(simulator.url, flush=True)
    await asyncio.Event().wait()

asyncio.run(main())
"""


def answers(url: str) -> bool:
    parts = httpx.URL(url)
    try:
        socket.create_connection((parts.host, parts.port or 0)).close()
    except ConnectionRefusedError:
        return False
    return True


@pytest.mark.anyio
async def test_a_launched_simulator_answers_until_it_is_closed() -> None:
    async with await launch(SimTarget("fixed", seed=3, speed=10)) as simulator:
        async with httpx.AsyncClient(trust_env=False) as client:
            models = (await client.get(f"{simulator.url}/models")).json()
        assert models["data"][0]["id"] == simulator.model == "sim-fixed"
        assert simulator.pid
    assert not answers(simulator.url)
    await simulator.aclose()


@pytest.mark.anyio
async def test_an_unknown_preset_is_a_usage_error() -> None:
    with pytest.raises(UsageError, match="small-gpu"):
        await launch(SimTarget("nope"))


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("script", "said"),
    [
        ('echo \'{"type":"failed","message":"no port is left"}\'', "no port is left"),
        ("exit 3", "exit code 3"),
    ],
)
async def test_a_simulator_that_can_not_start_says_why(
    script: str, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake = tmp_path / "python"
    fake.write_text(f"#!/bin/sh\n{script}\n")
    fake.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(fake))
    with pytest.raises(LocalError, match=said):
        await launch(SimTarget("fixed"))


@pytest.mark.anyio
async def test_a_python_that_is_gone_is_a_local_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "/nowhere/python")
    with pytest.raises(LocalError, match="can't be started"):
        await launch(SimTarget("fixed"))


def test_the_child_tells_its_errors_on_its_output_alone() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "llmprobe.sim", "sim:nope"],
        stdin=subprocess.PIPE,
        capture_output=True,
        check=False,
    )
    assert done.returncode == 2
    assert json.loads(done.stdout)["type"] == "failed"
    assert done.stderr == b""


@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGTERM])
@pytest.mark.anyio
async def test_the_simulator_ends_with_its_parent_however_that_ends(end: signal.Signals) -> None:
    parent = await asyncio.create_subprocess_exec(
        sys.executable, "-c", LAUNCH, stdout=asyncio.subprocess.PIPE
    )
    assert parent.stdout is not None
    url = (await parent.stdout.readline()).decode().strip()
    assert answers(url)
    parent.send_signal(end)
    await parent.wait()
    while answers(url):
        await asyncio.sleep(0.01)


def test_an_interrupt_for_the_group_leaves_the_simulator_to_its_parent() -> None:
    child = subprocess.Popen(
        [sys.executable, "-m", "llmprobe.sim", "sim:fixed"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert child.stdout is not None
    assert child.stdin is not None
    with child:
        url = json.loads(child.stdout.readline())["url"]
        child.send_signal(signal.SIGINT)
        assert answers(url)
        child.stdin.close()
        assert child.wait() == 0
