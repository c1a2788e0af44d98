"""Indices out of leases."""

import anyio
import pytest

from llmprobe.core.engine import Lease
from llmprobe.engine.leases import LeaseBook

pytestmark = pytest.mark.anyio


async def test_indices_come_lowest_first():
    book = LeaseBook(lambda want: None)
    book.grant(Lease(10, 12))
    book.grant(Lease(3, 5))
    assert [await book.take() for _ in range(4)] == [3, 4, 10, 11]


async def test_more_is_asked_for_once_when_the_stock_is_low():
    asked: list[int] = []
    book = LeaseBook(asked.append)
    book.low = 4
    book.want()
    book.want()
    assert asked == [8]
    book.grant(Lease(0, 8))
    for _ in range(4):
        await book.take()
    assert asked == [8]
    await book.take()
    assert asked == [8, 5]


async def test_a_user_without_an_index_waits_for_the_next_lease():
    book = LeaseBook(lambda want: None)
    got: list[int] = []

    async def take():
        got.append(await book.take())

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(take)
        await anyio.wait_all_tasks_blocked()
        assert len(book._waiting) == 1
        book.grant(Lease(7, 8))
    assert got == [7]
    assert len(book._waiting) == 0


async def test_a_user_that_leaves_while_it_waits_takes_no_index_with_it():
    book = LeaseBook(lambda want: None)
    got: list[int] = []

    async def take():
        got.append(await book.take())

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(take)
        await anyio.wait_all_tasks_blocked()
        tasks.cancel_scope.cancel()
    assert len(book._waiting) == 0
    book.grant(Lease(0, 1))
    assert got == []
    assert book.left == 1


async def test_what_is_left_is_given_up():
    book = LeaseBook(lambda want: None)
    book.grant(Lease(0, 5))
    await book.take()
    assert book.give_up() == ((1, 5),)
    assert book.left == 0
