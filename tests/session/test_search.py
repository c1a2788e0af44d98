"""The autopilot of a session: a strategy that plays a script stands for those that think."""

from typing import Any

import anyio
import pytest

from llmprobe.control import STRATEGIES
from llmprobe.core.errors import UsageError
from llmprobe.core.finding import Finding
from llmprobe.core.tick import Action, Goal, Move, Tick
from llmprobe.report.files import read_run
from llmprobe.session.search import Search
from llmprobe.session.stop import Reason
from llmprobe.session.view import State

pytestmark = pytest.mark.anyio

FOUND = Finding(capacity=3, estimate=4.0, low=4.0, high=5.0, cause="ttft", slo="p95 ttft < 1s", n=9)


class Script:
    """Goes to 3 users for three ticks of its own, to 5 for three more, and finds."""

    def __init__(self, goal: Goal) -> None:
        self.goal = goal
        self.ticks: list[Tick] = []
        self.own = 0

    def step(self, tick: Tick) -> Action:
        self.ticks.append(tick)
        self.own += tick.armed
        if not tick.armed:
            return Action("watches")
        if self.own <= 3:
            return Action("tries 3", Move(3), toward=4)
        if self.own <= 6:
            return Action("tries 5", Move(5, over_s=0.1), toward=4)
        return Action("found", finding=FOUND)

    def finding(self) -> Finding:
        return Finding(2, None, None, None, "ttft", slo="p95 ttft < 1s")


@pytest.fixture
def scripts(monkeypatch: pytest.MonkeyPatch) -> list[Script]:
    """Every script that was begun."""
    begun: list[Script] = []

    def make(goal: Goal) -> Script:
        begun.append(Script(goal))
        return begun[-1]

    monkeypatch.setitem(STRATEGIES, "script", make)
    return begun


async def until(condition: Any) -> None:
    with anyio.fail_after(120):
        while not condition():
            await anyio.sleep(0.01)


async def test_it_moves_the_load_finds_and_ends_the_run(open_, scenario, scripts):
    session = await open_(scenario)
    await session.arm("script")
    await until(session.finished.is_set)
    view = session.view()
    assert (view.state, view.search.finding) == (State.STOPPED, FOUND)
    assert session.ending.reason is Reason.FOUND
    assert view.note == "safe at 3 users; it breaks between 4 and 5 (90%), by p95 TTFT > 1s"
    result = await session.close()
    assert (result.capacity.users, result.capacity.cause) == (3, "ttft")
    assert result.verdict.passed
    run = read_run(session.recorder.folder)
    assert run.found == FOUND
    moves = [(change.target, change.by) for change in run.changes if change.target]
    assert moves == [(3, "autopilot"), (5, "autopilot")]


async def test_its_moves_are_saved_as_stages(open_, scenario, scripts, tmp_path):
    session = await open_(scenario)
    await session.arm("script")
    await until(session.finished.is_set)
    session.save("again", tmp_path / "again.toml")
    saved = (tmp_path / "again.toml").read_text()
    assert "to = 3" in saved
    assert "to = 5" in saved
    assert saved.count('by = "autopilot"') == 2


async def test_a_hand_takes_the_load_and_what_it_shows_counts(open_, scenario, scripts):
    session = await open_(scenario)
    await session.arm("script")
    await until(lambda: session.view().snapshot.target == 3)
    await session.set_load(2)
    view = session.view()
    assert not view.search.armed
    (script,) = scripts
    seen = len(script.ticks)
    await until(lambda: len(script.ticks) > seen + 1)
    assert not script.ticks[-1].armed
    assert session.view().snapshot.target == 2
    await session.arm()
    await until(session.finished.is_set)
    assert scripts == [script]


async def test_a_stop_takes_the_load_from_it(open_, scenario, scripts):
    session = await open_(scenario)
    await session.arm("script")
    await until(lambda: session.view().snapshot.target == 3)
    await session.stop(now=True)
    await until(lambda: session.view().state is State.STOPPED)
    assert not session.view().search.armed


async def test_a_run_that_ends_under_a_search_keeps_what_it_knew(open_, scenario, scripts):
    session = await open_(scenario)
    await session.arm("script")
    await until(lambda: session.view().snapshot.target == 3)
    result = await session.close()
    assert result.capacity.users == 2
    found = read_run(session.recorder.folder).found
    assert found is not None
    assert found.capacity == 2


def test_what_happened_before_it_was_armed_is_told_first(scripts):
    search = Search(Goal((), most=8))
    for at_s in (1.0, 2.0, 3.0):
        search.step(at_s, requests_left=None, bound=None)
    assert search.view is None
    search.arm("script")
    assert [tick.at_s for tick in scripts[0].ticks] == [1.0, 2.0, 3.0]
    assert not any(tick.armed for tick in scripts[0].ticks)


@pytest.mark.parametrize(("back_s", "told"), [(3.0, [1.0, 2.0, 2.5, 3.0]), (9.0, [1.0, 9.0])])
def test_an_endpoint_that_is_down_stays_out_of_the_search_unless_it_was_for_a_moment(scripts, back_s, told):
    search = Search(Goal(()))
    search.arm("script")
    search.step(1.0, requests_left=None, bound=None)
    waits = [search.step(at_s, requests_left=None, bound=None, endpoint_down=True) for at_s in (2.0, 2.5)]
    assert waits == [Action("waits until the endpoint can be reached again", toward=4)] * 2
    assert len(scripts[0].ticks) == 1
    assert search.step(back_s, requests_left=None, bound=None).move is not None
    assert [tick.at_s for tick in scripts[0].ticks] == told


def test_after_a_finding_a_search_begins_anew(scripts):
    search = Search(Goal((), most=8))
    search.arm("script")
    scripts[0].own = 6
    assert search.step(1.0, requests_left=None, bound=None).finding is FOUND
    assert search.view is not None
    assert not search.view.armed
    search.arm()
    assert len(scripts) == 2
    assert search.step(2.0, requests_left=None, bound=None).says == "tries 3"


def test_a_strategy_that_there_is_none_of_is_wrong_usage():
    with pytest.raises(UsageError, match="'guess' is not a strategy; there is knee"):
        Search(Goal(())).arm("guess")
