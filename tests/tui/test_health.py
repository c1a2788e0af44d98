"""What the screen says of the probe itself: where it was the bottleneck, and who waits after failures."""

from typing import Any

import pytest
from msgspec.structs import replace

from llmprobe.tui.goals import goals
from llmprobe.tui.wording import short_time

pytestmark = pytest.mark.anyio

WHY = "a worker used 91% of a core; use more --workers, another host, or uvloop"


def bound_view(stage: Any) -> Any:
    view = stage.running_view()
    levels = tuple(
        replace(level, probe_bound=WHY) if level.current else level for level in view.snapshot.levels
    )
    return replace(view, snapshot=replace(view.snapshot, levels=levels, probe_bound=WHY))


@pytest.mark.parametrize("size", [(80, 24), (120, 36)])
async def test_a_bottleneck_is_said_whole_with_its_remedy(
    build: Any, stage: Any, size: tuple[int, int]
) -> None:
    async with stage.running(build(stage.FakeSession(bound_view(stage))), size) as pilot:
        said = " ".join(stage.text_of(pilot.app).split())
        assert "! No verdict at this load: the probe is the bottleneck." in said
        assert "A worker used 91% of a core; use more --workers, another host, or uvloop." in said


async def test_a_level_where_the_probe_was_the_bottleneck_is_drawn_as_such(build: Any, stage: Any) -> None:
    async with stage.running(build(stage.FakeSession(bound_view(stage))), (120, 36)) as pilot:
        await pilot.press("3", "z")
        await stage.look(pilot)
        shown = stage.text_of(pilot.app)
        assert "! 64 users: probe-bound, n 412" in shown
        assert "  ! 64   412" in shown


async def test_no_goal_is_met_or_missed_where_the_probe_is_the_bottleneck(stage: Any) -> None:
    assert {goal.met for goal in goals(stage.running_view())} & {True, False}
    assert {goal.met for goal in goals(bound_view(stage))} == {None}


async def test_users_that_back_off_are_counted_with_the_longest_wait_of_them(build: Any, stage: Any) -> None:
    view = stage.running_view()
    waiting = replace(view.snapshot, backing_off=12, backing_off_until_s=view.snapshot.at_s + 3590)
    async with stage.running(build(stage.FakeSession(replace(view, snapshot=waiting)))) as pilot:
        assert "12 back off for 60 m" in stage.text_of(pilot.app)


@pytest.mark.parametrize(
    ("seconds", "said"), [(0.2, "1 s"), (99.0, "99 s"), (100.0, "2 m"), (3590.0, "60 m"), (86_400.0, "24 h")]
)
def test_a_short_time_has_one_unit(seconds: float, said: str) -> None:
    assert short_time(seconds) == said
