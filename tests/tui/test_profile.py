"""A load over time, shaped on the screen."""

from typing import Any

import pytest

from llmprobe.core.load import UNTIL_STOPPED_S, Stage

pytestmark = pytest.mark.anyio


async def test_a_ramp_is_typed_and_what_it_does_is_shown(build: Any, stage: Any) -> None:
    session = stage.FakeSession(stage.running_view())
    async with stage.running(build(session)) as pilot:
        await pilot.press("p")
        await stage.look(pilot)
        assert "128 over 30s" in stage.text_of(pilot.app)
        await pilot.press(*" for 1m, x")
        await stage.look(pilot)
        assert "✖ 'x' is not a number of users" in stage.text_of(pilot.app)
        await pilot.press("enter")
        assert not session.named("follow")
        await pilot.press("backspace", "8", "enter")
        await stage.look(pilot)
        assert session.named("follow") == [((Stage(128, 60.0, 30.0), Stage(8, UNTIL_STOPPED_S)),)]
        assert "profile part 1 of 2: 128 users · 12 s left" in stage.text_of(pilot.app)


async def test_a_shape_is_chosen_by_keys(build: Any, stage: Any) -> None:
    session = stage.FakeSession(stage.running_view())
    async with stage.running(build(session)) as pilot:
        await pilot.press("p")
        await stage.look(pilot)
        await pilot.press("down", "down", "down", "enter", "enter")
        await stage.look(pilot)
        assert session.named("follow") == [((Stage(256, 10.0), Stage(64, UNTIL_STOPPED_S)),)]


async def test_a_profile_on_an_idle_screen_starts_once_it_is_agreed_to(build: Any, stage: Any) -> None:
    session = stage.FakeSession(consent="This sends at most 500 requests to api.example.org.")
    async with stage.running(build(session)) as pilot:
        await pilot.press("p", "enter")
        await stage.look(pilot)
        assert not session.named("follow")
        await pilot.press("enter")
        await stage.look(pilot)
        assert session.named("follow") == [((Stage(8, UNTIL_STOPPED_S, 30.0),),)]
