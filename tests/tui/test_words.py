"""Numbers, states, goals, events and layouts in words: the pure parts of the screen."""

from typing import Any

import pytest
from msgspec.structs import replace

from llmprobe.core.errors import UsageError
from llmprobe.core.outcome import Outcome
from llmprobe.core.scenario import Endpoint, Scenario
from llmprobe.core.slo import parse_slos
from llmprobe.metrics.snapshot import LevelFigures, Percentiles
from llmprobe.session.search import Searching
from llmprobe.session.view import State
from llmprobe.tui.chronicle import happenings
from llmprobe.tui.edit import edited
from llmprobe.tui.goals import bound_of, goals
from llmprobe.tui.keys import BY_ACTION, KEYS
from llmprobe.tui.layout import Pane, visible_panes
from llmprobe.tui.wording import clock, count, figure, percent, place, state_of, tight


@pytest.mark.parametrize(
    ("value", "said"),
    [(0.001, "0"), (0.62, ".62"), (0.994, ".99"), (0.999, "1.0"), (1.24, "1.2"), (9.96, "10"),
     (140, "140"), (5000, "999")],
)  # fmt: skip
def test_tight_numbers_take_three_cells(value: float, said: str) -> None:
    assert tight(value) == said


def test_numbers_are_short() -> None:
    assert [figure(0.624), figure(12.34), figure(140.2)] == ["0.62", "12.3", "140"]
    assert [count(3202), count(12_340), count(1_200_000)] == ["3202", "12.3k", "1.20M"]
    assert [percent(0), percent(0.027), percent(0.41)] == ["0", "2.7", "41"]
    assert [clock(252), clock(3852)] == ["04:12", "1:04:12"]


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("sim:small-gpu?speed=10", "sim:small-gpu?speed=10"),
        ("https://api.example.org/v1", "api.example.org"),
        ("http://127.0.0.1:8000/v1", "127.0.0.1:8000"),
        ("https://user:secret@api.example.org/v1", "api.example.org"),
    ],
)
def test_a_place_is_a_host_never_a_secret(stage: Any, url: str, said: str) -> None:
    view = replace(stage.IDLE, scenario=Scenario(endpoint=Endpoint(url=url)))
    assert place(view) == said


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"state": State.IDLE}, "■ IDLE"),
        ({}, "▶ RUNNING"),
        ({"stale_s": 3.2}, "▶ STALE 3 s"),
        ({"endpoint_down": True}, "↯ ENDPOINT DOWN"),
        ({"state": State.STOPPING}, "◌ DRAINING 61/64"),
        ({"state": State.STOPPED}, "■ STOPPED"),
        ({"state": State.CAPPED}, "$ CAPPED"),
        ({"state": State.FAILED}, "✖ FAILED"),
        ({"state": State.CLOSED}, "■ CLOSED"),
    ],
)
def test_every_state_is_a_glyph_and_a_word(stage: Any, changes: dict[str, Any], said: str) -> None:
    glyph, words, _ = state_of(stage.running_view(**changes), draining_of=64)
    assert f"{glyph} {words}" == said


def test_goals_follow_the_clock_of_a_fast_simulator(stage: Any) -> None:
    view = replace(stage.running_view(), scenario=Scenario(endpoint=Endpoint(url="sim:small-gpu?speed=10")))
    ttft, tpot, errors = goals(view)
    assert ttft.slo.bound == pytest.approx(0.1)
    assert (ttft.met, tpot.met, errors.met) == (False, False, False)


def test_a_goal_without_samples_is_neither_kept_nor_missed(stage: Any) -> None:
    assert [goal.met for goal in goals(stage.IDLE)] == [None, None, None]


def test_a_goal_relative_to_one_user_is_open_until_that_one_was_measured(stage: Any) -> None:
    view = stage.running_view()
    view = replace(view, scenario=replace(view.scenario, slo=parse_slos(["p95 ttft < 3x idle"])))
    (unknown,) = goals(view)
    assert (unknown.met, unknown.margin, bound_of(view, "ttft")) == (None, "no idle yet", None)
    searched = replace(view, search=Searching("knee", True, "", idle={"ttft": 1.5}))
    (known,) = goals(searched)
    assert (str(known.slo), known.met) == ("p95 ttft < 3x idle = 4.5s", True)
    alone = LevelFigures(1, None, 9, 0, 20.0, Percentiles(n=9, p50=0.1), Percentiles(), None, None, None)
    by_hand = replace(view, snapshot=replace(view.snapshot, levels=(alone,)))
    assert bound_of(by_hand, "ttft") == 0.3
    assert goals(by_hand)[0].met is False


