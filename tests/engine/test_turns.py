"""Arrivals of an open load."""

import anyio
import pytest

from llmprobe.engine.turns import Turns

pytestmark = pytest.mark.anyio


async def test_in_a_closed_load_everybody_may_send_at_once():
    assert await Turns(open_load=False).next() is None


async def test_an_arrival_goes_to_the_user_that_waits_longest():
    turns = Turns(open_load=True)
    got: list[tuple[str, float | None]] = []

    async def wait(name: str) -> None:
        got.append((name, await turns.next()))

    async with anyio.create_task_group() as tasks:
        for name in "ab":
            tasks.start_soon(wait, name)
            await anyio.wait_all_tasks_blocked()
        assert turns.idle == 2
        turns.arrive(1.0)
        turns.arrive(2.0)
    assert got == [("a", 1.0), ("b", 2.0)]


async def test_an_arrival_that_nobody_is_free_for_waits_in_line():
    turns = Turns(open_load=True)
    turns.arrive(1.0)
    turns.arrive(2.0)
    assert [await turns.next(), await turns.next()] == [1.0, 2.0]


async def test_a_user_that_leaves_takes_no_arrival_with_it():
    turns = Turns(open_load=True)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(turns.next)
        await anyio.wait_all_tasks_blocked()
        tasks.cancel_scope.cancel()
    assert turns.idle == 0
    turns.arrive(3.0)
    assert await turns.next() == 3.0


async def test_a_load_that_closes_drops_what_was_due_and_lets_everybody_send():
    turns = Turns(open_load=True)
    got: list[float | None] = []

    async def wait() -> None:
        got.append(await turns.next())

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(wait)
        await anyio.wait_all_tasks_blocked()
        turns.close()
    assert got == [None]
    turns.open_load = True
    turns.arrive(1.0)
    turns.close()
    turns.put_back(0.5)
    assert await turns.next() is None
    turns.open_load = True
    turns.arrive(2.0)
    assert await turns.next() == 2.0
