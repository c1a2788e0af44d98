"""The engine in this process against the simulated endpoint, over real sockets."""

import asyncio
import gc
from collections import Counter
from contextlib import asynccontextmanager
from itertools import pairwise
from pathlib import Path

import pytest
from msgspec.structs import replace

from llmprobe.core.engine import Lease, Plan, Watch
from llmprobe.core.events import Event, Interval, LeaseLow, LoadChanged, RequestFinished, Rows
from llmprobe.core.histogram import merged
from llmprobe.core.load import Load
from llmprobe.core.outcome import Outcome
from llmprobe.core.record import RequestRecord
from llmprobe.core.scenario import Endpoint, Retry, Scenario
from llmprobe.core.target import parse_sim
from llmprobe.corpus.reader import open_corpus
from llmprobe.engine.local import LocalEngine
from llmprobe.sim.endpoint import service_of
from llmprobe.sim.faults import Shares
from llmprobe.sim.server import serve

pytestmark = pytest.mark.anyio


@asynccontextmanager
async def serving(service):
    ready = asyncio.get_running_loop().create_future()
    task = asyncio.create_task(serve(service, 0, ready.set_result))
    try:
        yield Endpoint(url=await ready, model="sim-fixed")
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


@pytest.fixture
async def endpoint():
    async with serving(service_of(parse_sim("sim:fixed?speed=100"))) as endpoint:
        yield endpoint


class Run:
    """An engine, what it wrote, and what it told."""

    def __init__(self, endpoint: Endpoint, retry: Retry | None = None, load: Load | None = None) -> None:
        self.scenario = Scenario(endpoint=endpoint, retry=retry or Retry(), load=load or Load())
        self.records: list[RequestRecord] = []
        self.events: list[Event] = []
        self.engine = LocalEngine(0, 1, (0,), self.records.append)
        self.leased = self.wanted = 0
        self.grants = True

    async def __aenter__(self):
        corpus = open_corpus(self.scenario.prompts, Path())
        endpoint = self.scenario.endpoint
        await self.engine.prepare(
            Plan(
                scenario=self.scenario, url=endpoint.url, model=endpoint.model or "", key_env=None,
                corpus_file=str(corpus.file), run_nonce="00", journal=None, timed=False,
            )
        )  # fmt: skip
        self.tasks = [asyncio.create_task(self.engine.run()), asyncio.create_task(self.listen())]
        await asyncio.sleep(0)
        await self.engine.start()
        return self

    async def __aexit__(self, *_):
        await self.engine.stop(drain_s=0.0)
        await asyncio.gather(*self.tasks)

    async def listen(self):
        async for batch in self.engine.events():
            self.events.extend(batch)
            for event in batch:
                if isinstance(event, LeaseLow):
                    self.wanted = event.want
                    if self.grants:
                        await self.grant()

    async def grant(self):
        await self.engine.grant(0, Lease(self.leased, self.leased + self.wanted))
        self.leased += self.wanted

    async def ask(self):
        """Until the engine has asked for a lease that it does not get."""
        self.grants, self.wanted = False, 0
        async with asyncio.timeout(120):
            while not self.wanted:
                await asyncio.sleep(0.01)

    async def intervals(self, count):
        """The next ones."""
        before = len(self.heard(Interval))
        async with asyncio.timeout(120):
            while len(self.heard(Interval)) < before + count:
                await asyncio.sleep(0.01)
        return self.heard(Interval)[before:]

    async def until(self, requests: int) -> None:
        async with asyncio.timeout(120):
            while len(self.records) < requests:
                await asyncio.sleep(0.01)

    def heard(self, kind):
        return [event for event in self.events if isinstance(event, kind)]


async def test_users_send_one_request_after_another_and_every_one_is_written_and_told(endpoint):
    async with Run(endpoint) as run:
        await run.engine.set_load(0, 40)
        await run.until(200)
    assert Counter(record.outcome for record in run.records).keys() <= {Outcome.OK, Outcome.CANCELLED}
    indices = sorted(record.index for record in run.records)
    # Where users leave, some give back what they were given and never sent.
    assert indices[:200] == list(range(200))
    assert len(set(indices)) == len(indices)
    assert [event.record for event in run.heard(RequestFinished)] == run.records
    assert [event.target for event in run.heard(LoadChanged)] == [40]


async def test_a_user_that_is_lowered_finishes_its_request(endpoint):
    async with Run(endpoint) as run:
        await run.engine.set_load(0, 20)
        await run.until(20)
        await run.engine.set_load(1, 1)
        await run.until(60)
    cancelled = [record for record in run.records if record.outcome is Outcome.CANCELLED]
    assert {record.user for record in cancelled} <= {0}


async def test_users_that_wait_for_a_slow_session_are_idle(endpoint):
    async with Run(endpoint) as run:
        run.grants = False
        await run.engine.set_load(0, 3)
        await run.ask()
        _, second = await run.intervals(2)
        await run.grant()
        await run.until(3)
    assert (second.active, second.idle_share) == (3, 1.0)
    assert not merged(interval.starts for interval in run.heard(Interval)).count


