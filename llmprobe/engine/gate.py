"""Spreads starts that come all at once over turns of the loop, so that sockets are read in between.

A start costs a quarter of a millisecond. A thousand in one turn would leave the tokens of those already under
way in their sockets for that long, where the second overtakes the first one's receive time.
"""

import asyncio
from collections import deque

STARTS_A_TURN = 16


class Gate:
    """Lets at most `STARTS_A_TURN` through in a turn, in the order they came."""

    def __init__(self) -> None:
        self._room = STARTS_A_TURN
        self._waiting: deque[asyncio.Future[None]] = deque()

    async def enter(self) -> None:
        """Go on: at once in a quiet moment, else in a later turn."""
        if self._room == STARTS_A_TURN:
            asyncio.get_running_loop().call_soon(self._turn)
        if self._room:
            self._room -= 1
            return
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append(waiter)
        await waiter

    def _turn(self) -> None:
        """A new turn: those who wait go first."""
        self._room = STARTS_A_TURN
        while self._room and self._waiting:
            waiter = self._waiting.popleft()
            if not waiter.done():
                waiter.set_result(None)
                self._room -= 1
        if self._room < STARTS_A_TURN:
            asyncio.get_running_loop().call_soon(self._turn)
