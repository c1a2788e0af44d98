"""What keys do to the session: start, stop, caps, consent, save, test, mark, endpoint, quit."""

from typing import Any

import pytest
from msgspec.structs import replace

from llmprobe.core.errors import EndpointError, LocalError, UsageError
from llmprobe.core.load import Load
from llmprobe.core.scenario import Endpoint, Scenario
from llmprobe.session.view import State

pytestmark = pytest.mark.anyio


async def test_space_starts_stops_and_again_stops_now(build: Any, stage: Any) -> None:
    session = stage.FakeSession()
    async with stage.running(build(session)) as pilot:
        assert "space Start" in stage.text_of(pilot.app)
        await pilot.press("space")
        await stage.look(pilot)
        assert "▶ RUNNING" in stage.text_of(pilot.app)
        assert "space Stop " in stage.text_of(pilot.app)
        await pilot.press("space")
        await stage.look(pilot)
        assert "◌ DRAINING" in stage.text_of(pilot.app)
        assert "space Stop now" in stage.text_of(pilot.app)
        await pilot.press("space")
        await stage.look(pilot)
        assert session.named("stop") == [(False,), (True,)]
        assert "■ STOPPED" in stage.text_of(pilot.app)
        await pilot.press("space")
        await stage.look(pilot)
        assert len(session.named("start")) == 2


async def test_a_run_that_may_cost_money_is_agreed_to_once(build: Any, stage: Any) -> None:
    session = stage.FakeSession(consent="This sends at most 500 requests to api.example.org.")
    async with stage.running(build(session, autostart=True)) as pilot:
        assert not session.named("start")
        await pilot.press("space")
        await stage.look(pilot)
        assert "at most 500 requests to api.example.org" in stage.text_of(pilot.app)
        await pilot.press("escape")
        assert not session.named("start")
        await pilot.press("space", "y")
        await stage.look(pilot)
        assert len(session.named("start")) == 1
        session.seen = replace(session.seen, state=State.STOPPED)
        await pilot.press("space")
        await stage.look(pilot)
        assert len(session.named("start")) == 2


async def test_the_built_in_endpoint_opens_running(build: Any, stage: Any) -> None:
    session = stage.FakeSession()
    async with stage.running(build(session, autostart=True)) as pilot:
        assert len(session.named("start")) == 1
        assert "4 users" in stage.text_of(pilot.app)


async def test_a_reached_cap_is_raised_by_space_and_only_that_one(build: Any, stage: Any) -> None:
    view = stage.running_view(state=State.CAPPED, max_requests=500, spent_requests=500, max_usd=1.0)
    session = stage.FakeSession(view)
    async with stage.running(build(session)) as pilot:
        assert "$ CAPPED" in stage.text_of(pilot.app)
        # Of what may be done at a cap, raising it and saving come first.
        assert "space Raise cap  s Save" in stage.text_of(pilot.app)
        await pilot.press("space")
        await stage.look(pilot)
        assert "500 requests were sent. Raise the cap to 1000?" in stage.text_of(pilot.app)
        await pilot.press("enter")
        await stage.look(pilot)
        assert session.named("raise_caps") == [(1000, 1.0)]
        session.seen = replace(session.seen, state=State.CAPPED, max_requests=None, max_usd=2.0)
        await pilot.press("space", "y")
        await stage.look(pilot)
        assert session.named("raise_caps")[-1] == (None, 4.0)


async def test_a_failed_session_is_not_started_by_space(build: Any, stage: Any) -> None:
    session = stage.FakeSession(stage.running_view(state=State.FAILED, note="the disk is full"))
    async with stage.running(build(session)) as pilot:
        assert "✖ FAILED" in stage.text_of(pilot.app)
        assert "the disk is full" in stage.text_of(pilot.app)
        assert "space" not in stage.text_of(pilot.app)
        await pilot.press("space")
        assert not session.named("start")


