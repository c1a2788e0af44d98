"""Panes: focus, zoom, tabs, sizes, empty states that teach, figures that say what they rest on."""

from typing import Any

import pytest
from msgspec.structs import replace

from llmprobe.core.rate_limit import Allowance, Further, RateLimit
from llmprobe.core.scenario import Endpoint, Scenario
from llmprobe.metrics.snapshot import Snapshot
from llmprobe.session.view import State
from llmprobe.tui.layout import Pane
from llmprobe.tui.panes.capacity import CapacityPane
from llmprobe.tui.screens.probe import ProbeScreen
from llmprobe.tui.wording import NONE_YET

pytestmark = pytest.mark.anyio


def shown_panes(app: Any) -> set[Pane]:
    return {pane for pane in Pane if app.probe.query_one(f"#{pane}").region.area}


async def test_a_newcomer_is_told_what_to_do_first(build: Any, stage: Any) -> None:
    async with stage.running(build(stage.FakeSession())) as pilot:
        shown = stage.text_of(pilot.app)
        for part in (
            "start with 4 users",
            "try one request first",
            "change the endpoint",
            "levels appear here",
        ):
            assert part in shown


@pytest.mark.parametrize("size", [(80, 24), (120, 36), (200, 50), (60, 20)])
async def test_every_layout_draws_without_an_error_and_fills_its_lines(
    build: Any, stage: Any, size: tuple[int, int]
) -> None:
    async with stage.running(build(stage.FakeSession(stage.running_view())), size) as pilot:
        lines = stage.text_of(pilot.app).split("\n")
        assert len(lines) == size[1]
        assert "render error" not in "".join(lines)
        assert lines[0].startswith(" ▶ RUNNING  04:12")
        assert "q Quit" in lines[-1]
        assert all(line.strip() for line in lines)


async def test_numbers_lead_to_panes_and_tab_goes_round(build: Any, stage: Any) -> None:
    async with stage.running(build(stage.FakeSession(stage.running_view())), (120, 36)) as pilot:
        for key, name in zip("23564", ("figures", "capacity", "events", "details", "streams"), strict=True):
            await pilot.press(key)
            assert pilot.app.focused.id == name
        await pilot.press("1")
        assert pilot.app.focused.id == "slider"
        for name in ("figures", "capacity", "streams", "events", "slider"):
            await pilot.press("tab")
            assert pilot.app.focused.id == name
        await pilot.press("shift+tab")
        assert pilot.app.focused.id == "events"


async def test_a_level_is_chosen_by_keys_or_by_the_mouse_and_read_in_figures(build: Any, stage: Any) -> None:
    async with stage.running(build(stage.FakeSession(stage.running_view())), (120, 36)) as pilot:
        assert "64 users: p95 0.54 s · n 412 · 90 % in 0.46 to 0.60" in stage.text_of(pilot.app)
        await pilot.press("3", "down")
        await stage.look(pilot)
        assert "48 users: p95" in stage.text_of(pilot.app)
        await pilot.press("up", "up", "up", "up")
        await stage.look(pilot)
        assert "96 users: p95 1.18 s · n 88 · errors 2.7 %" in stage.text_of(pilot.app)
        await pilot.click("CapacityPane", offset=(8, 3))
        await stage.look(pilot)
        assert "4 users: p95" in stage.text_of(pilot.app)
        await pilot.press("4")
        await stage.look(pilot)
        assert "64 users: p95" in stage.text_of(pilot.app)


@pytest.mark.parametrize("size", [(80, 24), (120, 36), (200, 50), (60, 20)])
async def test_details_tell_margins_budget_and_how_the_probe_itself_does(
    build: Any, stage: Any, size: tuple[int, int]
) -> None:
    async with stage.running(build(stage.FakeSession(stage.running_view())), size) as pilot:
        await pilot.press("6")
        await stage.look(pilot)
        shown = stage.text_of(pilot.app)
        for _ in range(40):
            await pilot.press("down")
            shown += stage.text_of(pilot.app)
        assert "p99 12 µs" in shown
        assert "timeout_stall" in shown
        await pilot.press(*["up"] * 40)
        await stage.look(pilot)
        text = stage.text_of(pilot.app)
        assert "46 % ok" in text
        assert "3.8 x over" in text
        assert "$0.84 of $5.00" in text
        await pilot.press("escape")
        await stage.look(pilot)
        assert Pane.CAPACITY in shown_panes(pilot.app) or size == (60, 20)


