"""The autopilot on the screen: given the load, showing what it does, and losing it to a hand."""

from typing import Any

import pytest
from msgspec.structs import replace

from llmprobe.core.finding import Finding, Knee
from llmprobe.session.search import Searching
from llmprobe.session.view import State

pytestmark = pytest.mark.anyio


async def test_a_gives_the_autopilot_the_load_and_says_what_it_does(build: Any, stage: Any) -> None:
    session = stage.FakeSession(stage.running_view(16))
    async with stage.running(build(session)) as pilot:
        await pilot.press("a")
        await stage.look(pilot)
        assert session.named("arm") == [()]
        shown = stage.text_of(pilot.app)
        assert "climbs to 16 users: nothing has broken yet, 12 of 20 verdicts" in shown
        assert "by autopilot" in shown
        assert pilot.app.probe.load.slider.ghost == 24
        await pilot.press("a")
        await stage.look(pilot)
        assert session.named("disarm") == [()]
        assert "paused: a hand has the load" in stage.text_of(pilot.app)
        assert pilot.app.probe.load.slider.ghost is None


async def test_a_on_an_idle_screen_starts_a_search(build: Any, stage: Any) -> None:
    session = stage.FakeSession()
    async with stage.running(build(session)) as pilot:
        await pilot.press("a")
        await stage.look(pilot)
        assert session.named("arm") == [()]
        assert "▶ RUNNING" in stage.text_of(pilot.app)


async def test_a_search_that_may_cost_money_is_agreed_to_first(build: Any, stage: Any) -> None:
    session = stage.FakeSession(consent="This sends at most 500 requests to api.example.org.")
    async with stage.running(build(session)) as pilot:
        await pilot.press("a")
        await stage.look(pilot)
        assert not session.named("arm")
        await pilot.press("enter")
        await stage.look(pilot)
        assert session.named("arm") == [()]


async def test_after_a_finding_its_line_is_gone(build: Any, stage: Any) -> None:
    found = Finding(capacity=24, estimate=25.0, low=25.0, high=28.0, cause="ttft")
    search = Searching("knee", armed=False, says="found", finding=found)
    session = stage.FakeSession(replace(stage.running_view(24), search=search))
    async with stage.running(build(session)) as pilot:
        assert "◇ autopilot" not in stage.text_of(pilot.app)


async def test_the_knee_that_was_found_is_marked_on_the_curve(build: Any, stage: Any) -> None:
    found = Finding(
        capacity=64,
        estimate=64.0,
        low=64.0,
        high=256.0,
        cause="throughput",
        knee=Knee(32.0, 28.0, 37.0, 900.0),
    )
    search = Searching("knee", armed=False, says="found", finding=found)
    session = stage.FakeSession(replace(stage.running_view(64), search=search))
    async with stage.running(build(session), (120, 36)) as pilot:
        await stage.look(pilot)
        shown = stage.text_of(pilot.app)
        assert "tokens/s ┊ knee" in shown
        assert shown.count("┊") > 3


async def test_whoever_starts_again_after_a_finding_goes_on_with_what_was_found(
    build: Any, stage: Any
) -> None:
    session = stage.FakeSession(stage.running_view(26))
    async with stage.running(build(session)) as pilot:
        await pilot.press("a")
        await stage.look(pilot)
        found = Finding(capacity=24, estimate=25.0, low=25.0, high=28.0, cause="ttft")
        search = Searching("knee", armed=False, says="is done: 24 hold", finding=found)
        session.seen = replace(session.seen, state=State.STOPPED, search=search)
        await stage.look(pilot)
        assert pilot.app.probe.load.slider.value == 24
        assert "by hand" not in stage.text_of(pilot.app)
