"""The slider: a logarithmic scale, messages for a person's acts only, a drag that doesn't flood."""

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from textual.events import MouseScrollUp

from llmprobe.tui.widgets.slider import Slider, cell_of, value_at

pytestmark = pytest.mark.anyio


@given(st.integers(2, 100_000), st.integers(2, 300))
def test_both_ends_of_the_track_are_exact(maximum: int, cells: int) -> None:
    assert cell_of(1, 1, maximum, cells) == 0
    assert cell_of(maximum, 1, maximum, cells) == cells - 1
    assert value_at(0, 1, maximum, cells) == 1
    assert value_at(cells - 1, 1, maximum, cells) == maximum


@given(st.integers(2, 5000), st.integers(2, 200), st.integers(0, 400))
def test_a_clicked_cell_gives_a_value_that_is_drawn_near_it(maximum: int, cells: int, cell: int) -> None:
    value = value_at(cell, 1, maximum, cells)
    assert 1 <= value <= maximum
    if cell < cells and maximum > cells * 10:
        assert abs(cell_of(value, 1, maximum, cells) - cell) <= max(1, cells // 10)


def test_a_doubling_is_the_same_way_everywhere() -> None:
    places = [cell_of(2**power, 1, 256, 81) for power in range(9)]
    assert places == [0, 10, 20, 30, 40, 50, 60, 70, 80]


def test_a_scale_without_room_stays_at_its_start() -> None:
    assert cell_of(5, 1, 1, 40) == 0
    assert value_at(3, 1, 1, 40) == 1
    assert value_at(0, 1, 256, 1) == 1


@pytest.mark.parametrize(
    ("keys", "value"),
    [
        ("right", 5), ("left", 3), ("l", 5), ("h", 3), ("+", 8), ("]", 8), ("pageup", 8), ("=", 8),
        ("-", 2), ("[", 2), ("pagedown", 2),
    ],
)  # fmt: skip
async def test_every_key_of_the_hand_moves_the_load_from_any_pane(
    build: Any, stage: Any, keys: str, value: int
) -> None:
    session = stage.FakeSession()
    async with stage.running(build(session)) as pilot:
        await pilot.press(keys)
        await stage.look(pilot)
        assert session.named("set_load") == [(value, "users")]
        assert f"{value} users" in stage.text_of(pilot.app)


async def test_home_goes_to_one_user_and_the_end_asks_first(build: Any, stage: Any) -> None:
    session = stage.FakeSession()
    async with stage.running(build(session)) as pilot:
        await pilot.press("3", "home")
        await stage.look(pilot)
        assert session.named("set_load") == [(1, "users")]
        await pilot.press("end")
        await stage.look(pilot)
        assert "Go from 1 to 256 users at once?" in stage.text_of(pilot.app)
        await pilot.press("escape", "end", "enter")
        await stage.look(pilot)
        assert session.named("set_load") == [(1, "users"), (256, "users")]


async def test_a_typed_number_counts_with_enter_while_the_slider_has_the_focus(
    build: Any, stage: Any
) -> None:
    session = stage.FakeSession()
    async with stage.running(build(session)) as pilot:
        await pilot.press("1", "4", "9", "backspace", "8")
        await stage.look(pilot)
        assert "48▏Enter" in stage.text_of(pilot.app)
        assert not session.named("set_load")
        await pilot.press("enter")
        await stage.look(pilot)
        assert session.named("set_load") == [(48, "users")]
        await pilot.press("7", "escape", "9", "9", "9", "9", "enter")
        await stage.look(pilot)
        assert session.named("set_load") == [(48, "users"), (256, "users")]


async def test_the_ends_of_the_scale_hold(build: Any, stage: Any) -> None:
    session = stage.FakeSession()
    async with stage.running(build(session)) as pilot:
        await pilot.press("-", "-", "-", "-", "left")
        await stage.look(pilot)
        assert session.named("set_load")[-1] == (1, "users")
        assert pilot.app.probe.load.slider.value == 1


async def test_a_load_that_something_else_sets_sends_no_echo(build: Any, stage: Any) -> None:
    session = stage.FakeSession(stage.running_view(64))
    async with stage.running(build(session)) as pilot:
        session.seen = stage.running_view(32)
        await stage.look(pilot)
        assert pilot.app.probe.load.slider.value == 32
        assert not session.named("set_load")


async def test_a_click_jumps_and_the_wheel_does_nothing(build: Any, stage: Any) -> None:
    session = stage.FakeSession()
    async with stage.running(build(session)) as pilot:
        slider = pilot.app.probe.load.slider
        await pilot._post_mouse_events([MouseScrollUp], slider, offset=(5, 0))
        await pilot.pause()
        assert not session.named("set_load")
        await pilot.click(slider, offset=(0, 0))
        await stage.look(pilot)
        assert session.named("set_load") == [(1, "users")]


async def test_a_drag_sends_one_change_a_pause_and_the_last_place(
    build: Any, stage: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    pauses: list[Any] = []

    def pause(_: Slider, seconds: float, ended: Any) -> Any:
        pauses.append(ended)
        return SimpleNamespace(stop=lambda: None)

    monkeypatch.setattr(Slider, "set_timer", pause)
    session = stage.FakeSession()
    async with stage.running(build(session)) as pilot:
        slider = pilot.app.probe.load.slider
        await pilot.mouse_down(slider, offset=(1, 0))
        places = [slider.value]
        for last in (20, 30, 40):
            for cell in range(last - 10, last):
                await pilot.hover(slider, offset=(cell, 0))
            places.append(slider.value)
            if last < 40:
                pauses[-1]()
        await pilot.mouse_up(slider, offset=(39, 0))
        await stage.look(pilot)
        assert places == sorted(set(places))
        assert session.named("set_load") == [(place, "users") for place in places]


async def test_the_ghost_marks_where_something_else_would_go(build: Any, stage: Any) -> None:
    session = stage.FakeSession(stage.running_view(16))
    async with stage.running(build(session)) as pilot:
        await session.arm()
        await stage.look(pilot)
        shown = stage.text_of(pilot.app)
        assert shown.count("◇") > shown.count("◇ autopilot")


async def test_a_slow_session_gets_the_newest_load_not_all_of_them(build: Any, stage: Any) -> None:
    session = stage.FakeSession()
    gate = asyncio.Event()
    plain = session.set_load

    async def slow(load: float, kind: str, /) -> None:
        await gate.wait()
        await plain(load, kind)

    session.set_load = slow
    async with stage.running(build(session)) as pilot:
        await pilot.press("right", "right", "right", "right")
        gate.set()
        await stage.look(pilot)
        assert session.named("set_load") == [(5, "users"), (8, "users")]


async def test_the_load_turns_to_a_rate_and_back_by_key_and_by_mouse(build: Any, stage: Any) -> None:
    session = stage.FakeSession(stage.running_view(64))
    app = build(session)
    async with stage.running(app) as pilot:
        slider = app.probe.load.slider
        await pilot.press("u")
        await stage.look(pilot)
        assert "8.9 req/s" in stage.text_of(app)
        assert "open load" in stage.text_of(app)
        await pilot.press("right", "+", "-", "1", "2", "full_stop", "5", "enter")
        await stage.look(pilot)
        sent = session.named("set_load")
        assert (sent[0], sent[-1]) == ((8.9, "rate"), (2.5, "rate"))
        assert "levels appear here" in stage.text_of(app)
        await pilot.click(slider, offset=(slider.size.width - 3, 0))
        await stage.look(pilot)
        assert session.named("set_load")[-1] == (session.seen.snapshot.in_flight, "users")
        assert "users" in stage.text_of(app).split("\n")[2]


async def test_a_rate_has_parts_and_an_end_of_its_own(build: Any, stage: Any) -> None:
    session = stage.FakeSession()
    async with stage.running(build(session)) as pilot:
        await pilot.press("u", "3", "home")
        await stage.look(pilot)
        assert session.seen.snapshot.target == 0.1
        await pilot.press("right", "right", "+")
        await stage.look(pilot)
        assert session.seen.snapshot.target == 0.6
        await pilot.press("minus", "minus")
        await stage.look(pilot)
        assert session.seen.snapshot.target == 0.1


@given(st.integers(1, 5000), st.integers(2, 200), st.integers(0, 400))
def test_a_place_on_the_track_of_a_rate_is_a_whole_number_of_tenths(
    maximum: int, cells: int, cell: int
) -> None:
    value = value_at(cell, 0.1, maximum, cells)
    assert 0.1 <= value <= maximum
    assert value == round(value, 1)
