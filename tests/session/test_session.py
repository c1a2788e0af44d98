"""Whole runs on the simulated endpoint: real workers, real sockets, real files."""

import asyncio
import os
import signal
from pathlib import Path

import anyio
import pytest
from msgspec.structs import replace

from llmprobe.core.engine import Watch
from llmprobe.core.errors import LocalError, UsageError
from llmprobe.core.load import Load, Stage
from llmprobe.core.outcome import Outcome
from llmprobe.core.scenario import Endpoint, Prices, Stop
from llmprobe.core.slo import parse_slos
from llmprobe.report.files import read_run
from llmprobe.scenario.reader import load_scenario
from llmprobe.session.session import DRAIN_S
from llmprobe.session.stop import Reason
from llmprobe.session.view import State

pytestmark = pytest.mark.anyio
_PATIENCE_S = 120.0
"""No machine is so slow."""


async def _finish(session):
    """Run to the end that the session finds by itself."""
    await session.start()
    with anyio.fail_after(_PATIENCE_S):
        await session.finished.wait()
    return await session.close(drain_s=DRAIN_S)


async def _until(condition):
    """Wait for something that is sure to come."""
    with anyio.fail_after(_PATIENCE_S):
        while not condition():
            await anyio.sleep(0.01)


def _prompts(session):
    return {record.index: record.prompt_id for record in read_run(session.recorder.folder).records}


@pytest.mark.parametrize("workers", [1, 2])
async def test_a_replay_sends_the_same_prompts_in_the_same_order(open_, scenario, workers):
    first = await open_(scenario, timed=True)
    await _finish(first)
    second = await open_(scenario, timed=True, workers=workers)
    await _finish(second)
    before, after = _prompts(first), _prompts(second)
    both = before.keys() & after.keys()
    assert len(both) > 20
    assert {k: before[k] for k in both} == {k: after[k] for k in both}


async def test_stages_begin_when_the_plan_says(open_, scenario):
    session = await open_(scenario, timed=True)
    result = await _finish(session)
    changes = [c for c in read_run(session.recorder.folder).changes if c.target]
    assert [change.target for change in changes] == [4, 8]
    assert changes[0].at_s >= 0.0
    assert changes[1].at_s >= 0.799  # a timer of the loop may be a millisecond early
    assert result.complete
    assert [level.users for level in result.levels] == [4, 8]


async def test_a_session_by_hand_is_saved_as_stages_that_repeat_it(open_, scenario, tmp_path):
    session = await open_(replace(scenario, load=Load()))
    await session.start()
    await _until(lambda: session.view().snapshot.completed > 10)
    await session.set_load(7)
    await _until(lambda: session.view().snapshot.active == 7)
    await session.set_load(2)
    await _until(lambda: session.view().snapshot.active == 2)
    saved = session.save("by hand", tmp_path / "saved.toml")
    await session.close()
    stages = load_scenario(saved.path).load.stages
    changes = read_run(session.recorder.folder).changes
    assert [(stage.to, stage.by) for stage in stages] == [(4, "hand"), (7, "hand"), (2, "hand")]
    assert stages[0].hold_s == pytest.approx(changes[1].at_s - changes[0].at_s, abs=0.002)
    assert saved.command == f"llmprobe run {tmp_path / 'saved.toml'}"


async def test_a_stopped_session_drains_and_can_be_started_again(open_, scenario):
    session = await open_(replace(scenario, load=Load()))
    await session.start()
    await _until(lambda: session.view().snapshot.completed > 4)
    await session.stop()
    await _until(lambda: session.view().state is State.STOPPED)
    assert session.view().snapshot.in_flight == 0
    assert session.view().snapshot.cancelled == 0
    before = session.view().snapshot.completed
    await session.start()
    await _until(lambda: session.view().snapshot.completed > before)


async def test_stopping_now_cancels_what_is_in_flight(open_, scenario):
    slow = replace(scenario, endpoint=Endpoint(url="sim:small-gpu"), load=Load())
    session = await open_(slow)
    await session.start()
    await _until(lambda: session.view().snapshot.in_flight == 4)
    await session.stop(now=True)
    await _until(lambda: session.view().state is State.STOPPED)
    assert session.view().snapshot.cancelled == 4


async def test_a_cap_on_requests_holds_to_the_request_with_two_workers(open_, scenario):
    session = await open_(
        replace(scenario, stop=Stop(max_requests=23), load=Load(stages=(Stage(8, hold_s=60),))),
        timed=True, guard=True, workers=2,
    )  # fmt: skip
    result = await _finish(session)
    assert session.ending is not None
    assert session.ending.reason is Reason.REQUESTS
    assert result.totals.requests == 23
    assert sorted(_prompts(session)) == list(range(23))


async def test_a_cap_on_money_holds_with_every_stream_in_flight(open_, scenario):
    cap = 0.002
    session = await open_(
        replace(
            scenario, stop=Stop(max_usd=cap), prices=Prices(input=1.0, output=2.0),
            load=Load(stages=(Stage(8, hold_s=60),)),
        ),
        timed=True, guard=True, workers=2,
    )  # fmt: skip
    result = await _finish(session)
    assert result.verdict.exit_code == 4
    assert 0.5 * cap < result.totals.usd <= cap


