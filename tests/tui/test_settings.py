"""Settings: seen while they are chosen, kept when saved, refused by file, key and reason."""

from typing import Any

import pytest

from llmprobe.core.errors import UsageError
from llmprobe.tui.keys import BY_ACTION, shown_as, with_keys
from llmprobe.tui.settings import Settings, load_settings, save_settings, settings_file

anyio = pytest.mark.anyio


@anyio
async def test_a_theme_is_seen_while_it_is_chosen_and_kept_only_when_saved(build: Any, stage: Any) -> None:
    async with stage.running(build(stage.FakeSession(stage.running_view()))) as pilot:
        app = pilot.app
        await pilot.press("comma", "right")
        await stage.look(pilot)
        assert app.theme != "dark"
        await pilot.press("escape")
        await stage.look(pilot)
        assert app.theme == "dark"
        assert not settings_file().exists()
        await pilot.press("comma", "right", "s")
        await stage.look(pilot)
        assert app.theme != "dark"
        assert load_settings(settings_file()) == Settings(theme=app.theme)
    async with stage.running(build(stage.FakeSession())) as pilot:
        assert pilot.app.theme == load_settings(settings_file()).theme


@anyio
async def test_another_key_is_pressed_then_it_works_and_the_footer_shows_it(build: Any, stage: Any) -> None:
    session = stage.FakeSession(stage.running_view())
    async with stage.running(build(session)) as pilot:
        await pilot.press("comma", "down", "down", "down", "enter", "f5", "s")
        await stage.look(pilot)
        assert " F5 Stop" in stage.text_of(pilot.app)
        await pilot.press("space")
        await stage.look(pilot)
        assert not session.named("stop")
        await pilot.press("f5")
        await stage.look(pilot)
        assert session.named("stop")
        assert load_settings(settings_file()).keys == {"start_stop": "f5"}


@anyio
async def test_a_key_of_another_action_is_refused_and_escape_keeps_the_old_one(
    build: Any, stage: Any
) -> None:
    async with stage.running(build(stage.FakeSession(stage.running_view()))) as pilot:
        await pilot.press("comma", "down", "down", "down", "enter", "z")
        await stage.look(pilot)
        assert "z is that of 'Zoom'" in stage.text_of(pilot.app)
        await pilot.press("enter", "escape")
        await stage.look(pilot)
        assert "Settings" in stage.text_of(pilot.app)
        assert pilot.app.keys == BY_ACTION


@anyio
async def test_glyphs_become_ascii_at_once(build: Any, stage: Any) -> None:
    async with stage.running(build(stage.FakeSession(stage.running_view()))) as pilot:
        await pilot.press("comma", "down", "right", "right", "s")
        await stage.look(pilot)
        strange = {char for char in stage.text_of(pilot.app) if not char.isascii()}
        assert not strange


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("them = 'dark'", "unknown key `them`"),
        ("refresh = 99", "refresh: "),
        ("glyphs = 'emoji'", "glyphs: "),
        ("[keys]\nzoom = 's'", "keys.zoom: s is that of 'Save'"),
        ("[keys]\nzoom = 'tab'", "keys.zoom: tab is taken"),
        ("[keys]\nzoooom = 'x'", "keys.zoooom: no such action"),
        ("[keys]\nzoom = ''", "keys.zoom: '' names no key"),
        ("theme =", "settings.toml: "),
    ],
)
def test_what_is_wrong_is_told_by_file_key_and_reason(text: str, said: str) -> None:
    settings_file().parent.mkdir(parents=True)
    settings_file().write_text(text)
    with pytest.raises(UsageError) as error:
        load_settings(settings_file())
    assert str(settings_file()) in error.value.message
    assert said in error.value.message


def test_a_theme_that_is_not_there_keeps_the_screen_from_opening(build: Any, stage: Any) -> None:
    save_settings(Settings(theme="neon"), settings_file())
    with pytest.raises(UsageError, match="no theme is named 'neon'"):
        build(stage.FakeSession())


def test_settings_are_read_back_as_they_were_saved() -> None:
    chosen = Settings(theme="light", glyphs="ascii", refresh=2, keys={"zoom": "f5,ctrl+z"})
    save_settings(chosen, settings_file())
    assert "theme" in settings_file().read_text()
    assert with_keys({"zoom": "f5"})["zoom"].shown == "F5"
    assert [path.name for path in settings_file().parent.iterdir()] == ["settings.toml"]


def test_keys_are_shown_in_few_cells() -> None:
    assert [shown_as(keys) for keys in ("z", "f5", "ctrl+s", "comma", "enter,x")] == [
        "z", "F5", "Ctrl+S", ",", "Enter",
    ]  # fmt: skip
