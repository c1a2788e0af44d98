"""The screen as a picture, three sizes in two themes; `pytest --snapshot-update` accepts a change."""

import re
from typing import Any

import pytest

SIZES = [(80, 24), (120, 36), (200, 50)]
_FONTS = re.compile(r"@font-face \{.*?\}", re.DOTALL)
"""Addresses of fonts elsewhere; they have no place in a test."""


@pytest.mark.parametrize("theme", ["dark", "light"])
@pytest.mark.parametrize("size", SIZES, ids=["80x24", "120x36", "200x50"])
def test_a_run_looks_as_it_did(
    snap_compare: Any, build: Any, stage: Any, theme: str, size: tuple[int, int]
) -> None:
    assert_looks_as_it_did(snap_compare, build(stage.FakeSession(stage.running_view())), stage, theme, size)


@pytest.mark.parametrize("theme", ["dark", "light"])
def test_the_first_screen_looks_as_it_did(snap_compare: Any, build: Any, stage: Any, theme: str) -> None:
    assert_looks_as_it_did(snap_compare, build(stage.FakeSession()), stage, theme, (80, 24))


def assert_looks_as_it_did(
    snap_compare: Any, app: Any, stage: Any, theme: str, size: tuple[int, int]
) -> None:
    draw = app.export_screenshot
    app.export_screenshot = lambda **options: _FONTS.sub("", draw(**options))

    async def open_up(pilot: Any) -> None:
        app.theme = theme
        while app.feed.session is None:
            await pilot.pause()
        await stage.look(pilot)

    assert snap_compare(app, terminal_size=size, run_before=open_up)