def test_events_tell_load_states_and_first_failures_once(stage: Any) -> None:
    before = stage.running_view(32)
    snapshot = replace(
        before.snapshot,
        target=64.0,
        outcomes=before.snapshot.outcomes | {Outcome.SERVER_ERROR: 2},
        last_error="boom",
    )
    after = replace(before, snapshot=snapshot, note="a worker died")
    assert [event.text for event in happenings(before, after)] == [
        "a worker died",
        "64 users",
        "first server_error: boom",
    ]
    assert happenings(after, after) == []
    stopping = replace(after, state=State.STOPPING, snapshot=replace(snapshot, target=0.0))
    assert [event.glyph for event in happenings(after, stopping)] == ["◌"]


def test_the_first_look_tells_nothing(stage: Any) -> None:
    assert happenings(None, stage.running_view()) == []


def test_layouts_by_size() -> None:
    everything = frozenset(Pane)
    assert visible_panes(59, 24, Pane.STREAMS, zoomed=None) == frozenset()
    assert visible_panes(60, 20, Pane.STREAMS, zoomed=None) == {Pane.LOAD, Pane.STREAMS}
    assert visible_panes(100, 23, Pane.CAPACITY, zoomed=None) == {Pane.LOAD, Pane.CAPACITY}
    assert visible_panes(80, 24, Pane.STREAMS, zoomed=None) == everything - {Pane.EVENTS, Pane.DETAILS}
    assert visible_panes(120, 36, Pane.STREAMS, zoomed=None) == everything - {Pane.DETAILS}
    assert visible_panes(170, 36, Pane.DETAILS, zoomed=None) == everything
    assert visible_panes(120, 36, Pane.DETAILS, zoomed=None) == {Pane.LOAD, Pane.DETAILS}
    assert visible_panes(200, 50, Pane.STREAMS, zoomed=Pane.FIGURES) == {Pane.LOAD, Pane.FIGURES}
    assert visible_panes(80, 24, Pane.EVENTS, zoomed=None) == {Pane.LOAD, Pane.EVENTS}


def test_no_two_actions_share_a_key() -> None:
    keys = [name for key in BY_ACTION.values() for name in key.keys.split(",")]
    assert len(keys) == len(set(keys))
    assert all(key.says for key in KEYS)


def test_another_address_may_speak_another_dialect(stage: Any) -> None:
    typed = {"model": "", "api_key_env": "", "max_tokens": ""}
    assert edited(stage.SCENARIO, url="sim", **typed).endpoint.dialect is None
    same = edited(stage.SCENARIO, url=stage.SCENARIO.endpoint.url, **typed)
    assert same.endpoint.dialect == "openai-chat"


def test_an_edited_endpoint_keeps_all_else(stage: Any) -> None:
    changed = edited(
        stage.SCENARIO, url=" https://api.example.org/v1 ", model="", api_key_env="LLM_KEY", max_tokens="4k"
    )
    assert changed.endpoint == replace(
        stage.SCENARIO.endpoint,
        url="https://api.example.org/v1",
        dialect=None,
        model=None,
        api_key_env="LLM_KEY",
    )
    assert changed.prompts.max_tokens == 4000
    assert edited(changed, url="sim", model="", api_key_env="", max_tokens="").prompts.max_tokens is None


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("url", "", "the URL is missing"),
        ("url", "127.0.0.1:8000", "is not an URL"),
        ("url", "sim:small-gpu?sped=1", "unknown option 'sped'"),
        ("api_key_env", "sk-abcdef0123456789", "never the key itself"),
        ("max_tokens", "many", "is not a count"),
        ("max_tokens", "0", "at least 1 token"),
    ],
)
def test_a_wrong_field_is_told_in_a_sentence(stage: Any, field: str, value: str, said: str) -> None:
    fields = {"url": "http://127.0.0.1/v1", "model": "m", "api_key_env": "", "max_tokens": "256"} | {
        field: value
    }
    with pytest.raises(UsageError, match=said):
        edited(stage.SCENARIO, **fields)


def test_a_key_does_not_cross_a_network_in_the_clear(stage: Any) -> None:
    with pytest.raises(UsageError, match="in the clear"):
        edited(
            stage.SCENARIO, url="http://api.example.org/v1", model="", api_key_env="LLM_KEY", max_tokens=""
        )


def test_a_goal_missed_by_far_still_fits_its_column(stage: Any) -> None:
    view = stage.running_view()
    failing = replace(view.snapshot, rate_limited_share=0.333)
    margins = {str(goal.slo): goal.margin for goal in goals(replace(view, snapshot=failing))}
    assert margins["errors < 1%"] in {"34 x over", "35 x over"}