async def test_save_shows_the_file_and_the_command_and_copies_it(build: Any, stage: Any) -> None:
    session = stage.FakeSession(stage.running_view())
    async with stage.running(build(session)) as pilot:
        await pilot.press("s")
        await stage.look(pilot)
        assert "writes ./evening.toml" in stage.text_of(pilot.app)
        await pilot.press("end", "2", "enter")
        await stage.look(pilot)
        assert session.named("save") == [("evening2", None)]
        shown = stage.text_of(pilot.app)
        assert "✓ saved evening2.toml" in shown
        assert "llmprobe run evening2.toml" in shown
        await pilot.press("y")
        assert pilot.app.clipboard == "llmprobe run evening2.toml"
        await pilot.press("enter")
        await stage.look(pilot)
        assert "saved" not in stage.text_of(pilot.app)


async def test_a_name_that_exists_already_is_told_and_another_can_be_typed(build: Any, stage: Any) -> None:
    session = stage.FakeSession(stage.running_view())
    session.fails["save"] = UsageError("evening.toml exists already; choose another name")
    async with stage.running(build(session)) as pilot:
        await pilot.press("s", "enter")
        await stage.look(pilot)
        assert "choose another name" in stage.text_of(pilot.app)
        session.fails.clear()
        await pilot.press("end", "x", "enter")
        await stage.look(pilot)
        assert "✓ saved eveningx.toml" in stage.text_of(pilot.app)


async def test_one_request_shows_what_was_asked_and_what_came_back(build: Any, stage: Any) -> None:
    session = stage.FakeSession()
    async with stage.running(build(session)) as pilot:
        await pilot.press("t")
        await stage.look(pilot)
        shown = stage.text_of(pilot.app)
        for part in (
            "POST http://127.0.0.1:8000/v1/chat/completions",
            "✓ ok · status 200",
            "TTFT 312 ms",
            "Tides.",
        ):
            assert part in shown
        await pilot.press("escape")
        assert not session.named("start")


async def test_a_request_that_finds_nobody_is_told_in_a_sentence(build: Any, stage: Any) -> None:
    session = stage.FakeSession()
    session.fails["test"] = EndpointError("nothing listens at 127.0.0.1:8000 (connection refused)")
    async with stage.running(build(session)) as pilot:
        await pilot.press("t")
        await stage.look(pilot)
        assert "✖ nothing listens at 127.0.0.1:8000" in stage.text_of(pilot.app)


async def test_a_mark_reaches_the_session_and_the_events(build: Any, stage: Any) -> None:
    session = stage.FakeSession(stage.running_view())
    async with stage.running(build(session), (120, 36)) as pilot:
        await pilot.press("m", *"cold start", "enter")
        await stage.look(pilot)
        assert session.named("mark") == [("cold start",)]
        assert "mark: cold start" in stage.text_of(pilot.app)


async def test_another_endpoint_closes_this_session_and_opens_the_next(build: Any, stage: Any) -> None:
    first, second = stage.FakeSession(stage.running_view()), stage.FakeSession()
    async with stage.running(build(first, second)) as pilot:
        await pilot.press("e")
        await stage.look(pilot)
        assert "http://127.0.0.1:8000/v1" in stage.text_of(pilot.app)
        await pilot.press("tab", "x", "enter")
        await stage.look(pilot)
        await stage.look(pilot)
        assert first.named("close") == [()]
        assert pilot.app.feed.session is second
        assert second.seen.scenario.endpoint.model == "llama-3-8bx"
        assert "■ IDLE" in stage.text_of(pilot.app)


async def test_an_endpoint_that_is_none_is_told_while_it_is_typed(build: Any, stage: Any) -> None:
    session = stage.FakeSession()
    async with stage.running(build(session)) as pilot:
        await pilot.press("e", "home", "x", "enter")
        await stage.look(pilot)
        assert "is not an URL; write it as" in stage.text_of(pilot.app)
        await pilot.press("escape")
        assert not session.named("close")


async def test_the_same_endpoint_stays_open(build: Any, stage: Any) -> None:
    session = stage.FakeSession()
    async with stage.running(build(session)) as pilot:
        await pilot.press("e", "enter")
        await stage.look(pilot)
        assert not session.named("close")


