"""What the presets' documented capacities rest on: closed-loop users on the pure model, in virtual time.

    python tests/bench/true_capacity.py [PRESET ...]

Each level runs until thousands of requests have ended; the capacity is the largest that keeps every SLO.
"""

import heapq
import itertools
import math
import sys
from collections.abc import Iterator
from pathlib import Path

from msgspec import Struct

from llmprobe.core.outcome import Outcome
from llmprobe.core.scenario import DEFAULT_MAX_TOKENS, Endpoint, Retry
from llmprobe.core.seeding import unit
from llmprobe.core.slo import DEFAULT_SLOS
from llmprobe.corpus.reader import find_corpus, load_corpus
from llmprobe.corpus.sampler import Sampler
from llmprobe.corpus.tokens import estimate_tokens
from llmprobe.engine.backoff import backoff_s
from llmprobe.sim.faults import AT_ONCE, Faults
from llmprobe.sim.model import Accepted, Config, Model
from llmprobe.sim.presets import PRESETS, Preset
from llmprobe.wire.dialects import dialect

REQUESTS = 6000
MAX_USERS = 256
_SETTLE = 4
"""Requests of each user that are left out while the level settles."""
_SPREAD_S = 5.0
"""Over which the users start."""


class Asked(Struct, frozen=True):
    """A prompt as the simulated server counts it."""

    prompt_tokens: int
    max_tokens: int | None


class Level(Struct, frozen=True):
    """What a number of users got."""

    users: int
    ttft_p95_s: float
    tpot_p95_s: float
    errors: float
    requests_per_s: float
    ttft_p50_s: float
    tpot_p50_s: float
    e2e_p50_s: float

    @property
    def broken(self) -> tuple[str, ...]:
        """The SLOs that don't hold."""
        values = {"ttft": self.ttft_p95_s, "tpot": self.tpot_p95_s, "errors": self.errors}
        return tuple(slo.metric for slo in DEFAULT_SLOS if not slo.met_by(values[slo.metric]))


def prompts(seed: int) -> Iterator[Asked]:
    """The draws of a run with the corpus `mixed`, as they arrive at the server."""
    sampler = Sampler(load_corpus(find_corpus("mixed", Path())), seed, "bench")
    chat, url = dialect("openai-chat"), "http://127.0.0.1/v1"
    known: dict[str, Asked] = {}
    for k in itertools.count():
        draw = sampler.draw(k)
        if (asked := known.get(draw.prompt.id)) is None:
            sent = chat.encode_request(Endpoint(url), url, "m", draw, DEFAULT_MAX_TOKENS, None)
            read = chat.decode_request("", sent.body)
            asked = known[draw.prompt.id] = Asked(estimate_tokens(read.prompt_text), read.max_tokens)
        yield asked


