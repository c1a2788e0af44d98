"""An app that stands still between two acts of a test: nothing on it depends on how quick a machine is."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from contextvars import copy_context
from functools import partial
from typing import Any

from textual.app import App
from textual.pilot import Pilot

from llmprobe.tui.app import ProbeApp


@asynccontextmanager
async def running(app: ProbeApp, size: tuple[int, int] = (80, 24)) -> AsyncIterator[Pilot[int]]:
    """The app without a terminal, from the moment when its session is open or has failed to open."""
    async with app.run_test(size=size) as pilot:
        while app.feed.opening or (app.feed.session is None and app.feed.trouble is None):
            await pilot.pause()
        await look(pilot)
        yield pilot


async def look(pilot: Pilot[int]) -> None:
    """Let what was done arrive, and the screen take a look: it takes none by itself."""
    app = pilot.app
    assert isinstance(app, ProbeApp)
    await _drawn(pilot)
    app.probe.poll()
    await _drawn(pilot)


async def _drawn(pilot: Pilot[int]) -> None:
    """Until nothing is left to do, and all of it is on the screen."""
    await pilot.pause()
    while pilot.app.is_running and _undrawn(pilot.app):
        await pilot.pause()


def _undrawn(app: App[Any]) -> bool:
    screen = app.screen
    return bool(
        app._resize_timer or screen._layout_required or screen._scroll_required or screen._repaint_required
        or screen._recompose_required or screen._dirty_widgets or screen._callbacks
    )  # fmt: skip


class Threads:
    """What works beside the loop, so that one can wait for its end."""

    def __init__(self) -> None:
        self._at_work: set[asyncio.Future[Any]] = set()

    async def to_thread(self, function: Callable[..., Any], /, *args: Any, **options: Any) -> Any:
        """As asyncio's."""
        loop = asyncio.get_running_loop()
        at_work = loop.run_in_executor(None, copy_context().run, partial(function, *args, **options))
        self._at_work.add(at_work)
        at_work.add_done_callback(self._at_work.discard)
        return await at_work

    async def wait_for_idle(self, *_: float) -> None:
        """Until all that is left waits for time or for a person. Textual's guesses it by processor time."""
        ready = asyncio.get_running_loop()._ready  # type: ignore[attr-defined]
        await asyncio.sleep(0)
        while ready or self._at_work:
            if self._at_work:
                await asyncio.wait(self._at_work)
            await asyncio.sleep(0)


def text_of(app: ProbeApp) -> str:
    """What the terminal shows, as lines of characters."""
    rows = app.screen._compositor.render_strips()
    return "\n".join(strip.text for strip in rows[: app.size.height])
