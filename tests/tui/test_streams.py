"""Streams: only rows in sight travel; the log, its filter, and a text in full."""

from typing import Any

import pytest
from msgspec.structs import replace

from llmprobe.tui.wording import NONE_YET

pytestmark = pytest.mark.anyio


def with_log(stage: Any, newest: int) -> Any:
    view = stage.running_view()
    log = tuple(stage.finished(index) for index in range(newest, 0, -1))
    return replace(view, snapshot=replace(view.snapshot, log=log))


async def test_only_rows_in_sight_are_asked_for(build: Any, stage: Any) -> None:
    session = stage.FakeSession(stage.running_view())
    async with stage.running(build(session)) as pilot:
        (watch,) = session.named("watch")[-1]
        assert (watch.first_row, watch.rows, watch.follow, watch.log) == (0, 11, None, True)
        await pilot.press("end")
        await stage.look(pilot)
        (watch,) = session.named("watch")[-1]
        assert (watch.first_row, watch.rows) == (53, 11)
        for keys in (("v",), ("v", "3", "z")):
            await pilot.press(*keys)
            await stage.look(pilot)
            (watch,) = session.named("watch")[-1]
            assert watch.rows == 0


async def test_a_larger_screen_asks_for_more(build: Any, stage: Any) -> None:
    session = stage.FakeSession(stage.running_view())
    async with stage.running(build(session)) as pilot:
        await pilot.resize_terminal(120, 36)
        await stage.look(pilot)
        (watch,) = session.named("watch")[-1]
        assert watch.rows > 18


async def test_live_rows_show_state_figures_and_the_newest_words(build: Any, stage: Any) -> None:
    async with stage.running(build(stage.FakeSession(stage.running_view())), (120, 36)) as pilot:
        shown = stage.text_of(pilot.app)
        assert "▸    0  .29s     12  …" in shown
        assert f"◌    3     {NONE_YET}      {NONE_YET}  waiting for the first token" in shown
        assert f"↺    6     {NONE_YET}      {NONE_YET}  backing off" in shown
        assert "users 0 to 20 of 64" in shown


async def test_enter_follows_a_stream_with_all_the_room_and_escape_comes_back(build: Any, stage: Any) -> None:
    session = stage.FakeSession(stage.running_view())
    async with stage.running(build(session)) as pilot:
        await pilot.press("down", "down", "enter")
        await stage.look(pilot)
        (watch,) = session.named("watch")[-1]
        assert watch.follow == 2
        assert "user 2: waiting to hear from it" in stage.text_of(pilot.app)
        session.seen = stage.running_view(watch=watch)
        await stage.look(pilot)
        shown = stage.text_of(pilot.app)
        assert "▸ streaming user 2 · TTFT" in shown
        assert "report the three largest" in " ".join(shown.split())
        assert "4 users" in shown.split("\n")[2]
        await pilot.press("escape")
        await stage.look(pilot)
        (watch,) = session.named("watch")[-1]
        assert watch.follow is None
        assert "3 Capacity" in stage.text_of(pilot.app)


async def test_a_followed_text_stays_at_its_end_until_one_scrolls_up(build: Any, stage: Any) -> None:
    session = stage.FakeSession(stage.running_view())

    def saying(last: int) -> Any:
        words = "\n".join(f"line {number}" for number in range(last + 1))
        return stage.running_view(followed=None) if last < 0 else _followed(stage, words)

    async with stage.running(build(session)) as pilot:
        await pilot.press("enter")
        session.seen = saying(40)
        await stage.look(pilot)
        assert "line 40" in stage.text_of(pilot.app)
        await pilot.press("up", "up")
        session.seen = saying(60)
        await stage.look(pilot)
        shown = stage.text_of(pilot.app)
        assert "line 38" in shown
        assert "line 60" not in shown
        await pilot.press("end")
        session.seen = saying(70)
        await stage.look(pilot)
        assert "line 70" in stage.text_of(pilot.app)


def _followed(stage: Any, words: str) -> Any:
    view = stage.running_view()
    return replace(view, snapshot=replace(view.snapshot, followed=replace(stage.row(0), tail=words)))


async def test_the_log_shows_outcome_figures_and_text(build: Any, stage: Any) -> None:
    async with stage.running(build(stage.FakeSession(with_log(stage, 400))), (120, 36)) as pilot:
        await pilot.press("v", "z")
        await stage.look(pilot)
        shown = stage.text_of(pilot.app)
        assert "400 finished" in shown
        assert "✖ 429" in shown
        assert "Rate limit reached for requests" in shown
        assert "21ms   5.6s    256" in shown


