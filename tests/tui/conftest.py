"""A scripted session at the one seam of the screen, and views with figures like those of a real run."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from llmprobe.core.engine import TestReply, Watch
from llmprobe.core.errors import LlmprobeError
from llmprobe.core.events import Row
from llmprobe.core.offer import Offers
from llmprobe.core.outcome import Outcome
from llmprobe.core.record import RequestRecord
from llmprobe.core.scenario import Endpoint, Scenario
from llmprobe.core.seeding import unit
from llmprobe.metrics.snapshot import Finished, LevelFigures, Percentiles, Second, Snapshot
from llmprobe.report.result import (
    Latency,
    LevelResult,
    Probe,
    Result,
    SloResult,
    Throughput,
    Totals,
    Verdict,
    Workload,
)
from llmprobe.session.profile import Following
from llmprobe.session.recorder import Saved
from llmprobe.session.search import Searching
from llmprobe.session.view import State, View
from llmprobe.tui.app import ProbeApp
from llmprobe.tui.screens.probe import ProbeScreen
from tests.tui.still import Threads, look, running, text_of

SENTENCES = (
    "The tides follow the moon because its pull is stronger on the near side of the Earth than elsewhere",
    "A binary search halves the range at each step, so a million entries take about twenty comparisons",
    "Bread rises when yeast turns sugar into carbon dioxide, which the gluten holds in small bubbles",
    "First sort the invoices by date, then sum the amounts per customer, and report the three largest",
    "Plants look green since chlorophyll absorbs red and blue light and reflects what lies between",
)
SCENARIO = Scenario(
    endpoint=Endpoint(url="http://127.0.0.1:8000/v1", dialect="openai-chat", model="llama-3-8b"),
    name="evening",
)


def ttft_at(users: float) -> float:
    """Seconds: flat until about 64 users, then steep."""
    return 0.28 + 0.002 * users + max(0.0, (users - 60) / 55) ** 2


def percentiles(middle: float, n: int) -> Percentiles:
    return Percentiles(
        n=n, mean=middle, p50=middle if n >= 2 else None, p90=middle * 1.22 if n >= 10 else None,
        p95=middle * 1.31 if n >= 20 else None, p99=middle * 1.4 if n >= 100 else None, max=middle * 1.44,
    )  # fmt: skip


def level(users: int, n: int, *, current: bool = False) -> LevelFigures:
    return LevelFigures(
        users=users, rate=None, n=n, settling=users, seconds=30.0, ttft=percentiles(ttft_at(users), n),
        tpot=percentiles(0.018 + users * 0.0002, n), output_tokens_per_s=50.0 * users / (1 + users / 140),
        error_rate=0.0 if users < 96 else 0.027, goodput=1.0 if users < 96 else 0.6, current=current,
        ttft_p95_around=(ttft_at(users) * 1.12, ttft_at(users) * 1.44) if n >= 59 else None,
    )  # fmt: skip


def second(at_s: int, users: int) -> Second:
    noise = unit(7, at_s)
    ttft = ttft_at(users) * (0.8 + 0.5 * noise)
    limited = unit(8, at_s) * 0.05 if users >= 64 and unit(9, at_s) > 0.4 else 0.0
    return Second(
        at_s=at_s, ttft_p50_s=ttft, ttft_p95_s=ttft * 1.3, tokens_per_s=50.0 * users * (0.9 + 0.2 * noise),
        rate_limited_share=limited, failed_share=0.0, users=float(users),
    )  # fmt: skip


def row(user: int) -> Row:
    text = SENTENCES[user % len(SENTENCES)]
    said = text[: 20 + int(unit(3, user) * (len(text) - 20))]
    if user % 7 == 3:
        return Row(user, "waiting", 200 + user, None, 0, "")
    if user % 11 == 6:
        return Row(user, "backing_off", 200 + user, None, 0, "")
    return Row(user, "streaming", 200 + user, 0.28 + unit(4, user) * 0.3, len(said) // 4, said)


def finished(index: int) -> Finished:
    failed = index % 9 == 5
    return Finished(
        index=index, user=index % 64, users=64, at_s=250.0 - index * 0.1, prompt_id=f"mixed-{index % 60:03}",
        outcome=Outcome.RATE_LIMITED if failed else Outcome.LENGTH if index % 4 else Outcome.OK,
        status=429 if failed else 200, ttft_s=None if failed else 0.3 + unit(5, index) * 0.4,
        tpot_s=None if failed else 0.021, e2e_s=0.02 if failed else 5.6,
        output_tokens=None if failed else 256,
        error="Rate limit reached for requests" if failed else None, retry_after_s=2.0 if failed else None,
        text="" if failed else f"{SENTENCES[index % 5]}. {SENTENCES[(index + 1) % 5]}.",
    )  # fmt: skip


IDLE = View(
    state=State.IDLE, scenario=SCENARIO, kind="users", url="http://127.0.0.1:8000/v1", model="llama-3-8b",
    folder="llmprobe-runs/2026-01-05-evening", elapsed_s=0.0, stale_s=0.0, snapshot=Snapshot(),
    spent_requests=0, max_requests=None, spent_usd=None, max_usd=None,
)  # fmt: skip


def running_view(
    users: int = 64, elapsed_s: float = 252.0, watch: Watch | None = None, **changes: Any
) -> View:
    """A run that has visited levels up to 96 users and is at `users` now."""
    watch = watch or Watch(rows=60)
    path = [users] * 30 + [96] * 40 + [64] * 50 + [32] * 40 + [16] * 40 + [8] * 40
    now = int(elapsed_s)
    visited = [(4, 130), (8, 162), (16, 201), (32, 340), (48, 61), (64, 412), (80, 14), (96, 88)]
    levels = tuple(level(load, n, current=load == users) for load, n in visited)
    snapshot = Snapshot(
        at_s=elapsed_s, target=float(users), active=users, draining=0, in_flight=users - 3, backing_off=2,
        ended_10s=89, requests_per_s=8.9, ttft=percentiles(ttft_at(users), 89), tpot=percentiles(0.02, 89),
        tokens_per_s=50.0 * users, tokens_estimated=False, tokens_per_s_per_user=50.0,
        rate_limited_share=0.027,
        server_errors_10s=0, timeouts_10s=1,
        seconds=tuple(second(now - back, path[back]) for back in range(240)[::-1]),
        levels=levels,
        outcomes={Outcome.OK: 310, Outcome.LENGTH: 840, Outcome.RATE_LIMITED: 31, Outcome.TIMEOUT_STALL: 2},
        started=1247, completed=1150, failed=33, cancelled=0, input_tokens=284_100, output_tokens=261_400,
        token_source="usage", last_error="Rate limit reached for requests",
        rows=tuple(row(user) for user in range(watch.first_row, min(users, watch.first_row + watch.rows))),
        followed=None if watch.follow is None else replace(row(watch.follow), tail=". ".join(SENTENCES)),
        log=tuple(finished(index) for index in range(400, 0, -1)), probe_cpu_share=0.21, probe_lag_s=0.004,
        stamps={"kernel": 261_000, "coalesced": 400}, stamp_error_p99_s=0.000012,
    )  # fmt: skip
    view = replace(
        IDLE, state=State.RUNNING, elapsed_s=elapsed_s, snapshot=snapshot, spent_requests=1247,
        spent_usd=0.84, max_usd=5.0,
    )  # fmt: skip
    return replace(view, **changes)


def result(**changes: Any) -> Result:
    """What a run of two levels came to; the second was too much."""
    levels = tuple(
        LevelResult(
            users=users, rate=None, n=n, seconds=30.0, ttft_s=percentiles(ttft_at(users), n),
            tpot_s=percentiles(0.02, n), output_tokens_per_s=50.0 * users, error_rate=errors,
            goodput=1 - errors, visits=1, settling=users, probe_bound=None,
        )
        for users, n, errors in ((8, 162, 0.0), (96, 88, 0.027))
    )  # fmt: skip
    none = Percentiles()
    spread = percentiles(0.5, 250)
    slos = (
        SloResult("p95 ttft < 1s", 1.18, 250, False, 20), SloResult("errors < 1%", None, 8, None, 20),
        SloResult("p95 tpot < 60ms", 0.026, 250, True, 20),
    )  # fmt: skip
    known = Result(
        format=1, llmprobe="0.1.0", name="evening", seed=0, started="2026-01-05T20:15:00+01:00",
        duration_s=91.2, complete=True, ended="stopped by hand", torn_lines=0,
        url="http://127.0.0.1:8000/v1", model="llama-3-8b", insecure=False,
        verdict=Verdict(False, 1, ("p95 ttft < 1s: 1.18 s (n = 250)",), slos),
        totals=Totals(
            260, 250, 7, 3, {"ok": 250, "rate_limited": 7, "cancelled": 3}, 21_000, 64_000, None, None,
            "usage", None, 1200.0, 0.0,
        ),
        warmup_requests=0, latency=Latency(spread, none, none, spread, spread, none, none),
        throughput=Throughput(2.7, 700.0, 50.0), workload=Workload(none, none, "cold", None), levels=levels,
        capacity=None, limits=None, cost=None,
        probe=Probe(False, None, 0.004, 0.01, 0.21, 1, {"kernel": 64_000}, none), server=None,
    )  # fmt: skip
    return replace(known, **changes)


def record(**changes: Any) -> RequestRecord:
    known = RequestRecord(
        index=0, prompt_id="mixed-001", user=0, level_id=0, users=1, started_s=0.0,
        connect_s=0.001, ack_s=0.21,
        ttft_s=0.312, tpot_s=0.021, e2e_s=1.62, input_tokens=84, output_tokens=64, token_source="usage",
        outcome=Outcome.OK, status=200, finish_reason="stop", stamps={"kernel": 61},
    )  # fmt: skip
    return replace(known, **changes)


class FakeSession:
    """Does what it is told to the view that it shows, and remembers each call."""

    def __init__(self, view: View = IDLE, *, consent: str | None = None) -> None:
        self.seen = view
        self.calls: list[tuple[Any, ...]] = []
        self.reply = TestReply(
            "http://127.0.0.1:8000/v1/chat/completions",
            '{"model": "llama-3-8b", "stream": true}',
            record(),
            "Tides.",
        )
        self.came_to = result()
        self.fails: dict[str, LlmprobeError] = {}
        self._consent = consent

    def named(self, name: str) -> list[tuple[Any, ...]]:
        return [call[1:] for call in self.calls if call[0] == name]

    def view(self) -> View:
        return self.seen

    async def start(self) -> None:
        self._call("start")
        self.seen = replace(self.seen, state=State.RUNNING)

    async def stop(self, *, now: bool = False) -> None:
        self._call("stop", now)
        self.seen = replace(self.seen, state=State.STOPPED if now else State.STOPPING)

    async def set_load(self, load: float, kind: str, /) -> None:
        self._call("set_load", load, kind)
        snapshot = replace(self.seen.snapshot, target=load, kind=kind)
        self.seen = replace(self.seen, kind=kind, snapshot=snapshot)

    async def arm(self) -> None:
        self._call("arm")
        says = "climbs to 16 users: nothing has broken yet, 12 of 20 verdicts"
        search = Searching("knee", armed=True, says=says, toward=24.0)
        self.seen = replace(self.seen, state=State.RUNNING, search=search)

    async def disarm(self) -> None:
        self._call("disarm")
        search = Searching("knee", armed=False, says="paused: a hand has the load; a goes on")
        self.seen = replace(self.seen, search=search)

    async def follow(self, stages: Any, /) -> None:
        self._call("follow", stages)
        at = Following(1, len(stages), stages[0].to, 12.0)
        self.seen = replace(self.seen, state=State.RUNNING, following=at)

    async def watch(self, watch: Watch) -> None:
        self._call("watch", watch)

    async def test(self) -> TestReply:
        self._call("test")
        return self.reply

    def mark(self, text: str) -> None:
        self._call("mark", text)

    def save(self, name: str, path: Path | None = None) -> Saved:
        self._call("save", name, path)
        return Saved(Path(f"{name}.toml"), f"llmprobe run {name}.toml")

    async def result(self) -> Result:
        self._call("result")
        return self.came_to

    async def raise_caps(self, max_requests: int | None, max_usd: float | None) -> None:
        self._call("raise_caps", max_requests, max_usd)
        self.seen = replace(self.seen, state=State.RUNNING, max_requests=max_requests, max_usd=max_usd)

    def consent(self) -> str | None:
        return self._consent

    async def close(self) -> None:
        self._call("close")

    def _call(self, name: str, *arguments: Any) -> None:
        self.calls.append((name, *arguments))
        if name in self.fails:
            raise self.fails[name]


@pytest.fixture(autouse=True)
def plain_surroundings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Nothing of this machine's terminal or of its user's themes."""
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("LLMPROBE_ASCII", "0")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))


