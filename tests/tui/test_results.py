"""The results: the verdict so far on the screen, and as Markdown on the clipboard."""

from typing import Any

import pytest

from llmprobe.core.errors import UsageError
from llmprobe.report.formats import FORMATS
from llmprobe.tui.screens.results import ResultsScreen, result_lines
from llmprobe.tui.widgets.spans import width_of

pytestmark = pytest.mark.anyio


async def test_r_shows_the_verdict_its_objectives_and_the_levels(build: Any, stage: Any) -> None:
    app = build(stage.FakeSession(stage.running_view()))
    async with stage.running(app) as pilot:
        await pilot.press("r")
        await stage.look(pilot)
        text = stage.text_of(app)
        assert "✖ FAILED" in text
        assert "1.18 s (n = 250)" in text
        assert "too few (n = 8 of 20)" in text
        assert "TTFT p95" in text
        await pilot.press("escape")
        assert len(app.screen_stack) == 1


async def test_y_copies_the_verdict_as_markdown_from_the_results_and_from_anywhere(
    build: Any, stage: Any
) -> None:
    app = build(stage.FakeSession(stage.running_view()))
    async with stage.running(app) as pilot:
        await pilot.press("y")
        await stage.look(pilot)
        assert app.clipboard == FORMATS["markdown"](stage.result())
        assert "copied as Markdown" in stage.text_of(app)
        app.copy_to_clipboard("")
        await pilot.press("r")
        await stage.look(pilot)
        await pilot.press("y")
        await stage.look(pilot)
        assert app.clipboard.startswith("**FAILED** evening")
        assert "✓ copied" in stage.text_of(app)


async def test_s_saves_from_the_results(build: Any, stage: Any) -> None:
    session = stage.FakeSession(stage.running_view())
    app = build(session)
    async with stage.running(app) as pilot:
        await pilot.press("r")
        await stage.look(pilot)
        await pilot.press("s", "enter")
        await stage.look(pilot)
        assert session.named("save")


async def test_before_anything_was_sent_there_is_a_sentence_and_nothing_to_copy(
    build: Any, stage: Any
) -> None:
    session = stage.FakeSession()
    session.fails["result"] = UsageError("nothing was sent yet; start the load")
    app = build(session)
    async with stage.running(app) as pilot:
        await pilot.press("y")
        await stage.look(pilot)
        assert "✖ nothing was sent yet" in stage.text_of(app)
        await pilot.press("r")
        await stage.look(pilot)
        await pilot.press("y")
        assert isinstance(app.screen, ResultsScreen)
        assert "nothing was sent yet" in stage.text_of(app)
        assert not app.clipboard


@pytest.mark.parametrize("width", [48, 54, 66, 110])
async def test_results_fit_any_width(build: Any, stage: Any, width: int) -> None:
    app = build(stage.FakeSession(stage.running_view()))
    async with stage.running(app):
        lines = result_lines(stage.result(), width, app.ink)
        assert max(map(width_of, lines)) <= width
