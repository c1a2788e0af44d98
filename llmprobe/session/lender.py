"""Leases for the workers that ask: served as far as the caps allow, and again when something comes back."""

from llmprobe.core.engine import Engine, Lease
from llmprobe.session.ledger import Ledger


class Lender:
    """Stands between the ledger and the workers that wait for more to start."""

    def __init__(self, ledger: Ledger, engine: Engine, workers: int) -> None:
        self._ledger = ledger
        self._engine = engine
        self._workers = workers
        self._waiting: dict[int, int] = {}
        """How much each worker wants that waits."""
        self._dry: set[int] = set()
        """Of those that wait: were told that there is nothing."""

    async def asked(self, worker: int, want: int) -> None:
        """A worker runs low."""
        self._waiting[worker] = want
        await self.serve()

    async def serve(self) -> None:
        """Lease to those who wait, in the order they asked."""
        for worker, want in list(self._waiting.items()):
            lease = self._ledger.lease(worker, want, workers=self._workers)
            if lease is None:
                await self._say_dry()
                return
            del self._waiting[worker]
            self._dry.discard(worker)
            await self._engine.grant(worker, lease)

    def lost(self, worker: int) -> None:
        """A worker died: what it had leased counts as sent, and it waits for nothing."""
        self._ledger.lose(worker)
        self._waiting.pop(worker, None)

    async def _say_dry(self) -> None:
        """Tell those who wait, once, that the caps leave nothing: their users are not idle by our fault."""
        for worker in self._waiting.keys() - self._dry:
            self._dry.add(worker)
            await self._engine.grant(worker, Lease(0, 0))