async def test_a_finished_one_opens_in_full(build: Any, stage: Any) -> None:
    async with stage.running(build(stage.FakeSession(with_log(stage, 400)))) as pilot:
        await pilot.press("v", *["down"] * 8, "enter")
        await stage.look(pilot)
        shown = stage.text_of(pilot.app)
        assert "✖ rate_limited 429 · user 8 of 64" in shown
        assert "retry after 2.00 s" in shown
        assert "Rate limit reached for requests" in shown


async def test_a_reader_of_the_log_stays_with_his_entry_when_others_arrive(build: Any, stage: Any) -> None:
    session = stage.FakeSession(with_log(stage, 400))
    async with stage.running(build(session)) as pilot:
        streams = pilot.app.probe.streams
        await pilot.press("v")
        session.seen = with_log(stage, 410)
        await stage.look(pilot)
        assert streams.record.entries[streams.record.roll.cursor].index == 410
        await pilot.press("down", "down", "down")
        session.seen = with_log(stage, 450)
        await stage.look(pilot)
        assert streams.record.entries[streams.record.roll.cursor].index == 407


async def test_the_filter_takes_outcome_and_text_and_every_key(build: Any, stage: Any) -> None:
    session = stage.FakeSession(with_log(stage, 400))
    async with stage.running(build(session)) as pilot:
        await pilot.press("/", *"429 q", "backspace")
        await stage.look(pilot)
        assert "/429 ▏" in stage.text_of(pilot.app)
        assert "44 finished" in stage.text_of(pilot.app)
        assert not session.named("stop")
        await pilot.press("enter")
        await stage.look(pilot)
        assert "▏" not in stage.text_of(pilot.app)
        await pilot.press("/", *" nothing like it")
        await stage.look(pilot)
        assert "nothing matches" in stage.text_of(pilot.app)
        await pilot.press("escape")
        await stage.look(pilot)
        assert "400 finished" in stage.text_of(pilot.app)


async def test_the_mouse_chooses_opens_and_scrolls(build: Any, stage: Any) -> None:
    from textual.events import MouseScrollDown

    session = stage.FakeSession(stage.running_view())
    async with stage.running(build(session)) as pilot:
        streams = pilot.app.probe.streams
        await pilot.click("#streams", offset=(5, 5))
        assert streams.live.roll.cursor == 3
        await pilot._post_mouse_events([MouseScrollDown], "#streams", offset=(5, 5))
        await pilot.pause()
        assert streams.live.roll.first == 3
        await pilot.click("#streams", offset=(5, 5), times=2)
        await pilot.pause()
        assert streams.reading


async def test_nothing_to_open_offers_nothing(build: Any, stage: Any) -> None:
    async with stage.running(build(stage.FakeSession())) as pilot:
        assert "Follow" not in stage.text_of(pilot.app)
        await pilot.press("enter")
        assert not pilot.app.probe.streams.reading


async def test_another_session_forgets_what_was_shown(build: Any, stage: Any) -> None:
    first, second = stage.FakeSession(with_log(stage, 400)), stage.FakeSession()
    async with stage.running(build(first, second)) as pilot:
        await pilot.press("v", "down", "e", "tab", "x", "enter")
        await stage.look(pilot)
        await stage.look(pilot)
        assert "finished completions appear here" in stage.text_of(pilot.app)
        assert second.named("watch")


async def test_c_copies_what_the_cursor_is_on_clean_of_controls(build: Any, stage: Any) -> None:
    view = stage.running_view()
    entry = replace(stage.finished(3), text="two\nlines \x1b[31mand a colour")
    view = replace(view, snapshot=replace(view.snapshot, log=(entry,)))
    async with stage.running(build(stage.FakeSession(view))) as pilot:
        await pilot.press("c")
        assert pilot.app.clipboard == stage.row(0).tail
        await pilot.press("v", "c")
        assert pilot.app.clipboard.startswith("two\nlines")
        assert "\x1b" not in pilot.app.clipboard
        await stage.look(pilot)
        assert "characters copied" in stage.text_of(pilot.app)
        await pilot.press("enter", "c")
        assert pilot.app.clipboard.startswith("two\nlines")