async def test_a_capped_session_by_hand_goes_on_once_the_cap_is_raised(open_, scenario):
    session = await open_(replace(scenario, stop=Stop(max_requests=5), load=Load()))
    await session.start()
    await _until(lambda: session.view().state is State.CAPPED)
    assert "raise the cap" in session.view().note
    await session.raise_caps(12, None)
    await _until(lambda: session.view().snapshot.started == 12)


async def test_a_killed_workers_users_are_taken_over_and_its_requests_booked_as_lost(open_, scenario):
    session = await open_(replace(scenario, load=Load()), workers=2)
    await session.start()
    await _until(lambda: session.view().snapshot.completed > 10)
    os.kill(session.engine.pids[0], signal.SIGKILL)
    await _until(lambda: session.view().snapshot.outcomes.get(Outcome.LOST, 0) > 0)
    before = session.view().snapshot.completed
    await _until(lambda: session.view().snapshot.completed > before + 20)
    await _until(lambda: session.view().snapshot.active == 4)  # told a few times a second
    assert "killed by signal 9" in session.view().note


async def test_a_run_whose_last_worker_dies_fails_with_a_sentence(open_, scenario):
    session = await open_(scenario, timed=True)
    await session.start()
    await _until(lambda: session.view().snapshot.completed > 3)
    os.kill(session.engine.pids[0], signal.SIGKILL)
    with anyio.fail_after(_PATIENCE_S):
        await session.finished.wait()
    result = await session.close()
    assert result.verdict.exit_code == 6
    assert "no other is left" in result.verdict.reasons[0]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="/dev/full is Linux's")
async def test_a_full_disk_ends_the_run_and_loses_nothing(open_, scenario, tmp_path, monkeypatch):
    folder = tmp_path / "full"
    folder.mkdir()
    (folder / "records.jsonl").symlink_to("/dev/full")
    monkeypatch.setattr("llmprobe.session.opening.make_folder", lambda *_: folder)
    monkeypatch.setattr("llmprobe.report.files.RECORDS", "none.jsonl")
    session = await open_(scenario, timed=True)
    result = await _finish(session)
    assert result.verdict.exit_code == 6
    assert "No space left on device" in result.verdict.reasons[0]
    assert result.totals.requests == session.view().snapshot.started > 0


async def test_watched_rows_and_the_log_bring_text(open_, scenario):
    session = await open_(replace(scenario, load=Load()))
    await session.watch(Watch(first_row=1, rows=2, follow=3, log=True))
    await session.start()
    await _until(lambda: session.view().snapshot.completed > 4)
    await _until(lambda: session.view().snapshot.followed is not None)
    shot = session.view().snapshot
    assert [row.user for row in shot.rows] == [1, 2]
    assert shot.followed.user == 3
    assert any(line.text for line in shot.log)


async def test_a_test_request_is_answered_before_any_load_and_is_no_part_of_the_run(open_, scenario):
    session = await open_(scenario)
    reply = await session.test()
    assert reply.record.outcome.completed
    assert reply.text
    assert session.view().state is State.IDLE
    assert session.view().snapshot.started == 0


async def test_tokens_are_counted_here_where_the_server_does_not_say(open_, scenario):
    silent = replace(scenario, endpoint=Endpoint(url="sim:small-gpu?speed=20", body={"stream_options": None}))
    session = await open_(silent)
    record = (await session.test()).record
    assert record.token_source == "tokenizer:o200k_base"
    assert record.output_tokens == pytest.approx(record.text_chunks, rel=0.5)


async def test_nothing_is_left_behind_where_nothing_was_started(open_, scenario):
    session = await open_(scenario)
    pids = session.engine.pids
    await _until((session.recorder.folder / "series.jsonl").exists)
    assert await session.close() is None
    assert not session.recorder.folder.exists()
    assert session.engine.pids == ()
    for pid in pids:
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)


async def test_a_dead_endpoint_ends_a_run_that_nobody_watches(open_, scenario):
    session = await open_(
        replace(scenario, endpoint=Endpoint(url="http://127.0.0.1:9/v1", model="m")), timed=True, guard=True
    )
    result = await _finish(session)
    assert result.verdict.exit_code == 3
    assert "refuses connections" in result.verdict.reasons[0]


async def test_another_corpus_than_the_recorded_one_is_refused(open_, scenario):
    with pytest.raises(UsageError, match="sha256 differs"):
        await open_(replace(scenario, prompts=replace(scenario.prompts, sha256="0" * 64)))


async def test_an_open_load_starts_requests_at_its_rate_whatever_the_workers(open_, scenario):
    rate = replace(scenario, load=Load(kind="rate", arrivals="constant", stages=(Stage(50, hold_s=1.2),)))
    session = await open_(rate, timed=True, workers=2)
    await _finish(session)
    records = read_run(session.recorder.folder).records
    due = sorted(record.scheduled_s for record in records if record.scheduled_s is not None)
    assert due == pytest.approx([0.02 * (k + 1) for k in range(len(due))], abs=1e-3)
    assert len(due) in {59, 60}