@pytest.fixture(autouse=True)
def no_chance(monkeypatch: pytest.MonkeyPatch) -> None:
    """How quick a machine is decides nothing: what was done has arrived before the next is done."""
    threads = Threads()
    monkeypatch.setattr(asyncio, "to_thread", threads.to_thread)
    monkeypatch.setattr("textual.app.wait_for_idle", threads.wait_for_idle)
    monkeypatch.setattr("textual.pilot.wait_for_idle", threads.wait_for_idle)
    monkeypatch.setattr(ProbeScreen, "look_every", lambda *_: None)


@pytest.fixture
def build() -> Callable[..., ProbeApp]:
    """An app over one session, or over several (or errors), opened one after another."""

    def make(
        *sessions: FakeSession | LlmprobeError,
        scenario: Scenario = SCENARIO,
        autostart: bool = False,
        offers: Offers = Offers(),  # noqa: B008 - it is frozen
    ) -> ProbeApp:
        left = list(sessions)

        async def opener(wanted: Scenario) -> FakeSession:
            following = left.pop(0)
            if isinstance(following, LlmprobeError):
                raise following
            following.seen = replace(following.seen, scenario=wanted)
            return following

        return ProbeApp(opener, scenario, autostart=autostart, find_offers=lambda: offers)

    return make


class Stage:
    """What the tests of the screen share: the fake session, its views, and how to run and read an app."""

    FakeSession = FakeSession
    IDLE = IDLE
    SCENARIO = SCENARIO
    finished = staticmethod(finished)
    level = staticmethod(level)
    look = staticmethod(look)
    percentiles = staticmethod(percentiles)
    record = staticmethod(record)
    result = staticmethod(result)
    row = staticmethod(row)
    running = staticmethod(running)
    running_view = staticmethod(running_view)
    text_of = staticmethod(text_of)


@pytest.fixture
def stage() -> type[Stage]:
    return Stage
