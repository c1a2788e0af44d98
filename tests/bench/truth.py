"""What an endpoint truly holds: long runs at each load, in virtual time, and kept in a file."""

import ast
import hashlib
import math
import os
from functools import cache
from pathlib import Path

import msgspec
from msgspec import Struct

from llmprobe.core.events import RequestFinished
from llmprobe.core.load import LoadKind
from llmprobe.core.record import RequestRecord
from llmprobe.core.slo import QUANTILES, Slo
from llmprobe.sim import faults, limits, model, replica, weather
from llmprobe.sim.model import Config
from tests.bench import virtual
from tests.bench.drawn import Drawn
from tests.bench.virtual import VirtualEngine

CACHE = Path(os.environ.get("LLMPROBE_BENCH_CACHE", ".bench_cache"))
_SETTLE_S = 180.0
"""Long enough for a cold start, for more replicas, and for a bucket of a minute to run dry."""
_DRAIN_S = 120.0
"""As long it is asked for twice as much first where a bucket could hide for many minutes what is too much."""
_REQUESTS = 3000
_FEW = 600
"""Requests after which a clear case is clear."""
_CLEARLY_OVER, _CLEARLY_KEPT = 5.0, 0.3
_KEPT_S = 300.0
"""A load that keeps its SLOs has done so through spells and windows of a minute."""


class Shares(Struct, frozen=True):
    """Of a long run at one load: the share of requests that broke each SLO, over its budget."""

    over: tuple[float, ...]
    """1 is exactly at the budget."""
    n: int

    @property
    def worst(self) -> float:
        """Above 1 the load breaks an SLO."""
        return max(self.over)


@cache
def _model_digest() -> str:
    """Of the code that decides; how it is laid out and its remarks don't count."""
    modules = (model, replica, limits, weather, faults, virtual)
    code = (ast.dump(ast.parse(Path(str(module.__file__)).read_text())) for module in modules)
    return hashlib.sha256("".join(code).encode()).hexdigest()


_RATE_STEP = 1.05
"""An open load is told to this precision."""


class Truth:
    """The capacity of one drawn endpoint, in users; or, in an open load, in steps of a rate."""

    def __init__(self, of: Drawn, kind: LoadKind = "users") -> None:
        self._of = of
        self._kind = kind
        means = (*(() if kind == "users" else (_RATE_STEP,)), *((_DRAIN_S,) if _buckets(of) else ()))
        told = repr((_model_digest(), of, _SETTLE_S, _REQUESTS, *means))
        self._file = CACHE / f"{hashlib.sha256(told.encode()).hexdigest()[:20]}.json"
        self.levels: dict[int, Shares] = {}
        if self._file.exists():
            self.levels = msgspec.json.decode(self._file.read_bytes(), type=dict[int, Shares])

    def load(self, step: int) -> float:
        """A step as a load: users, or requests a second from `most` / 512 on."""
        return step if self._kind == "users" else self._of.most / 512 * _RATE_STEP ** (step - 1)

    def step(self, load: float) -> int:
        """The last step that is not above a load."""
        if self._kind == "users":
            return int(load)
        return 1 + math.floor(1e-9 + math.log(load * 512 / self._of.most) / math.log(_RATE_STEP))

    def at(self, users: int) -> Shares:
        """The long run at this load."""
        if users not in self.levels:
            self.levels[users] = _measure(self._of, self.load(users), self._kind)
            CACHE.mkdir(exist_ok=True)
            whole = self._file.with_suffix(f".{os.getpid()}")
            whole.write_bytes(msgspec.json.encode(self.levels))
            whole.replace(self._file)
        return self.levels[users]

    def capacity(self) -> int:
        """The largest step that keeps every SLO; that of `most` where none breaks it."""
        good, bad, most = 0, 1, self.step(self._of.most)
        while bad <= most and self.at(bad).worst <= 1:
            good, bad = bad, min(bad * 2, most) if bad < most else bad + 1
        while bad - good > 1:
            middle = (good + bad) // 2
            if self.at(middle).worst <= 1:
                good = middle
            else:
                bad = middle
        return good

    def binding(self) -> str:
        """The SLO that breaks one user later."""
        over = self.at(min(self.capacity() + 1, self._of.most)).over
        return self._of.slos[over.index(max(over))].metric


def budget(slo: Slo) -> float:
    """The share of requests that may break it."""
    return 1 - QUANTILES[slo.quantile] if slo.quantile is not None else slo.bound


def _buckets(of: Drawn) -> bool:
    machine = of.endpoint.machine
    if not isinstance(machine, Config):
        return False
    return machine.limits.requests_per_minute is not None or machine.limits.tokens_per_minute is not None


def _measure(of: Drawn, load: float, kind: LoadKind) -> Shares:
    engine = VirtualEngine(of.endpoint, seed=10_007, kind=kind)
    if _buckets(of):
        engine.set_load(2 * load, min(15.0, load))
        engine.until(_DRAIN_S)
    settled_s = engine.now_s + _SETTLE_S
    engine.set_load(load, min(15.0, load))
    engine.until(settled_s)
    engine.events = []
    broke, judged = [0] * len(of.slos), [0] * len(of.slos)
    n, over = 0, [0.0]
    while n < _REQUESTS and engine.now_s < 40_000:
        engine.until(engine.now_s + 20)
        for event in engine.events:
            if isinstance(event, RequestFinished) and event.record.started_s >= settled_s:
                n += 1
                for k, slo in enumerate(of.slos):
                    verdict = _verdict(event.record, slo)
                    judged[k] += verdict is not None
                    broke[k] += verdict is True
        engine.events = []
        over = [b / max(1, j) / budget(slo) for b, j, slo in zip(broke, judged, of.slos, strict=True)]
        kept = max(over) < _CLEARLY_KEPT and engine.now_s >= settled_s + _KEPT_S
        if n >= _FEW and (kept or max(over) > _CLEARLY_OVER):
            break
    return Shares(tuple(over), n)


def _verdict(record: RequestRecord, slo: Slo) -> bool | None:
    outcome = record.outcome
    if slo.metric == "errors":
        return outcome.failed
    if slo.metric == "ttft":
        if record.ttft_s is not None:
            return record.ttft_s > slo.bound
        return True if outcome.value.startswith("timeout") else None
    if record.tpot_s is None or (record.output_tokens or 0) < 8 or not outcome.completed:
        return None
    return record.tpot_s > slo.bound
