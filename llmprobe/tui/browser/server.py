"""Serves the screen to browsers on this machine: each tab is a process with a session of its own.

Whoever reaches the screen may spend keys and write files, so three things guard it: it listens on 127.0.0.1;
its address holds a secret, which other users and programs of this machine don't know; and a request must name
loopback in Host and come from this very page by Origin, which a foreign page in the same browser can't do,
whatever its name resolves to.
"""

import asyncio
import contextlib
import secrets
import shlex
import signal
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from string import Template
from urllib.parse import urlsplit

import textual_serve
from aiohttp import WSMsgType, web
from aiohttp.typedefs import Handler
from textual_serve.app_service import AppService
from textual_serve.download_manager import DownloadManager

from llmprobe.core.errors import UsageError

_HOST = "127.0.0.1"
_LOOPBACK = frozenset({"127.0.0.1", "localhost"})
_HERE = Path(__file__).parent
_STATIC = Path(textual_serve.__file__).parent / "static"
_END_WITHIN_S = 15.0
_HEARTBEAT_S = 15.0
_HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": (
        "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; frame-ancestors 'none'"
    ),
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


async def serve(command: list[str], port: int, say: Callable[[str], None]) -> int:
    """Serve until a signal comes, which is returned; `say` gets the address once it answers.

    `command` starts the app of one tab. Port 0 is any free one. Raises `UsageError` for a port that is taken.
    """
    server = _Server(command, secrets.token_urlsafe(16))
    runner = web.AppRunner(server.application(), handle_signals=False)
    await runner.setup()
    try:
        await web.TCPSite(runner, _HOST, port).start()
    except OSError as error:
        await runner.cleanup()
        raise UsageError(f"port {port} can't be used: {error.strerror}; choose another with --port") from None
    port = runner.addresses[0][1]
    with _signals() as told:
        say(f"http://{_HOST}:{port}/{server.secret}/")
        number = await told
        await server.close()
    await runner.cleanup()
    return number


class _Server:
    """A page, its websocket, and the apps behind those that are open."""

    def __init__(self, command: list[str], secret: str) -> None:
        self.secret = secret
        self._command = f"exec {shlex.join(command)}"
        self._page = Template(_HERE.joinpath("page.html").read_text("utf-8"))
        self._tabs: dict[web.WebSocketResponse, asyncio.Task[None]] = {}

    def application(self) -> web.Application:
        """For aiohttp."""
        application = web.Application(middlewares=[_guard])
        application.add_routes(
            [
                web.get(f"/{self.secret}/", self._show),
                web.get(f"/{self.secret}/page.js", _focus),
                web.get(f"/{self.secret}/ws", self._connect),
                web.static("/static", _STATIC),
            ]
        )
        return application

    async def close(self) -> None:
        """End every app, and wait until its run is written."""
        for socket in list(self._tabs):
            await socket.close()
        if self._tabs:
            await asyncio.wait(list(self._tabs.values()), timeout=_END_WITHIN_S)

    async def _show(self, request: web.Request) -> web.Response:
        websocket = f"ws://{request.host}/{self.secret}/ws"
        return web.Response(
            text=self._page.substitute(websocket=websocket), content_type="text/html", headers=_HEADERS
        )

    async def _connect(self, request: web.Request) -> web.WebSocketResponse:
        """One tab, from its first byte until it or its app has ended."""
        socket = web.WebSocketResponse(heartbeat=_HEARTBEAT_S)
        await socket.prepare(request)

        async def draw(data: bytes) -> None:
            # The app of a tab that is gone draws until it has ended; it must not wait for a reader.
            with contextlib.suppress(ConnectionError):
                await socket.send_bytes(data)

        app = _TabApp(
            self._command, write_bytes=draw, write_str=socket.send_str, close=_closer(socket),
            download_manager=DownloadManager(),
        )  # fmt: skip
        self._tabs[socket] = tab = asyncio.create_task(_carry(app, socket, _size(request)))
        tab.add_done_callback(lambda _: self._tabs.pop(socket))
        await asyncio.shield(tab)
        return socket


class _TabApp(AppService):
    """Starts the app with a driver that notices the end of this process."""

    def _build_environment(self, width: int = 80, height: int = 24) -> dict[str, str]:
        environment = super()._build_environment(width, height)
        return environment | {"TEXTUAL_DRIVER": "llmprobe.tui.browser.driver:BrowserDriver"}


async def _carry(app: _TabApp, socket: web.WebSocketResponse, size: tuple[int, int]) -> None:
    """What is typed goes to the app; what it draws it sends by itself."""
    await app.start(*size)
    try:
        async for message in socket:
            if message.type is not WSMsgType.TEXT:
                continue
            match message.json():
                case ["stdin", str(typed)]:
                    await app.send_bytes(typed.encode())
                case ["resize", {"width": int(width), "height": int(height)}]:
                    await app.set_terminal_size(width, height)
                case ["focus"]:
                    await app.focus()
                case ["blur"]:
                    await app.blur()
                case ["ping", str(sent)]:
                    await socket.send_json(["pong", sent])
                case _:
                    pass
    finally:
        await app.stop()


def _closer(socket: web.WebSocketResponse) -> Callable[[], Awaitable[None]]:
    async def close() -> None:
        await socket.close()

    return close


async def _focus(request: web.Request) -> web.FileResponse:  # noqa: ARG001 - a handler's signature
    return web.FileResponse(_HERE / "page.js")


@web.middleware
async def _guard(request: web.Request, handler: Handler) -> web.StreamResponse:
    host, origin = request.headers.get("Host", ""), request.headers.get("Origin")
    if not is_own(host, origin):
        return web.Response(status=403, text="llmprobe answers only its own page on this machine\n")
    return await handler(request)


def is_own(host: str, origin: str | None) -> bool:
    """Whether a request names this machine, and comes from our page if it comes from one. Pure."""
    try:
        name = urlsplit(f"//{host}").hostname
    except ValueError:
        return False
    return name in _LOOPBACK and origin in {None, f"http://{host}"}


def _size(request: web.Request) -> tuple[int, int]:
    def cells(name: str, usual: int) -> int:
        text = request.query.get(name, "")
        return max(1, min(1000, int(text))) if text.isascii() and text.isdigit() else usual

    return cells("width", 80), cells("height", 24)


@contextlib.contextmanager
def _signals() -> Iterator[asyncio.Future[int]]:
    """While inside, the first SIGINT, SIGTERM or SIGHUP fills the future instead of ending the process."""
    loop = asyncio.get_running_loop()
    told: asyncio.Future[int] = loop.create_future()

    def tell(number: int) -> None:
        if not told.done():
            told.set_result(number)

    handled = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    for number in handled:
        loop.add_signal_handler(number, tell, number)
    try:
        yield told
    finally:
        for number in handled:
            loop.remove_signal_handler(number)
