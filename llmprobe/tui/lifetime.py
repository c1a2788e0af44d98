"""From the first opening to the last closing: one session at a time, none left open.

A session that is being closed is closed to its end, even when its screen is told to go meanwhile.
"""

import asyncio

from llmprobe.core.errors import LlmprobeError
from llmprobe.core.scenario import Scenario
from llmprobe.tui.feed import Feed, Opener


class Lifetime:
    """Opens, and closes what it opened."""

    def __init__(self, feed: Feed, opener: Opener, *, autostart: bool) -> None:
        self.failed_with: int | None = 0
        """The exit code while nothing was ever open; None from then on."""
        self._feed = feed
        self._opener = opener
        self._autostart = autostart
        self._opening: asyncio.Task[None] | None = None
        self._closing: asyncio.Future[object] | None = None

    async def open(self, scenario: Scenario) -> None:
        """Close what is open and open this; the feed tells what came of it."""
        if self._opening is not None:
            self._opening.cancel()
            await asyncio.wait([self._opening])
        before = self._feed.session
        self._feed.reopen(scenario)
        if before is not None:
            self._closing = asyncio.ensure_future(before.close())
        self._opening = asyncio.create_task(self._open(scenario))
        await asyncio.wait([self._opening])

    async def end(self) -> None:
        """Give up what is being opened, close what is open."""
        if self._opening is not None:
            self._opening.cancel()
            await asyncio.wait([self._opening])
        if self._closing is not None:
            await self._closing
        session, self._feed.session = self._feed.session, None
        if session is not None:
            await session.close()

    async def _open(self, scenario: Scenario) -> None:
        try:
            if self._closing is not None:
                await asyncio.shield(self._closing)
            session = await self._opener(scenario)
        except LlmprobeError as error:
            self._feed.opened(None, error.message)
            if self.failed_with is not None:
                self.failed_with = error.exit_code
            return
        self._feed.opened(session)
        self.failed_with = None
        if self._autostart and session.consent() is None:
            self._autostart = False
            try:
                await session.start()
            except LlmprobeError as error:
                self._feed.trouble = error.message