async def test_details_have_the_rate_limits_that_answers_tell(build: Any, stage: Any) -> None:
    view = stage.running_view()
    told = RateLimit(
        Allowance(240, 12), further=(Further("input tokens", "minute", 40_000),), source="headers"
    )
    view = replace(view, snapshot=replace(view.snapshot, rate_limit=told))
    async with stage.running(build(stage.FakeSession(view)), (200, 50)) as pilot:
        await stage.look(pilot)
        shown = stage.text_of(pilot.app)
        assert "requests      240, 12 left" in shown
        assert "input tokens  40.0k a minute" in shown


async def test_zoom_gives_one_pane_the_room_and_keeps_the_load(build: Any, stage: Any) -> None:
    async with stage.running(build(stage.FakeSession(stage.running_view()))) as pilot:
        await pilot.press("3", "z")
        await stage.look(pilot)
        assert shown_panes(pilot.app) == {Pane.LOAD, Pane.CAPACITY}
        assert "err %" in stage.text_of(pilot.app)
        await pilot.press("2")
        await stage.look(pilot)
        assert shown_panes(pilot.app) == {Pane.LOAD, Pane.FIGURES}
        await pilot.press("z")
        await stage.look(pilot)
        assert shown_panes(pilot.app) == set(Pane) - {Pane.EVENTS, Pane.DETAILS}
        await pilot.press("1", "z")
        await stage.look(pilot)
        assert shown_panes(pilot.app) == {Pane.LOAD}
        assert "users over time" in stage.text_of(pilot.app)
        await pilot.press("escape")
        await stage.look(pilot)
        assert len(shown_panes(pilot.app)) == 4


async def test_a_pane_without_a_place_of_its_own_comes_when_it_is_called(build: Any, stage: Any) -> None:
    async with stage.running(build(stage.FakeSession(stage.running_view()))) as pilot:
        await pilot.press("5")
        await stage.look(pilot)
        assert shown_panes(pilot.app) == {Pane.LOAD, Pane.EVENTS}
        await pilot.press("escape")
        await stage.look(pilot)
        assert Pane.EVENTS not in shown_panes(pilot.app)


async def test_on_a_narrow_screen_panes_take_turns(build: Any, stage: Any) -> None:
    async with stage.running(build(stage.FakeSession(stage.running_view())), (60, 20)) as pilot:
        for key, pane in (("2", Pane.FIGURES), ("3", Pane.CAPACITY), ("4", Pane.STREAMS), ("5", Pane.EVENTS)):
            await pilot.press(key)
            await stage.look(pilot)
            assert shown_panes(pilot.app) == {Pane.LOAD, pane}
        await pilot.press("tab", "tab", "tab")
        await stage.look(pilot)
        assert shown_panes(pilot.app) == {Pane.LOAD, Pane.FIGURES}
        await pilot.click("Tabs", offset=(17, 0))
        await stage.look(pilot)
        assert shown_panes(pilot.app) == {Pane.LOAD, Pane.CAPACITY}


async def test_a_terminal_too_small_says_so_and_recovers(build: Any, stage: Any) -> None:
    async with stage.running(build(stage.FakeSession(stage.running_view()))) as pilot:
        await pilot.resize_terminal(50, 15)
        await stage.look(pilot)
        shown = " ".join(stage.text_of(pilot.app).split())
        assert shown == (
            "This terminal is 50x15; llmprobe needs at least 60x20. Make it larger, or press q to quit."
        )
        for size, panes in (((60, 20), 2), ((120, 36), 5), ((80, 24), 4)):
            await pilot.resize_terminal(*size)
            await stage.look(pilot)
            assert len(shown_panes(pilot.app)) == panes
            assert pilot.app.focused is not None
            assert "render error" not in stage.text_of(pilot.app)


async def test_the_keys_in_the_footer_can_be_clicked(build: Any, stage: Any) -> None:
    session = stage.FakeSession()
    async with stage.running(build(session)) as pilot:
        footer = stage.text_of(pilot.app).split("\n")[-1]
        await pilot.click("Footer", offset=(footer.index("space"), 0))
        await stage.look(pilot)
        assert session.named("start") == [()]
        footer = stage.text_of(pilot.app).split("\n")[-1]
        await pilot.click("Footer", offset=(footer.index("+"), 0))
        await stage.look(pilot)
        assert session.named("set_load") == [(8, "users")]
        await pilot.click("Footer", offset=(footer.index("?"), 0))
        await stage.look(pilot)
        assert "Keys and terms" in stage.text_of(pilot.app)