class _Run:
    """Closed-loop users, each sending its next request when the last one has ended."""

    def __init__(self, preset: Preset, users: int, seed: int) -> None:
        assert isinstance(preset.machine, Config)
        self._seed = seed
        self._model = Model(preset.machine, seed)
        self._faults = Faults(preset.faults, seed)
        self._prompts = prompts(seed)
        self._due = [(_SPREAD_S * unit(seed, user), user) for user in range(users)]
        heapq.heapify(self._due)
        self._failures = [0] * users
        self._open: dict[int, tuple[int, float, Accepted, bool]] = {}
        self._first: dict[int, float] = {}
        self._sent = 0
        self._total = 0
        self.ttft_s: list[float] = []
        self.tpot_s: list[float] = []
        self.e2e_s: list[float] = []
        self.failed = 0
        self.ended = 0
        self.counts_from_s = math.inf
        self.now_s = 0.0

    def until(self, ended: int) -> None:
        """Go on until so many requests have ended, those that don't count included."""
        goal = self._total + ended
        while self._total < goal:
            at_s = min(self._model.next_at(), self._due[0][0] if self._due else math.inf)
            self.now_s = at_s
            for event in self._model.advance(at_s):
                if event.kind == "first":
                    self._first[event.request_id] = event.at_s
                else:
                    self._finished(event.request_id, event.at_s)
            while self._due and self._due[0][0] <= at_s:
                self._send(heapq.heappop(self._due)[1], at_s)

    def _send(self, user: int, at_s: float) -> None:
        number, self._sent = self._sent, self._sent + 1
        asked = next(self._prompts)
        fault = self._faults.of(number)
        if fault in AT_ONCE:
            self._fail(user, at_s, at_s, None)
            return
        answer = self._model.arrive(at_s, asked.prompt_tokens, asked.max_tokens)
        if isinstance(answer, Accepted):
            self._open[answer.request_id] = (user, at_s, answer, fault is not None)
        else:
            self._fail(user, at_s, at_s, answer.refusal.retry_after_s)

    def _finished(self, request_id: int, at_s: float) -> None:
        user, sent_s, answer, broken = self._open.pop(request_id)
        first_s = self._first.pop(request_id)
        if broken:
            self._fail(user, sent_s, at_s, None)
            return
        self._failures[user] = 0
        self._count(sent_s)
        if sent_s >= self.counts_from_s:
            self.ttft_s.append(first_s - sent_s)
            self.e2e_s.append(at_s - sent_s)
            if answer.output_tokens >= 8:
                self.tpot_s.append((at_s - first_s) / (answer.output_tokens - 1))
        heapq.heappush(self._due, (at_s, user))

    def _fail(self, user: int, sent_s: float, at_s: float, retry_after_s: float | None) -> None:
        self._failures[user] += 1
        self._count(sent_s)
        self.failed += sent_s >= self.counts_from_s
        wait_s = backoff_s(
            Retry(), Outcome.SERVER_ERROR, failures=self._failures[user], retry_after_s=retry_after_s,
            seed=self._seed, index=self._sent,
        )  # fmt: skip
        heapq.heappush(self._due, (at_s + wait_s, user))

    def _count(self, sent_s: float) -> None:
        self._total += 1
        self.ended += sent_s >= self.counts_from_s


def measure(preset: Preset, users: int, *, requests: int = REQUESTS, seed: int = 1) -> Level:
    """Run one level for long."""
    run = _Run(preset, users, seed)
    run.until(_SETTLE * users)
    run.counts_from_s = began_s = run.now_s
    run.until(requests)
    return Level(
        users=users,
        ttft_p95_s=_quantile(run.ttft_s, 0.95),
        tpot_p95_s=_quantile(run.tpot_s, 0.95),
        errors=run.failed / max(1, run.ended),
        requests_per_s=(run.ended - run.failed) / (run.now_s - began_s),
        ttft_p50_s=_quantile(run.ttft_s, 0.5),
        tpot_p50_s=_quantile(run.tpot_s, 0.5),
        e2e_p50_s=_quantile(run.e2e_s, 0.5),
    )


def _quantile(values: list[float], q: float) -> float:
    return sorted(values)[min(len(values) - 1, math.ceil(q * len(values)) - 1)] if values else math.nan


def true_capacity(preset: Preset, *, requests: int = REQUESTS, seed: int = 1) -> tuple[int, list[Level]]:
    """The largest level that keeps every SLO, and the levels that were measured, lowest first."""
    levels: dict[int, Level] = {}

    def holds(users: int) -> bool:
        levels[users] = measure(preset, users, requests=requests, seed=seed)
        return not levels[users].broken

    good, bad = 0, 1
    while bad <= MAX_USERS and holds(bad):
        good, bad = bad, bad * 2
    while bad - good > 1:
        middle = (good + bad) // 2
        if holds(middle):
            good = middle
        else:
            bad = middle
    return good, [levels[users] for users in sorted(levels)]


def main(names: list[str]) -> None:
    """Print each preset's levels, and its capacity beside the documented one."""
    for name in names or [name for name, preset in PRESETS.items() if isinstance(preset.machine, Config)]:
        preset = PRESETS[name]
        capacity, levels = true_capacity(preset)
        print(f"\n{name}: measured {capacity}, documented {preset.capacity} ({preset.cause})")
        print("users   p95 ttft   p95 tpot   errors  req/s   p50 ttft   p50 tpot  p50 e2e  broken")
        for one in levels:
            print(
                f"{one.users:5d}  {one.ttft_p95_s:7.3f} s  {one.tpot_p95_s * 1e3:6.1f} ms  {one.errors:7.2%}"
                f"  {one.requests_per_s:5.2f}  {one.ttft_p50_s:7.3f} s  {one.tpot_p50_s * 1e3:6.1f} ms"
                f"  {one.e2e_p50_s:5.2f} s  {' '.join(one.broken)}"
            )


if __name__ == "__main__":
    main(sys.argv[1:])
