"""The rate-limit mapper against drawn limiters in virtual time: how often right or wrong, how dear.

python -m tests.bench.limits --limiters 60 --drawing 1 --told nothing --jobs 2
"""

import argparse
import random
import statistics
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from email.utils import formatdate
from functools import partial
from typing import Literal

from msgspec import Struct

from llmprobe.cli.limits import MAX_REQUESTS
from llmprobe.control.mapper import Mapper
from llmprobe.core.limits import Limits
from llmprobe.core.rate_limit import RateLimit
from llmprobe.core.tick import Goal
from llmprobe.sim import limits as sim
from llmprobe.sim.faults import Shares
from llmprobe.sim.limit_headers import Style, limit_headers
from llmprobe.sim.model import Accepted, Config, Lengths, Rejected
from llmprobe.sim.replica import Hardware
from llmprobe.wire.rate_limit import parse_rate_limit
from tests.bench.virtual import Endpoint, VirtualEngine, search

Telling = Literal["headers", "nothing", "drawn"]
_EPOCH_S = 1.8e9
"""When virtual time begins."""


class Limited(Struct, frozen=True):
    """An endpoint with one limit."""

    number: int
    endpoint: Endpoint
    limits: sim.Limits
    style: Style


def draw(seed: int, number: int, telling: Telling) -> Limited:
    """Limiter `number` of a seed."""
    dice = random.Random(f"limits/{seed}/{number}")
    kind = dice.choice(["rpm", "declared", "real", "cap"])
    window: Literal["bucket", "minute"] = dice.choice(["bucket", "bucket", "minute"])
    burst_s = dice.choice([5.0, 20.0, 60.0])
    retry_after = dice.random() < 0.6
    rpm, tpm, tpm_real = dice.randint(30, 600), dice.randint(20_000, 300_000), dice.randint(20_000, 200_000)
    limits = sim.Limits(
        requests_per_minute=rpm if kind == "rpm" else None,
        tokens_per_minute={"declared": tpm, "real": tpm_real}.get(kind),
        concurrency=dice.randint(3, 60) if kind == "cap" else None,
        burst_s=burst_s,
        window=window,
        tokens_counted="real" if kind == "real" else "declared",
        tells_retry_after=retry_after,
    )
    hardware = Hardware(
        slots=256,
        step_s=dice.uniform(0.006, 0.03),
        step_s_per_request=dice.uniform(0.00003, 0.0003),
        prefill_s_per_token=dice.uniform(0.00002, 0.00012),
    )
    lengths = Lengths(dice.uniform(50, 200), dice.uniform(0.3, 1.2))
    endpoint = Endpoint(
        Config(hardware, lengths, limits=limits),
        rtt_s=dice.uniform(0.01, 0.25),
        faults=Shares(fail_500=dice.choice([0, 0, 0.01])),
    )
    vendor: Style = dice.choice(["openai", "azure", "anthropic"])
    tells = telling == "headers" or (telling == "drawn" and dice.random() < 0.5)
    silent: Style = dice.choice(["retry-after", "retry-date"])
    return Limited(number, endpoint, limits, vendor if tells else silent)


def told(style: Style, answer: Accepted | Rejected, at_s: float) -> RateLimit:
    """What a client reads in the headers of an answer."""
    now_s = _EPOCH_S + at_s
    wait_s = answer.refusal.retry_after_s if isinstance(answer, Rejected) else None
    headers = limit_headers(style, answer.standings, wait_s, now_s)
    named = {name.lower(): value for name, value in headers.items()}
    return parse_rate_limit(named | {"date": formatdate(now_s, usegmt=True)}, b"", now_s)