async def test_help_tells_keys_and_terms_to_the_end(build: Any, stage: Any) -> None:
    async with stage.running(build(stage.FakeSession())) as pilot:
        await pilot.press("?")
        await stage.look(pilot)
        assert "Start or stop the load" in stage.text_of(pilot.app)
        await pilot.press("end")
        await stage.look(pilot)
        assert "in flight in a worker process that died" in stage.text_of(pilot.app)
        await pilot.press("q")
        await pilot.pause()
        assert isinstance(pilot.app.screen, ProbeScreen)


async def test_the_palette_lists_every_action_and_the_themes(build: Any, stage: Any) -> None:
    app = build(stage.FakeSession())
    async with stage.running(app) as pilot:
        titles = {command.title for command in app.get_system_commands(app.screen)}
        assert "Send one request outside the run and show what comes back" in titles
        assert {"Theme: dark", "Theme: light", "Theme: high-contrast"} <= titles
        await pilot.press("ctrl+p", *"light", "enter", "enter")
        await pilot.pause()
        assert app.theme == "light"


async def test_a_percentile_without_samples_says_too_few(build: Any, stage: Any) -> None:
    view = stage.running_view()
    for n, said in ((89, "p50 .41 95 .54 too few"), (9, "p50 .41 too few"), (1, "too few"), (0, NONE_YET)):
        few = replace(view, snapshot=replace(view.snapshot, ttft=stage.percentiles(0.412, n)))
        async with stage.running(build(stage.FakeSession(few))) as pilot:
            line = stage.text_of(pilot.app).split("\n")[6]
            assert line.split("│")[1].strip() == said


async def test_tokens_are_marked_while_chunks_stand_in_for_them(build: Any, stage: Any) -> None:
    view = stage.running_view()
    view = replace(view, snapshot=replace(view.snapshot, tokens_estimated=True))
    async with stage.running(build(stage.FakeSession(view))) as pilot:
        assert "~3200   50.0 per user" in stage.text_of(pilot.app)


async def test_thin_levels_are_hollow_and_the_one_in_force_tells_its_progress(build: Any, stage: Any) -> None:
    view = stage.running_view()
    levels = (stage.level(4, 130), stage.level(8, 12, current=True))
    view = replace(view, snapshot=replace(view.snapshot, levels=levels))
    async with stage.running(build(stage.FakeSession(view))) as pilot:
        shown = stage.text_of(pilot.app)
        assert shown.count("○") == 2
        assert "8 users: 12 of 20 answers" in shown


async def test_a_level_far_above_the_objective_is_drawn_at_the_edge(build: Any, stage: Any) -> None:
    view = stage.running_view()
    slow = replace(stage.level(16, 130, current=True), ttft=stage.percentiles(30.0, 130))
    view = replace(view, snapshot=replace(view.snapshot, levels=(stage.level(8, 130), slow)))
    async with stage.running(build(stage.FakeSession(view))) as pilot:
        assert "▲" in stage.text_of(pilot.app)


async def test_an_open_load_counts_requests_not_users(build: Any, stage: Any) -> None:
    from llmprobe.core.load import Load

    scenario = Scenario(endpoint=Endpoint(url="http://127.0.0.1:8000/v1"), load=Load(kind="rate"))
    view = stage.running_view()
    level = replace(stage.level(8, 130, current=True), users=0, rate=2.5)
    snapshot = replace(view.snapshot, levels=(level,), target=2.0, kind="rate")
    view = replace(view, kind="rate", snapshot=snapshot)
    async with stage.running(build(stage.FakeSession(view), scenario=scenario)) as pilot:
        shown = stage.text_of(pilot.app)
        assert "2 req/s" in shown
        assert "2.50 req/s: p95" in shown


