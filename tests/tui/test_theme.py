"""Themes: the shipped ones, people's own, and what is said of a wrong one."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from textual.color import Color

from llmprobe.core.errors import UsageError
from llmprobe.core.shipped import shipped_folder
from llmprobe.tui.theme import DEFAULT, Colors, load_themes, read_theme

GOOD = (shipped_folder("themes") / "dark.toml").read_text(encoding="utf-8")


def test_a_dark_a_light_and_a_high_contrast_theme_come_along() -> None:
    themes = load_themes(shipped_folder("themes"))
    assert {DEFAULT, "light", "high-contrast"} <= set(themes)
    assert themes["dark"].dark
    assert not themes["light"].dark


@pytest.mark.parametrize(("name", "least"), [("dark", 4.5), ("light", 4.5), ("high-contrast", 7.0)])
def test_words_can_be_read_on_their_ground(name: str, least: float) -> None:
    variables = load_themes(shipped_folder("themes"))[name].variables
    ground = Color.parse(variables["background"])
    for role in set(Colors.__struct_fields__) - {"background", "surface", "faint"}:
        assert contrast(Color.parse(variables[role]), ground) >= least, role


def contrast(one: Color, other: Color) -> float:
    """WCAG 2.1."""
    bright, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (bright + 0.05) / (dark + 0.05)


def luminance(color: Color) -> float:
    def linear(channel: int) -> float:
        share = channel / 255
        return share / 12.92 if share <= 0.03928 else float(((share + 0.055) / 1.055) ** 2.4)

    return 0.2126 * linear(color.r) + 0.7152 * linear(color.g) + 0.0722 * linear(color.b)


def test_a_theme_of_ones_own_wins_by_its_name(tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text(GOOD.replace("#58c7f3", "#ff0000"))
    themes = load_themes(shipped_folder("themes"), tmp_path)
    assert themes["dark"].variables["accent"] == "#ff0000"


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('accent = "#58c7f3"', 'accent = "#58c7zz"', "colors.accent: '#58c7zz' is not a colour"),
        ('latency = "#79b8ff"\n', "", "colors: it misses `latency`"),
        ('accent = "#58c7f3"', 'acent = "#58c7f3"', "colors: unknown key `acent`"),
        ('accent = "#58c7f3"', "accent = 7", "colors.accent: Expected `str`, got `int`"),
        ('name = "dark"', 'name = "[b]\\u001b[2J"', r"name: '[b]\x1b[2J' is not a name"),
        ("dark = true", 'dark = "yes"', "dark: Expected `bool`, got `str`"),
        ('name = "dark"', 'name = "dark"\nauthor = "x"', "unknown key `author`"),
        ("[colors]", "[colors", "line "),
    ],
)
def test_a_wrong_theme_is_told_by_file_key_and_reason(tmp_path: Path, old: str, new: str, said: str) -> None:
    file = tmp_path / "mine.toml"
    file.write_text(GOOD.replace(old, new))
    with pytest.raises(UsageError) as caught:
        read_theme(file)
    assert str(file) in caught.value.message
    assert said in caught.value.message


@pytest.mark.anyio
async def test_the_palette_shows_a_theme_while_the_cursor_is_on_it(build: Any, stage: Any) -> None:
    async with stage.running(build(stage.FakeSession(stage.running_view()))) as pilot:
        app = pilot.app
        await pilot.press("ctrl+p", *"theme: light")
        await until(pilot, lambda: app.theme == "light")
        await pilot.press("escape")
        await until(pilot, lambda: app.theme == "dark")
        await pilot.press("ctrl+p", *"theme: light")
        await until(pilot, lambda: app.theme == "light")
        await pilot.press("enter")
        await until(pilot, lambda: app.screen is app.probe)
        assert (app.theme, app.settings.theme) == ("light", "light")


async def until(pilot: Any, seen: Callable[[], bool]) -> None:
    for _ in range(200):
        if seen():
            return
        await pilot.pause(0.02)
    pytest.fail(pilot.app.theme)
