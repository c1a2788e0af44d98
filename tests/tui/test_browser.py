"""The screen served to a browser: who may reach it, and that nothing outlives its server."""

import asyncio
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import aiohttp
import pytest

from llmprobe.cli.main import dispatch
from llmprobe.core.errors import UsageError
from llmprobe.tui.browser.server import is_own

_PATIENCE_S = 60.0
_needs_proc = pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="/proc is Linux's")


class Served:
    """`llmprobe web` in an empty folder."""

    def __init__(self, folder: Path, *arguments: str) -> None:
        self.folder = folder
        self.process = subprocess.Popen(
            [sys.executable, "-m", "llmprobe", "web", *arguments],
            cwd=folder, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        )  # fmt: skip
        assert self.process.stdout is not None
        self.address = self.process.stdout.readline().split()[-1]

    @property
    def own(self) -> str:
        """The origin of its page."""
        parts = urlsplit(self.address)
        return f"{parts.scheme}://{parts.netloc}"

    def close(self) -> None:
        """Leave nothing behind."""
        self.process.kill()
        self.process.communicate()


@pytest.fixture
def web(tmp_path: Path) -> Iterator[Callable[..., Served]]:
    """Serve the screen."""
    served: list[Served] = []

    def start(*arguments: str) -> Served:
        served.append(Served(tmp_path, *arguments))
        return served[-1]

    yield start
    for one in served:
        one.close()


async def _open(session: aiohttp.ClientSession, served: Served) -> aiohttp.ClientWebSocketResponse:
    """A tab, once its screen shows a running load."""
    socket = await session.ws_connect(
        f"{served.address}ws?width=80&height=24", headers={"Origin": served.own}, max_msg_size=0
    )
    drawn = b""
    async with asyncio.timeout(_PATIENCE_S):
        while b"RUNNING" not in drawn:
            drawn += await socket.receive_bytes()
    return socket


def _below(pid: int) -> list[int]:
    """All processes that it started, and those that they did."""
    children = [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    return [*children, *(pid for child in children for pid in _below(child))]


def _gone(pids: list[int]) -> None:
    deadline = time.monotonic() + 30
    while any(_alive(pid) for pid in pids):
        assert time.monotonic() < deadline
        time.sleep(0.02)


def _alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def _result(folder: Path) -> dict[str, object]:
    (run,) = (folder / "llmprobe-runs").iterdir()
    result: dict[str, object] = json.loads((run / "result.json").read_text())
    return result


@pytest.mark.parametrize(("host", "origin", "own"), [
    ("127.0.0.1:8000", None, True),
    ("127.0.0.1:8000", "http://127.0.0.1:8000", True),
    ("localhost:8000", "http://localhost:8000", True),
    ("127.0.0.1:8000", "http://127.0.0.1:9000", False),
    ("127.0.0.1:8000", "https://127.0.0.1:8000", False),
    ("127.0.0.1:8000", "null", False),
    ("127.0.0.1:8000", "", False),
    ("evil.example:8000", None, False),
    ("evil.example:8000", "http://evil.example:8000", False),
    ("127.0.0.1.evil.example", "http://127.0.0.1.evil.example", False),
    ("localhost.evil.example:8000", None, False),
    ("evil.example@127.0.0.1:8000", None, True),
    ("127.0.0.1@evil.example", None, False),
    ("[::1", None, False),
    ("0.0.0.0:8000", None, False),
    ("", None, False),
])  # fmt: skip
def test_only_loopback_names_and_its_own_page_are_answered(host, origin, own):
    assert is_own(host, origin) is own


@pytest.mark.anyio
async def test_its_page_needs_the_secret_and_loads_nothing_from_elsewhere(web):
    served = web("sim")
    async with aiohttp.ClientSession() as session:

        async def get(url: str, **headers: str) -> tuple[int, str]:
            async with session.get(url, headers=headers) as answer:
                return answer.status, await answer.text()

        status, page = await get(served.address)
        assert status == 200
        linked = re.findall(r"(?:src|href)=\"([^\"]+)\"", page)
        assert linked
        assert all(link.startswith(("/static/", "page.js", "data:,")) for link in linked)
        for link in linked:
            if not link.startswith("data:"):
                base = served.own if link.startswith("/") else served.address
                assert (await get(base + link))[0] == 200
        assert (await get(f"{served.own}/"))[0] == 404
        assert (await get(f"{served.own}/ws"))[0] == 404
        assert (await get(served.address, Host="evil.example"))[0] == 403
        assert (await get(served.address, Origin="http://evil.example"))[0] == 403
        for origin in ("http://evil.example", "null"):
            with pytest.raises(aiohttp.WSServerHandshakeError):
                await session.ws_connect(f"{served.address}ws", headers={"Origin": origin})


@_needs_proc
@pytest.mark.anyio
async def test_a_tab_that_is_closed_ends_its_session_and_the_next_one_has_its_own(web):
    served = web("sim:small-gpu?speed=10")
    async with aiohttp.ClientSession() as session:
        socket = await _open(session, served)
        started = _below(served.process.pid)
        assert len(started) == 3
        await socket.close()
        await asyncio.to_thread(_gone, started)
        assert _result(served.folder)["format"] == 1
        await (await _open(session, served)).close()


@_needs_proc
@pytest.mark.anyio
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
async def test_however_the_server_ends_its_sessions_end_and_are_written(web, number):
    served = web("sim:small-gpu?speed=10")
    async with aiohttp.ClientSession() as session:
        await _open(session, served)
        started = _below(served.process.pid)
        os.kill(served.process.pid, number)
        await asyncio.to_thread(_gone, [served.process.pid, *started])
    assert served.process.wait() == (-number if number is signal.SIGKILL else 128 + number)
    assert _result(served.folder)["format"] == 1


@pytest.mark.parametrize(("arguments", "says"), [
    (["--port", "70000"], "--port 70000 is not a port"),
    (["ftp://x"], "is not an URL"),
    (["--plain"], "a browser shows the screen"),
])  # fmt: skip
def test_what_is_wrong_is_said_before_anything_is_served(tmp_path, arguments, says):
    done = subprocess.run(
        [sys.executable, "-m", "llmprobe", "web", *arguments],
        cwd=tmp_path, capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    assert done.returncode == 2
    assert says in done.stderr


def test_without_its_package_one_sentence_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "textual_serve", None)
    with pytest.raises(UsageError, match=re.escape("pip install 'llmprobe[web]'")):
        dispatch(["web"])


def test_a_port_that_is_taken_is_said(web):
    served = web("sim")
    done = subprocess.run(
        [sys.executable, "-m", "llmprobe", "web", "--port", str(urlsplit(served.address).port)],
        cwd=served.folder, capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    assert done.returncode == 2
    assert "choose another with --port" in done.stderr
