"""Opening a scenario or a run of before; and the first time of all."""

from pathlib import Path
from typing import Any

import pytest

from llmprobe.core.load import Load, Stage
from llmprobe.core.scenario import Endpoint, Scenario
from llmprobe.report.files import Began, Ended, encode_line
from llmprobe.report.to_json import render
from llmprobe.scenario.writer import dump_scenario
from llmprobe.tui import welcome

pytestmark = pytest.mark.anyio
OTHER = Scenario(
    endpoint=Endpoint(url="sim:big-gpu"), name="morning", load=Load(stages=(Stage(8, 30.0), Stage(16, 60.0)))
)


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


async def see(pilot: Any, stage: Any, words: str) -> str:
    """What is shown, once a thread beside the screen has brought it."""
    for _ in range(200):
        await stage.look(pilot)
        if words in (text := stage.text_of(pilot.app)):
            return str(text)
    pytest.fail(f"{words!r} is not in {stage.text_of(pilot.app)}")


async def test_a_scenario_of_this_folder_is_chosen_and_opened(build: Any, stage: Any, here: Path) -> None:
    (here / "morning.toml").write_text(dump_scenario(OTHER))
    first, second = stage.FakeSession(), stage.FakeSession()
    async with stage.running(build(first, second)) as pilot:
        await pilot.press("o")
        await see(pilot, stage, "morning.toml")
        await pilot.press("down", "enter")
        await see(pilot, stage, "its plan of 2 stages, 90.0 s")
        while pilot.app.feed.session is not second:
            await pilot.pause()
        assert first.named("close")
        assert pilot.app.feed.scenario == OTHER


async def test_what_is_wrong_with_a_file_is_told_by_file_line_and_key(
    build: Any, stage: Any, here: Path
) -> None:
    (here / "bad.toml").write_text('format = 1\n[endpoint]\nurl = "sim"\nmodle = "x\u202e"\n')
    session = stage.FakeSession()
    async with stage.running(build(session), (120, 36)) as pilot:
        await pilot.press("o", *"bad.toml", "enter")
        assert "bad.toml:4: endpoint.modle" in await see(pilot, stage, "✖ ")
        await pilot.press("escape")
        await stage.look(pilot)
        assert pilot.app.feed.session is session
        assert not session.named("close")


async def test_a_run_of_before_shows_its_results_and_opens_its_scenario(
    build: Any, stage: Any, here: Path
) -> None:
    folder = a_run(here, stage)
    second = stage.FakeSession()
    async with stage.running(build(stage.FakeSession(), second), (120, 36)) as pilot:
        await pilot.press("o")
        shown = await see(pilot, stage, "2026-01-05-evening")
        assert "FAILED · 91.2 s · 260 requests" in shown
        await pilot.press("down", "enter")
        shown = await see(pilot, stage, "o open its scenario")
        assert "Results of 2026-01-05-evening" in shown
        assert "evening: 91.2 s, stopped by hand" in shown
        await pilot.press("y")
        assert pilot.app.clipboard.startswith("**")
        assert "evening" in pilot.app.clipboard
        await pilot.press("escape", *str(folder), "enter")
        await see(pilot, stage, "o open its scenario")
        await pilot.press("o")
        await see(pilot, stage, "evening is open")
        while pilot.app.feed.session is not second:
            await pilot.pause()


def a_run(place: Path, stage: Any) -> Path:
    """A run folder with one request and with the result that the fake session has."""
    folder = place / "llmprobe-runs" / "2026-01-05-evening"
    folder.mkdir(parents=True)
    (folder / "scenario.toml").write_text(dump_scenario(stage.SCENARIO))
    began = Began("0.1.0", "2026-01-05T20:15:00+01:00", "http://127.0.0.1:8000/v1", "m", "0" * 64, 1)
    ended = Ended(91.2, "stopped", "stopped by hand")
    (folder / "events.jsonl").write_bytes(encode_line(began) + encode_line(ended))
    (folder / "records.jsonl").write_bytes(encode_line(stage.record()))
    (folder / "result.json").write_text(render(stage.result()))
    return folder


async def test_a_folder_that_is_no_run_is_told(build: Any, stage: Any, here: Path) -> None:
    (here / "empty").mkdir()
    async with stage.running(build(stage.FakeSession())) as pilot:
        await pilot.press("o", *"empty", "enter")
        assert "empty is not a run folder" in await see(pilot, stage, "✖ ")


async def test_a_name_that_is_a_control_sequence_stays_a_name(build: Any, stage: Any, here: Path) -> None:
    (here / "e\x1b[31mvil[b].toml").write_text(dump_scenario(OTHER))
    async with stage.running(build(stage.FakeSession())) as pilot:
        await pilot.press("o")
        assert "\x1b" not in await see(pilot, stage, "vil[b].toml")


def test_only_the_first_time_is_the_first_time() -> None:
    assert welcome.first_time()
    assert not welcome.first_time()
