"""The virtual users of one worker: who is active, who drains, who has left.

Ids are global; this worker runs those whose id, modulo `of`, is among `residues`. A target of N means users
0 to N - 1, so the highest retire first. A retired user finishes its request, then leaves; raised again before
that, it stays.
"""

from collections.abc import Callable, Iterable

import anyio

from llmprobe.engine.user import VirtualUser


class Crew:
    """Keeps the users in line with a target."""

    def __init__(self, of: int, residues: Iterable[int], hire: Callable[[int], VirtualUser]) -> None:
        self.of = of
        self.residues = frozenset(residues)
        self._hire = hire
        self.users: dict[int, VirtualUser] = {}
        self.target = 0
        self._gone = anyio.Event()

    @property
    def share(self) -> int:
        """Users of this worker at the present target."""
        whole, rest = divmod(self.target, self.of)
        return whole * len(self.residues) + sum(residue < rest for residue in self.residues)

    @property
    def draining(self) -> int:
        """Users that were lowered and finish what they have begun."""
        return sum(user.retiring for user in self.users.values())

    @property
    def active(self) -> int:
        """Users that may start requests."""
        return len(self.users) - self.draining

    @property
    def in_flight(self) -> int:
        """Requests on the wire."""
        return sum(user.in_flight for user in self.users.values())

    @property
    def idle(self) -> int:
        """Users that may send, and have nothing under way."""
        return sum(user.state == "starved" and not user.retiring for user in self.users.values())

    @property
    def backing_off(self) -> int:
        """Users that wait after a failure."""
        return sum(user.state == "backing_off" for user in self.users.values())

    @property
    def backing_off_until_s(self) -> float | None:
        """When the longest of those waits is over, since the run's start."""
        waits = (user.backs_off_until_s for user in self.users.values())
        return max((until_s for until_s in waits if until_s is not None), default=None)

    def set_target(self, target: int) -> None:
        """Hire who is missing, at once; retire who is above."""
        self.target = target
        for user_id, user in self.users.items():
            user.retiring = user_id >= target
        for user_id in range(target):
            if user_id % self.of in self.residues and user_id not in self.users:
                self.users[user_id] = self._hire(user_id)

    def left(self, user_id: int) -> None:
        """A user is gone."""
        self.users.pop(user_id, None)
        if user_id < self.target and user_id % self.of in self.residues:
            # It was raised again in the moment it left.
            self.users[user_id] = self._hire(user_id)
        if not self.users:
            self._gone.set()

    async def empty(self) -> None:
        """Wait until the last user has left."""
        while self.users:
            self._gone = anyio.Event()
            await self._gone.wait()

    def cancel(self) -> None:
        """Cancel what is in flight, and send everybody home."""
        self.target = 0
        for user in list(self.users.values()):
            user.cancel()
