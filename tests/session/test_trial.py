"""A worker that is tried on the simulated endpoint."""

import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from llmprobe.core.errors import LocalError
from llmprobe.core.scenario import Endpoint, Prompts, Scenario
from llmprobe.core.target import SimTarget
from llmprobe.session.trial import Trial, trying
from llmprobe.sim.process import launch

_TOKENS = 20
"""The corpus asks for so many."""

pytestmark = pytest.mark.anyio


@pytest.fixture
async def trial(corpus: Path, tmp_path: Path) -> AsyncIterator[Trial]:
    """On an endpoint whose tokens come two milliseconds apart."""
    async with await launch(SimTarget("fixed", speed=10)) as simulator:
        scenario = Scenario(Endpoint(url=simulator.url), prompts=Prompts(str(corpus)))
        async with trying(scenario, simulator.url, simulator.model, tmp_path) as trial:
            yield trial


async def test_only_as_many_requests_start_as_are_allowed(trial, tmp_path):
    await trial.allow(5)
    await trial.users(8)
    await trial.ended(5, within_s=30)
    await trial.window(0.1)
    assert len(trial.records) == len(trial.ttfts_s) == 5
    assert all(record.outcome.completed for record in trial.records)
    assert len((tmp_path / "records.jsonl").read_text().splitlines()) == 5


async def test_more_may_be_allowed_later(trial):
    await trial.allow(2)
    await trial.users(4)
    await trial.ended(2, within_s=30)
    await trial.allow(4)
    await trial.ended(6, within_s=30)
    assert sorted(record.index for record in trial.records) == list(range(6))


async def test_each_token_of_the_simulated_endpoint_tells_how_late_its_stamp_is(trial):
    await trial.allow(3)
    await trial.users(3)
    await trial.ended(3, within_s=30)
    assert trial.stamp_error.count == sum(trial.stamps.values()) == 3 * _TOKENS


async def test_a_window_counts_what_came_inside_it(trial):
    await trial.allow()
    await trial.users(4)
    window = await trial.window(0.5)
    assert window.seconds > 0.3
    assert window.tokens == window.stamp_error.count > 0
    assert window.cpu_share > 0


async def test_a_worker_that_dies_ends_the_trial_with_its_reason(trial):
    await trial.allow()
    await trial.users(1)
    await trial.window(0.1)
    (worker,) = trial.pids
    os.kill(worker, 9)
    with pytest.raises(LocalError, match="killed by signal 9"):
        await _go_on(trial)


async def _go_on(trial: Trial) -> None:
    while True:
        await trial.window(0.0)