class Run(Struct, frozen=True):
    """One mapping, beside the truth."""

    number: int
    truth: str
    value: float
    found: Limits | None
    refused: str | None
    seconds: float
    requests: int
    cpu_s: float

    @property
    def answer(self) -> tuple[str, float] | None:
        """What was found, and its value; None where undetermined."""
        found = self.found
        if self.refused is not None or found is None or found.source is None:
            return None
        if found.concurrency is not None:
            return "cap", found.concurrency
        if found.rpm is not None:
            return "rpm", found.rpm
        assert found.tpm is not None
        return found.counts or "tokens", found.tpm

    @property
    def error(self) -> float | None:
        """Of the value, where the kind is right."""
        if self.answer is None or self.answer[0] != self.truth:
            return None
        return abs(self.answer[1] - self.value) / self.value

    @property
    def verdict(self) -> str:
        """`right` is the kind, and the value within 5 %."""
        if self.answer is None:
            return "undetermined"
        return "right" if self.error is not None and self.error <= 0.05 else "WRONG"


def run(job: tuple[int, int, Telling]) -> Run:
    """One mapping."""
    seed, number, telling = job
    of = draw(seed, number, telling)
    began = time.process_time()
    engine = VirtualEngine(of.endpoint, seed=1000 * seed + number, told=partial(told, of.style))
    done = search(Mapper(Goal(())), engine, max_requests=MAX_REQUESTS)
    limits = of.limits
    truth, value = next(
        (name, float(limit))
        for name, limit in (
            ("cap", limits.concurrency),
            ("rpm", limits.requests_per_minute),
            (limits.tokens_counted, limits.tokens_per_minute),
        )
        if limit is not None
    )
    return Run(
        number, truth, value, done.finding.limits, done.finding.refused,
        done.seconds, done.requests, time.process_time() - began,
    )  # fmt: skip


def table(runs: list[Run]) -> str:
    """The figures beside their bars."""
    verdicts = [one.verdict for one in runs]
    errors = sorted(one.error for one in runs if one.error is not None)
    requests, n = [one.requests for one in runs], len(runs)
    rows = [
        ("right", f"{verdicts.count('right')} of {n}", ">= 57 of 60"),
        ("wrong", f"{verdicts.count('WRONG')} of {n}", "0"),
        ("undetermined", f"{verdicts.count('undetermined')} of {n}", ""),
        ("error of the value, median", _pc(errors, 0.5), ""),
        ("error of the value, p90", _pc(errors, 0.9), "1 %"),
        ("requests, median / most", f"{_median(requests)} / {max(requests)}", ""),
        ("virtual seconds, median", _median([one.seconds for one in runs]), ""),
        ("CPU seconds, mean", f"{statistics.mean(one.cpu_s for one in runs):.2f}", ""),
    ]
    return "\n".join(f"{name:35s} {value:>16s}   {bar}" for name, value, bar in rows)


def line(one: Run) -> str:
    """One mapping in a line."""
    answer = "-" if one.answer is None else f"{one.answer[0]} {one.answer[1]:,.1f}"
    error = "" if one.error is None else f"{one.error:.2%}"
    window = one.found.window if one.found is not None else None
    cost = f"{one.seconds:5.0f} s {one.requests:5d} req {one.cpu_s:5.2f} cpu"
    return (
        f"{one.number:3d} {one.truth:8s} {one.value:9,.0f}  {answer:20s} {error:7s} {one.verdict:12s} "
        f"{window or '':8s}{cost}  {one.refused or ''}"
    )


def _median(values: Sequence[float]) -> str:
    return f"{statistics.median(values):.0f}"


def _pc(values: list[float], q: float) -> str:
    return f"{values[int(q * (len(values) - 1))]:.2%}" if values else "-"


def main() -> None:
    """Run, and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--limiters", type=int, default=60)
    parser.add_argument("--drawing", type=int, default=1, help="the seed that limiters are drawn from")
    parser.add_argument("--told", choices=("headers", "nothing", "drawn"), default="drawn")
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--verbose", action="store_true")
    args = parser.parse_args()
    jobs = [(args.drawing, number, args.told) for number in range(args.limiters)]
    if args.jobs > 1:
        with ProcessPoolExecutor(args.jobs) as pool:
            runs = list(pool.map(run, jobs))
    else:
        runs = [run(job) for job in jobs]
    if args.verbose:
        print("\n".join(line(one) for one in runs))
    print(table(runs))


if __name__ == "__main__":
    main()
