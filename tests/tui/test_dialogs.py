"""Dialogs by mouse: what is said below can be clicked, and fits any width."""

from typing import Any

import pytest
from textual.command import CommandPalette

from llmprobe.tui.screens.mark import MarkScreen
from llmprobe.tui.widgets.hints import Hint, hint_text

pytestmark = pytest.mark.anyio
HINTS = (Hint("enter", "open"), Hint("up,down", "choose"), Hint("escape", "cancel"))


async def click(pilot: Any, stage: Any, words: str) -> None:
    """On the first place where the screen shows them."""
    rows = stage.text_of(pilot.app).splitlines()
    y = next(y for y, row in enumerate(rows) if words in row)
    await pilot.click(offset=(rows[y].index(words), y))
    await stage.look(pilot)
    await stage.look(pilot)


async def until(pilot: Any, stage: Any, seen: Any) -> None:
    """Wait for what takes a few turns of the loop."""
    for _ in range(100):
        if seen():
            return
        await stage.look(pilot)
    pytest.fail(stage.text_of(pilot.app))


@pytest.mark.parametrize("size", [(60, 20), (80, 24)], ids=["60x20", "80x24"])
async def test_each_dialog_is_left_by_a_click(build: Any, stage: Any, size: tuple[int, int]) -> None:
    async with stage.running(build(stage.FakeSession(stage.running_view())), size) as pilot:
        for key in ("e", "o", "t", "r", "s", "m", "question_mark", "comma", "q"):
            await pilot.press(key)
            await stage.look(pilot)
            assert len(pilot.app.screen_stack) == 2, key
            await click(pilot, stage, "Esc ")
            assert len(pilot.app.screen_stack) == 1, key


async def test_a_question_is_answered_by_a_click(build: Any, stage: Any) -> None:
    session = stage.FakeSession(consent="This sends at most 500 requests to api.example.org.")
    async with stage.running(build(session)) as pilot:
        await pilot.press("space")
        await stage.look(pilot)
        await click(pilot, stage, "Enter start")
        assert session.named("start") == [()]


async def test_a_result_is_copied_and_a_help_is_scrolled_by_a_click(build: Any, stage: Any) -> None:
    async with stage.running(build(stage.FakeSession(stage.running_view()))) as pilot:
        await pilot.press("r")
        await stage.look(pilot)
        await click(pilot, stage, "y copy")
        assert pilot.app.clipboard.startswith("**FAILED**")
        await pilot.press("escape", "question_mark")
        await stage.look(pilot)
        before = stage.text_of(pilot.app)
        await click(pilot, stage, "↓ scroll")
        assert stage.text_of(pilot.app) != before


@pytest.mark.parametrize(
    ("width", "shown"),
    [(60, "Enter open · ↑ ↓ choose · Esc cancel"), (30, "Enter open · Esc cancel"), (12, "Esc cancel")],
)
async def test_hints_that_do_not_fit_give_way_and_the_way_out_stays(
    build: Any, stage: Any, width: int, shown: str
) -> None:
    async with stage.running(build(stage.FakeSession())) as pilot:
        assert hint_text(HINTS, width, pilot.app.ink).plain == shown
        said = hint_text(HINTS, width, pilot.app.ink, said="✓ copied").plain
        assert said.startswith("✓ copied · ")
        assert said.endswith("Esc cancel")


async def test_every_action_is_reached_by_the_mouse_alone(build: Any, stage: Any) -> None:
    session = stage.FakeSession(stage.running_view())
    async with stage.running(build(session), (60, 20)) as pilot:
        await click(pilot, stage, "Help")
        await click(pilot, stage, "Ctrl+P any action")
        await until(pilot, stage, lambda: isinstance(pilot.app.screen, CommandPalette))
        await until(pilot, stage, lambda: "Add one user" in stage.text_of(pilot.app))
        await click(pilot, stage, "Add one user")
        await until(pilot, stage, lambda: session.named("set_load") == [(65, "users")])
        await pilot.press("ctrl+p", *"write a note")
        await until(pilot, stage, lambda: "Write a note" in stage.text_of(pilot.app))
        await pilot.press("enter")
        await until(pilot, stage, lambda: isinstance(pilot.app.screen, MarkScreen))
        assert len(pilot.app.screen_stack) == 2
