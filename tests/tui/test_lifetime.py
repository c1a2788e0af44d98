"""No session is left open, whatever happens while one opens or closes."""

import asyncio
from typing import Any

import pytest

from llmprobe.core.scenario import Endpoint, Scenario
from llmprobe.tui.feed import Feed
from llmprobe.tui.lifetime import Lifetime

pytestmark = pytest.mark.anyio

FIRST, SECOND = Scenario(endpoint=Endpoint(url="sim")), Scenario(endpoint=Endpoint(url="sim:big-gpu"))


async def test_leaving_gives_up_what_is_being_opened(stage: Any) -> None:
    begun, cleaned = asyncio.Event(), asyncio.Event()

    async def never(scenario: Scenario) -> Any:
        begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            cleaned.set()

    lifetime = Lifetime(Feed(FIRST), never, autostart=True)
    opening = asyncio.create_task(lifetime.open(FIRST))
    await begun.wait()
    await lifetime.end()
    await opening
    assert cleaned.is_set()


async def test_a_session_that_is_being_closed_is_closed_to_its_end(stage: Any) -> None:
    first, begun, gate, closed = stage.FakeSession(), asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def slow() -> None:
        begun.set()
        await gate.wait()
        closed.set()

    first.close = slow
    sessions = [first, stage.FakeSession()]

    async def opener(scenario: Scenario) -> Any:
        return sessions.pop(0)

    lifetime = Lifetime(Feed(FIRST), opener, autostart=False)
    await lifetime.open(FIRST)
    opening = asyncio.create_task(lifetime.open(SECOND))
    await begun.wait()
    ending = asyncio.create_task(lifetime.end())
    await asyncio.sleep(0)
    gate.set()
    await asyncio.gather(ending, opening)
    assert closed.is_set()
    assert len(sessions) == 1


async def test_a_second_wish_overtakes_the_first(stage: Any) -> None:
    wanted: list[str] = []
    begun = asyncio.Event()
    second = stage.FakeSession()

    async def opener(scenario: Scenario) -> Any:
        wanted.append(scenario.endpoint.url)
        if scenario == FIRST:
            begun.set()
            await asyncio.Event().wait()
        return second

    feed = Feed(FIRST)
    lifetime = Lifetime(feed, opener, autostart=False)
    opening = asyncio.create_task(lifetime.open(FIRST))
    await begun.wait()
    await lifetime.open(SECOND)
    await opening
    assert wanted == ["sim", "sim:big-gpu"]
    assert feed.session is second
    assert feed.scenario == SECOND


async def test_the_screen_that_crashes_closes_its_session_and_has_an_exit_code(
    build: Any, stage: Any, capsys: Any
) -> None:
    session = stage.FakeSession()
    app = build(session)

    async def crash(pilot: Any) -> None:
        while app.feed.session is None:
            await pilot.pause()

        def view() -> Any:
            raise RuntimeError("a broken promise")

        session.view = view
        app.call_later(app.probe.poll)
        await pilot.pause()

    assert await app.run_async(headless=True, size=(80, 24), auto_pilot=crash) == 70
    assert session.named("close") == [()]
    capsys.readouterr()
