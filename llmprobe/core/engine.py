"""The protocol every engine speaks: in this process, in worker processes, or on other hosts.

    prepare(plan) -> start() -> set_load / grant / watch ... -> stop(drain)

`events()` yields batches until the engine has stopped. All times in events count from `start`.
"""

from collections.abc import AsyncIterator
from typing import Protocol

from msgspec import Struct

from llmprobe.core.events import Event
from llmprobe.core.load import LoadKind
from llmprobe.core.record import RequestRecord
from llmprobe.core.request import Ask
from llmprobe.core.scenario import Scenario


class Plan(Struct, frozen=True):
    """What a worker needs to know before it starts."""

    scenario: Scenario
    url: str
    """The endpoint's own; the scenario's may be `sim:...`."""
    model: str
    corpus_file: str
    key_env: str | None
    """The environment variable whose key goes along; the key itself is in no frame."""
    run_nonce: str
    """The run's own random id; cold-cache nonces derive from it."""
    journal: str | None
    """The records.jsonl to append to."""
    timed: bool
    """Whether the worker follows the scenario's stages by itself (a replay), or waits for commands."""
    save_text: bool = False
    gaps: bool = False


class Lease(Struct, frozen=True):
    """Permission to start requests: draws `first` up to, not including, `last`.

    An empty one answers that there is nothing to start for now; another follows once there is.
    """

    first: int
    last: int


class Watch(Struct, frozen=True):
    """What a screen wants to see of the streams."""

    first_row: int = 0
    rows: int = 0
    """Users `first_row` to `first_row + rows - 1`."""
    follow: int | None = None
    log: bool = False
    """Whether finished requests bring their text."""


class TestReply(Struct, frozen=True):
    """What came back from one request outside the run: its record (never written down) and its text."""

    __test__ = False  # not a test case, whatever its name suggests to a collector

    url: str
    request_body: str
    """As sent; it holds no key."""
    record: RequestRecord
    text: str


class Engine(Protocol):
    """Sends requests by virtual users; see the module for the order of calls."""

    async def prepare(self, plan: Plan) -> None:
        """Load the corpus and be ready to start; raises `LlmprobeError` when it can't."""

    async def start(self) -> None:
        """The run's time begins now."""

    async def set_load(
        self,
        level_id: int,
        target: float,
        over_s: float = 0.0,
        by: str | None = None,
        ask: Ask | None = None,
        kind: LoadKind = "users",
    ) -> None:
        """Begin a level: new users start at once, or spread `over_s`; surplus ones finish their request.

        `kind` is what the target counts; 0 of either sends all users home. `ask` stands in place of the
        corpus as long as the level lasts.
        """

    async def grant(self, worker: int, lease: Lease) -> None:
        """Let a worker start more requests."""

    async def watch(self, watch: Watch) -> None:
        """Choose the rows that `Rows` events tell of."""

    async def test(self) -> TestReply:
        """Send one request outside the run, before or during it."""

    async def cancel(self) -> None:
        """Cancel what is in flight, and send all users home; the next `set_load` calls them back."""

    async def stop(self, *, drain_s: float) -> None:
        """Start nothing more; let what is in flight finish for `drain_s`, then cancel it; end the workers."""

    def events(self) -> AsyncIterator[list[Event]]:
        """Batches of events until the engine has stopped."""