async def test_the_budget_shows_what_is_capped(build: Any, stage: Any) -> None:
    requests = replace(stage.running_view(), spent_usd=None, max_usd=None, max_requests=5000)
    for view, said in (
        (stage.running_view(), "$0.84/$5.00 █░░░░░░░ 17%"),
        (requests, "1247/5000 requests ██░░░░░░ 25%"),
        (replace(requests, max_requests=None), "1247 requests"),
    ):
        async with stage.running(build(stage.FakeSession(view))) as pilot:
            assert said in stage.text_of(pilot.app)


async def test_notes_stay_and_a_lost_endpoint_says_why(build: Any, stage: Any) -> None:
    session = stage.FakeSession(stage.running_view(endpoint_down=True))
    async with stage.running(build(session)) as pilot:
        assert "↯ The endpoint can't be reached: Rate limit reached" in stage.text_of(pilot.app)
        session.seen = stage.running_view(note="worker 1 died; the others run its users now")
        await stage.look(pilot)
        assert "worker 1 died; the others run its users now" in stage.text_of(pilot.app)
        session.seen = stage.running_view()
        await stage.look(pilot)
        assert "worker 1" not in stage.text_of(pilot.app)


async def test_a_stop_counts_down_what_was_in_flight(build: Any, stage: Any) -> None:
    session = stage.FakeSession(stage.running_view())
    async with stage.running(build(session)) as pilot:
        snapshot: Snapshot = session.seen.snapshot
        for left in (61, 12):
            session.seen = replace(
                session.seen, state=State.STOPPING, snapshot=replace(snapshot, in_flight=left, target=0.0)
            )
            await stage.look(pilot)
        assert "◌ DRAINING 12/61" in stage.text_of(pilot.app)
        assert "64 users" in stage.text_of(pilot.app)


async def test_events_stay_where_a_reader_scrolled(build: Any, stage: Any) -> None:
    app = build(stage.FakeSession(stage.running_view()))
    async with stage.running(app, (120, 36)) as pilot:
        for number in range(30):
            app.feed.note("·", f"event {number}")
        await pilot.press("5", "up", "up")
        await stage.look(pilot)
        assert "event 27" in stage.text_of(app)
        app.feed.note("·", "event 30")
        await stage.look(pilot)
        assert "event 27" in stage.text_of(app)
        assert "event 30" not in stage.text_of(app)
        await pilot.press("down", "down", "down")
        await stage.look(pilot)
        assert "event 30" in stage.text_of(app)


async def test_a_picture_that_fails_says_so_and_the_run_goes_on(
    build: Any, stage: Any, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = stage.FakeSession(stage.running_view())
    async with stage.running(build(session)) as pilot:
        monkeypatch.setattr(CapacityPane, "lines", lambda *_: 1 / 0)
        pilot.app.probe.query_one(CapacityPane).redraw()
        await pilot.pause()
        assert "render error" in stage.text_of(pilot.app)
        assert "CapacityPane could not be drawn" in caplog.text
        await pilot.press("space")
        await stage.look(pilot)
        assert session.named("stop") == [(False,)]


async def test_a_pane_that_fails_at_a_sight_is_named_and_the_others_go_on(
    build: Any, stage: Any, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = stage.FakeSession(stage.running_view())
    async with stage.running(build(session)) as pilot:
        monkeypatch.setattr(CapacityPane, "show", lambda *_: 1 / 0)
        session.seen = stage.running_view(32, elapsed_s=300.0)
        await stage.look(pilot)
        assert "render error: CapacityPane" in stage.text_of(pilot.app)
        assert "05:00" in stage.text_of(pilot.app)
        assert "could not take a sight" in caplog.text


async def test_without_colour_words_and_weight_remain(
    build: Any, stage: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    app = build(stage.FakeSession(stage.running_view()))
    async with stage.running(app):
        styles = {segment.style for strip in app.screen._compositor.render_strips() for segment in strip}
        colours = {style.color.name for style in styles if style is not None and style.color is not None}
        assert colours <= {"default"}
        assert "▶ RUNNING" in stage.text_of(app)


async def test_an_ascii_terminal_gets_ascii_only(
    build: Any, stage: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LLMPROBE_ASCII", "1")
    app = build(stage.FakeSession(stage.running_view()))
    async with stage.running(app, (200, 50)) as pilot:
        assert stage.text_of(app).isascii()
        for keys in (("v",), ("?",), ("escape", "s"), ("escape", "t"), ("escape", "e")):
            await pilot.press(*keys)
            await stage.look(pilot)
            assert stage.text_of(app).isascii()
