"""Goes through a profile in time, until its last load is reached or somebody else takes the load."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence

from llmprobe.core.load import Stage
from llmprobe.session.profile import Following, following


class Follower:
    """Follows one profile at a time; `enter` begins a part of it."""

    def __init__(self, enter: Callable[[Stage], Awaitable[None]]) -> None:
        self._enter = enter
        self._stages: tuple[Stage, ...] = ()
        self._began_s = 0.0
        self._task: asyncio.Task[None] | None = None

    def begin(self, stages: Sequence[Stage], at_s: float) -> None:
        """Go through these from now on, `at_s` in the run; `leave` first."""
        self._stages, self._began_s = tuple(stages), at_s
        self._task = asyncio.create_task(self._follow())

    async def leave(self) -> None:
        """Follow no more."""
        task, self._task, self._stages = self._task, None, ()
        if task is not None:
            task.cancel()
            await asyncio.wait([task])

    def at(self, now_s: float) -> Following | None:
        """Where it is; None where none is followed, or its last part holds."""
        return following(self._stages, now_s - self._began_s)

    async def _follow(self) -> None:
        for number, stage in enumerate(self._stages, 1):
            await self._enter(stage)
            if number < len(self._stages):
                await asyncio.sleep(stage.ramp_s + stage.hold_s)
