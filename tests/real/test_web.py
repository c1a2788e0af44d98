"""The screen in a real browser: headless Chromium draws it, a click in it moves the load."""

import asyncio
import base64
import re
import shutil
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import aiohttp
import pyte
import pytest

_PATIENCE_S = 120.0
_CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
pytestmark = [
    pytest.mark.real,
    pytest.mark.anyio,
    pytest.mark.skipif(
        _CHROMIUM is None, reason="there is no chromium; Debian has it: apt-get install chromium"
    ),
]


class Tab:
    """A tab of Chromium, driven by the DevTools protocol; what its websocket gets is read by an emulator."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self._socket = socket
        self._asked = 0
        self._screen: pyte.Screen | None = None
        self._stream: pyte.ByteStream | None = None
        self.fetched: list[str] = []
        """Every address that the page asked for."""

    async def do(self, method: str, **params: Any) -> dict[str, Any]:
        """One command, and its answer."""
        self._asked += 1
        await self._socket.send_json({"id": self._asked, "method": method, "params": params})
        while (message := await self._next()).get("id") != self._asked:
            pass
        assert "error" not in message, message
        answer: dict[str, Any] = message["result"]
        return answer

    async def shows(self, words: str) -> tuple[int, int]:
        """Wait until the screen has them; column and row."""
        async with asyncio.timeout(_PATIENCE_S):
            while True:
                rows = self._screen.display if self._screen is not None else []
                for row, text in enumerate(rows):
                    if words in text:
                        return text.index(words), row
                await self._next()

    async def click(self, column: int, row: int) -> None:
        """In the middle of a cell."""
        assert self._screen is not None
        place = "JSON.stringify(document.querySelector('.xterm-screen').getBoundingClientRect())"
        box = await self.do("Runtime.evaluate", expression=f"JSON.parse({place})", returnByValue=True)
        value = box["result"]["value"]
        x = value["x"] + (column + 0.5) * value["width"] / self._screen.columns
        y = value["y"] + (row + 0.5) * value["height"] / self._screen.lines
        for kind in ("mousePressed", "mouseReleased"):
            await self.do("Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", clickCount=1)

    async def picture(self) -> bytes:
        """A PNG."""
        return base64.b64decode((await self.do("Page.captureScreenshot"))["data"])

    async def _next(self) -> dict[str, Any]:
        message: dict[str, Any] = await self._socket.receive_json(timeout=_PATIENCE_S)
        match message:
            case {"method": "Network.requestWillBeSent", "params": {"request": {"url": url}}}:
                self.fetched.append(url)
            case {"method": "Network.webSocketCreated", "params": {"url": url}}:
                size = parse_qs(urlsplit(url).query)
                self._screen = pyte.Screen(int(size["width"][0]), int(size["height"][0]))
                self._stream = pyte.ByteStream(self._screen)
            case {"method": "Network.webSocketFrameReceived", "params": {"response": response}}:
                if response["opcode"] == 2 and self._stream is not None:
                    self._stream.feed(base64.b64decode(response["payloadData"]))
            case _:
                pass
        return message


@asynccontextmanager
async def _chromium(profile: Path) -> AsyncIterator[Tab]:
    process = await asyncio.create_subprocess_exec(
        str(_CHROMIUM), "--headless", "--no-sandbox", "--remote-debugging-port=0", "--window-size=1100,720",
        f"--user-data-dir={profile}", "about:blank",
        stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    assert process.stderr is not None
    try:
        async with asyncio.timeout(_PATIENCE_S), aiohttp.ClientSession() as session:
            while not (found := re.search(rb"ws://([^/\s]+)/\S+", await process.stderr.readline())):
                assert process.returncode is None
            draining = asyncio.create_task(process.stderr.read())
            async with session.put(f"http://{found[1].decode()}/json/new?about:blank") as answer:
                target = await answer.json()
            async with session.ws_connect(target["webSocketDebuggerUrl"], max_msg_size=0) as socket:
                yield Tab(socket)
    finally:
        process.terminate()
        await process.wait()
        await draining


async def test_a_click_in_a_browser_moves_the_load(tmp_path: Path) -> None:
    server = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "llmprobe", "web", "sim:small-gpu?speed=10",
        cwd=tmp_path, stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    assert server.stdout is not None
    address = (await server.stdout.readline()).decode().split()[-1]
    try:
        async with _chromium(tmp_path / "profile") as tab:
            for domain in ("Page", "Network", "Runtime"):
                await tab.do(f"{domain}.enable")
            await tab.do("Page.navigate", url=address)
            await tab.shows("4 users")
            column, row = await tab.shows("- + ÷2 ×2")  # noqa: RUF001 - as the footer has it
            before = await tab.picture()
            await tab.click(column + 2, row)
            await tab.shows("8 users")
            after = await tab.picture()
            # Keys arrive without a click in the terminal first.
            await tab.do("Input.insertText", text="-")
            await tab.shows("4 users")
            origin = "{0.scheme}://{0.netloc}/".format(urlsplit(address))
            assert all(url.startswith((origin, "data:")) for url in tab.fetched)
            (tmp_path / "screen.png").write_bytes(after)
        assert before.startswith(b"\x89PNG")
        assert before != after
        assert len(after) > 10_000
    finally:
        server.terminate()
        await server.wait()
    (run,) = (tmp_path / "llmprobe-runs").iterdir()
    assert '"by":"hand"' in (run / "events.jsonl").read_text()