async def test_an_endpoint_that_does_not_open_is_told_and_can_be_changed(build: Any, stage: Any) -> None:
    session = stage.FakeSession()
    app = build(EndpointError("nothing answers at http://127.0.0.1:8000/v1; start the server"), session)
    async with stage.running(app) as pilot:
        assert "✖ NOT OPEN" in stage.text_of(app)
        assert "✖ nothing answers at http://127.0.0.1:8000/v1" in stage.text_of(app)
        for key in ("space", "t", "s", "m"):
            await pilot.press(key)
        assert len(app.screen_stack) == 1
        await pilot.press("e", "enter")
        await stage.look(pilot)
        assert "■ IDLE" in stage.text_of(app)
        assert "nothing answers" not in stage.text_of(app)


async def test_what_fails_is_said_for_a_while(build: Any, stage: Any) -> None:
    session = stage.FakeSession()
    session.fails["start"] = LocalError("no worker process could be started")
    async with stage.running(build(session)) as pilot:
        await pilot.press("space")
        await stage.look(pilot)
        assert "✖ no worker process could be started" in stage.text_of(pilot.app)


async def test_quitting_asks_while_it_runs_and_q_again_means_yes(build: Any, stage: Any) -> None:
    session = stage.FakeSession(stage.running_view())
    app = build(session)
    async with stage.running(app) as pilot:
        await pilot.press("q")
        await stage.look(pilot)
        assert "Stop now and quit? 61 requests in flight are cancelled" in stage.text_of(app)
        await pilot.press("escape")
        assert not session.named("close")
        await pilot.press("q", "q")
        await pilot.pause()
    assert session.named("close") == [()]
    assert app.return_value == 0


@pytest.mark.parametrize("state", [State.IDLE, State.STOPPED, State.FAILED])
async def test_quitting_does_not_ask_when_nothing_is_lost(build: Any, stage: Any, state: State) -> None:
    session = stage.FakeSession(replace(stage.IDLE, state=state))
    app = build(session)
    async with stage.running(app) as pilot:
        await pilot.press("q")
        await pilot.pause()
    assert session.named("close") == [()]
    assert app.return_value == 0


@pytest.mark.parametrize("error", [EndpointError("no"), LocalError("no"), UsageError("no")])
async def test_a_probe_that_never_opened_has_the_exit_code_of_its_error(
    build: Any, stage: Any, error: Any
) -> None:
    app = build(error)
    async with stage.running(app) as pilot:
        await pilot.press("q")
        await pilot.pause()
    assert app.return_value == error.exit_code


async def test_ctrl_c_leaves_at_once_from_anywhere_and_closes_the_session(build: Any, stage: Any) -> None:
    session = stage.FakeSession(stage.running_view())
    app = build(session)
    async with stage.running(app) as pilot:
        await pilot.press("s", "ctrl+c")
        await pilot.pause()
    assert session.named("close") == [()]
    assert app.return_value == 130


async def test_a_trouble_at_the_end_is_not_swallowed(build: Any, stage: Any) -> None:
    session = stage.FakeSession()
    session.fails["close"] = LocalError("the disk is full: result.json is not written")
    app = build(session)
    async with stage.running(app) as pilot:
        await pilot.press("q")
        await pilot.pause()
    assert app.return_value == LocalError.exit_code


async def test_the_load_of_a_scenario_is_shown_before_it_starts(build: Any, stage: Any) -> None:
    from llmprobe.core.load import Stage as LoadStage

    stages = (LoadStage(to=12, hold_s=10), LoadStage(to=24, hold_s=10))
    scenario = Scenario(endpoint=Endpoint(url="sim"), load=Load(stages=stages, max_users=64))
    async with stage.running(build(stage.FakeSession(), scenario=scenario)) as pilot:
        shown = stage.text_of(pilot.app)
        assert "12 users" in shown
        assert "by plan" in shown
        assert "start with 12 users" in shown
