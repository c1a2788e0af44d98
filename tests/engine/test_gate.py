import asyncio

import pytest

from llmprobe.engine.gate import STARTS_A_TURN, Gate

pytestmark = pytest.mark.anyio


async def through(gate, order, name):
    await gate.enter()
    order.append(name)


async def turn():
    await asyncio.sleep(0)


async def test_in_a_quiet_moment_a_start_goes_through_at_once():
    gate = Gate()
    order: list[object] = []
    entering = through(gate, order, "one")
    with pytest.raises(StopIteration):
        entering.send(None)
    assert order == ["one"]


async def test_many_at_once_go_through_in_order_a_few_a_turn():
    gate = Gate()
    order: list[object] = []
    tasks = [asyncio.create_task(through(gate, order, k)) for k in range(5 * STARTS_A_TURN)]
    turns, before = 0, 0
    while len(order) < len(tasks):
        await turn()
        turns += 1
        assert len(order) - before <= STARTS_A_TURN
        before = len(order)
    assert order == list(range(5 * STARTS_A_TURN))
    assert turns >= 5


async def test_one_that_leaves_while_it_waits_takes_nobody_s_place():
    gate = Gate()
    order: list[object] = []
    tasks = [asyncio.create_task(through(gate, order, k)) for k in range(STARTS_A_TURN + 2)]
    await turn()
    tasks[STARTS_A_TURN].cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    assert order == [*range(STARTS_A_TURN), STARTS_A_TURN + 1]


async def test_after_a_rush_the_gate_is_open_again():
    gate = Gate()
    order: list[object] = []
    await asyncio.gather(*(through(gate, order, k) for k in range(3 * STARTS_A_TURN)))
    for _ in range(3):
        await turn()
    with pytest.raises(StopIteration):
        through(gate, order, "late").send(None)
