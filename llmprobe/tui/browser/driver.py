"""Draws for a browser, and ends the app when the server in between is gone.

No signal tells a process that the one at the other end of its pipes was killed; its input ends.
"""

import contextlib
import os
from functools import partial
from typing import Any, cast

from textual.app import App
from textual.drivers.web_driver import WebDriver

from llmprobe.tui.app import ProbeApp


class BrowserDriver(WebDriver):
    """Textual's own, for a server that may die."""

    def __init__(
        self, app: App[Any], *, debug: bool = False, mouse: bool = True, size: tuple[int, int] | None = None
    ) -> None:
        super().__init__(app, debug=debug, mouse=mouse, size=size)
        self._write = partial(_write_to_the_living, self.fileno)

    def run_input_thread(self) -> None:
        """Until the app has ended, or the server."""
        super().run_input_thread()
        if not self.exit_event.is_set():
            self._loop.call_soon_threadsafe(cast("ProbeApp", self._app).hang_up)


def _write_to_the_living(fd: int, data: bytes) -> int:
    with contextlib.suppress(BrokenPipeError):
        return os.write(fd, data)
    return 0