async def test_arrivals_that_wait_for_a_slow_session_are_late(endpoint):
    async with Run(endpoint, load=Load(arrivals="constant")) as run:
        run.grants = False
        await run.engine.set_load(0, 20.0, kind="rate")
        await run.ask()
        first, second = await run.intervals(2)
        await run.grant()
        await run.until(1)
    late = merged(interval.starts for interval in run.heard(Interval))
    assert late.max_s >= second.at_s - first.at_s - 0.1


async def test_users_that_wait_for_a_cap_are_not_idle_whenever_they_began_to_wait(endpoint):
    async with Run(endpoint) as run:
        run.grants = False
        await run.engine.set_load(0, 2)
        await run.ask()
        await run.engine.grant(0, Lease(0, 0))
        await run.engine.set_load(1, 4)
        _, second = await run.intervals(2)
        run.wanted = 8
        await run.grant()
        await run.until(4)
    assert (second.active, second.idle_share) == (4, 0.0)


def refusing(style, wait_s=0.1):
    """Everybody is told to come back later."""
    service = service_of(parse_sim(f"sim:fixed?speed={1 / wait_s}&limit_headers={style}"))
    return serving(replace(service, faults=Shares(fail_429=1.0)))


@pytest.mark.parametrize(("style", "wait_s"), [("openai", 0.1), ("anthropic", 1.0), ("none", 0.125)])
async def test_a_user_waits_as_long_as_the_server_asks_for_else_by_its_own(style, wait_s):
    async with refusing(style) as endpoint, Run(endpoint) as run:
        await run.engine.set_load(0, 1)
        await run.until(3)
    gaps = [later.started_s - before.ended_s for before, later in pairwise(run.records)]
    assert all(gap >= wait_s for gap in gaps)
    assert [record.outcome for record in run.records[:3]] == [Outcome.RATE_LIMITED] * 3
    assert len({record.index for record in run.records}) == len(run.records)


async def test_how_long_the_longest_wait_lasts_is_told_while_it_lasts():
    async with refusing("retry-after", wait_s=50) as endpoint, Run(endpoint) as run:
        await run.engine.set_load(0, 2)
        await run.until(2)
        told = (await run.intervals(1))[0]
    assert told.backing_off == 2
    assert told.backing_off_until_s >= max(record.ended_s for record in run.records) + 50


async def test_a_scenario_that_ignores_the_server_comes_back_at_once():
    async with refusing("anthropic") as endpoint, Run(endpoint, Retry("ignore", 0.0)) as run:
        await run.engine.set_load(0, 1)
        await run.until(30)
    assert not any(interval.backing_off for interval in run.heard(Interval))


async def test_what_a_request_is_made_of_leaves_the_garbage_collector_nothing(endpoint):
    """A collection stops every stream; with a thousand users it takes a tenth of a second."""
    async with Run(endpoint) as run:
        await run.engine.set_load(0, 10)
        await run.until(20)
        gc.collect()
        gc.disable()
        try:
            before = len(run.records)
            await run.until(before + 100)
            gc.set_debug(gc.DEBUG_SAVEALL)
            gc.collect()
            left = Counter(type(thing).__name__ for thing in gc.garbage)
        finally:
            gc.set_debug(0)
            gc.enable()
            gc.garbage.clear()
    assert left["Flight"] == left["StreamReader"] == left["Response"] == left["Errand"] == 0, left


async def test_an_open_load_that_is_stopped_sends_everybody_home(endpoint):
    async with Run(endpoint, load=Load(arrivals="constant")) as run:
        await run.engine.set_load(0, 50.0, kind="rate")
        await run.until(5)
        await run.engine.set_load(1, 0, kind="rate")
        async with asyncio.timeout(120):
            while (newest := (await run.intervals(1))[-1]).active + newest.draining:
                pass
        (arrivals,) = [event for event in run.heard(LoadChanged) if event.target]
        assert arrivals.kind == "rate"


async def test_users_become_a_rate_and_users_again(endpoint):
    async with Run(endpoint, load=Load(arrivals="constant")) as run:
        await run.engine.set_load(0, 3)
        await run.until(9)
        await run.engine.set_load(1, 40.0, kind="rate")
        sent = len(run.records)
        await run.until(sent + 20)
        open_ = [record for record in run.records if record.level_id == 1]
        assert open_
        assert all(record.scheduled_s is not None and record.users == 0 for record in open_)
        gaps = [after.scheduled_s - before.scheduled_s for before, after in pairwise(open_)]
        assert min(gaps) > 0.02
        await run.engine.set_load(2, 2)
        sent = len(run.records)
        await run.until(sent + 30)
        closed = [record for record in run.records if record.level_id == 2]
        assert {record.users for record in closed} == {2}
        assert all(record.scheduled_s is None for record in closed)


async def test_a_user_of_an_open_load_without_a_request_is_idle_not_starved(endpoint):
    async with Run(endpoint, load=Load(arrivals="constant")) as run:
        await run.engine.watch(Watch(rows=9))
        await run.engine.set_load(0, 5, kind="users")
        await run.until(20)
        await run.engine.set_load(1, 0.2, kind="rate")
        async with asyncio.timeout(120):
            while {row.state for row in run.heard(Rows)[-1].rows} != {"idle"}:
                await run.intervals(1)
        assert {row.state for row in run.heard(Rows)[-1].rows} == {"idle"}