def test_sessions_need_a_folder_they_can_write(tmp_path, scenario):
    from llmprobe.session.opening import Options, open_session

    file = tmp_path / "file"
    file.write_text("")
    with pytest.raises(LocalError, match="can't create the run folder"):
        asyncio.run(open_session(scenario, Options(out=file / "below")))


async def test_more_users_than_open_files_are_refused_before_anything_starts(scenario, open_, tmp_path):
    wide = replace(scenario, load=Load(max_users=20_000_000))
    with pytest.raises(UsageError, match=r"20,000,000 users need as many connections.*--workers"):
        await open_(wide)
    assert not list(tmp_path.glob("run*"))


async def test_a_cap_is_reached_when_its_requests_were_sent_not_while_users_back_off(open_, scenario):
    dead = replace(
        scenario, endpoint=Endpoint(url="http://127.0.0.1:9/v1", model="m"), stop=Stop(max_requests=4),
        load=Load(stages=(Stage(2, hold_s=60),)),
    )  # fmt: skip
    result = await _finish(await open_(dead, timed=True, guard=True))
    assert result.totals.requests == 4


async def test_a_replay_that_never_has_one_user_is_refused_an_objective_relative_to_one(open_, scenario):
    relative = replace(scenario, slo=parse_slos(["p95 ttft < 3x idle"]))
    with pytest.raises(UsageError, match="no stage is of one"):
        await open_(relative, timed=True)


async def test_a_profile_is_gone_through_recorded_and_ended_by_a_hand(open_, scenario, tmp_path):
    session = await open_(replace(scenario, load=Load()))
    await session.follow((Stage(2, 0.3), Stage(6, 60.0, 0.2), Stage(3, 60.0)))
    await _until(lambda: session.view().snapshot.active == 6)
    assert session.view().following.part == 2
    await session.set_load(4)
    await _until(lambda: session.view().snapshot.target == 4)
    assert session.view().following is None
    saved = session.save("shaped", tmp_path / "shaped.toml")
    await session.close()
    stages = load_scenario(saved.path).load.stages
    assert [stage.to for stage in stages] == [2, 6, 4]
    assert stages[1].ramp_s == pytest.approx(0.2)


async def test_a_stop_ends_a_profile(open_, scenario):
    session = await open_(replace(scenario, load=Load()))
    await session.follow((Stage(2, 0.2), Stage(3, 60.0)))
    await session.stop(now=True)
    await _until(lambda: session.view().state is State.STOPPED)
    await asyncio.sleep(0.4)
    assert session.view().snapshot.active == 0
    assert session.view().following is None


async def test_a_hand_turns_users_to_a_rate_and_back_and_a_replay_does_the_same(open_, scenario, tmp_path):
    session = await open_(replace(scenario, load=Load(arrivals="constant")))
    await session.start()
    await _until(lambda: session.view().snapshot.completed > 10)
    kind, about = session.view().other
    assert (kind, about > 1) == ("rate", True)
    await session.set_load(30, kind)
    await _until(lambda: len(session.view().snapshot.levels) == 2)
    assert session.view().kind == "rate"
    await session.set_load(2, "users")
    await _until(lambda: session.view().snapshot.target == 2 and session.view().kind == "users")
    saved = session.save("both", tmp_path / "both.toml")
    result = await session.close()
    assert [(level.users, level.rate) for level in result.levels] == [(2, None), (4, None), (0, 30.0)]
    again = load_scenario(saved.path)
    assert [(stage.to, stage.kind) for stage in again.load.stages] == [(4, None), (30, "rate"), (2, None)]
    replay = await open_(again, timed=True)
    await _finish(replay)
    run = read_run(replay.recorder.folder)
    assert [change.unit for change in run.changes if change.target] == ["users", "rate", "users"]
    assert all((record.scheduled_s is not None) == (record.level_id == 1) for record in run.records)


async def test_a_plan_turns_what_the_screen_counts(open_, scenario):
    stages = (Stage(4, hold_s=0.2), Stage(20, hold_s=600, kind="rate"))
    session = await open_(replace(scenario, load=Load(stages=stages)), timed=True)
    await session.start()
    await _until(lambda: session.view().snapshot.kind == "rate")
    assert session.view().kind == "rate"


async def test_an_open_load_by_hand_stops_and_starts_again(open_, scenario):
    session = await open_(replace(scenario, load=Load(kind="rate", stages=(Stage(40, hold_s=9.0),))))
    await session.start()
    await _until(lambda: session.view().snapshot.completed > 4)
    await session.stop()
    await _until(lambda: session.view().state is State.STOPPED)
    before = session.view().snapshot.completed
    await session.start()
    await _until(lambda: session.view().snapshot.completed > before)
    assert session.view().state is State.RUNNING
    assert session.view().snapshot.target == 40


async def test_what_an_autopilot_knew_of_users_it_forgets_at_a_rate(open_, scenario):
    session = await open_(replace(scenario, load=Load()))
    await session.arm()
    assert session.view().search is not None
    await session.set_load(5, "rate")
    assert session.view().search is None
    await session.arm()
    assert session.view().search.armed
