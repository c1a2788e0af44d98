"""The strategies against simulated endpoints in virtual time: how far off, how dear, how often wrong.

python -m tests.bench.breaking_point --endpoints 120 --seeds 4 --jobs 2 --strategy knee
"""

import argparse
import statistics
import time
from collections.abc import Iterable
from concurrent.futures import ProcessPoolExecutor

from msgspec import Struct

from llmprobe.control import STRATEGIES
from llmprobe.core.load import LoadKind
from llmprobe.core.tick import Goal
from tests.bench.drawn import draw
from tests.bench.truth import Truth
from tests.bench.virtual import VirtualEngine, search


class Run(Struct, frozen=True):
    """One search, beside the truth."""

    name: str
    seed: int
    truth: float
    """The largest load that keeps every SLO in long runs; 0 where none does."""
    slack: float
    """How far off a claim may be without an error: one user, or a step of the rate."""
    most: float
    drifts: bool
    capacity: float | None
    estimate: float | None
    low: float | None
    high: float | None
    cause: str | None
    refused: str | None
    drift: bool
    noise: bool
    false: bool
    seconds: float
    requests: int
    above: int
    cpu_s: float

    @property
    def error(self) -> float | None:
        """Of the claim, beyond the slack, as a share of the truth; None where there is no claim."""
        if self.capacity is None or not self.truth or self.truth >= self.most:
            return None
        return max(0.0, abs(self.capacity - self.truth) - self.slack) / self.truth

    @property
    def covered(self) -> bool | None:
        """Whether the interval holds the break, which lies above the truth and at most the slack further."""
        if self.low is None or self.high is None or self.capacity is None:
            return None
        if not self.truth or self.truth >= self.most:
            return None
        return self.low < self.truth + self.slack and self.high >= self.truth


def run(job: tuple[str, LoadKind, int, int, int]) -> Run:
    """One search."""
    strategy, kind, drawing, number, seed = job
    of = draw(drawing, number)
    truth = Truth(of, kind)
    step = truth.capacity()
    capacity = truth.load(step) if step else 0.0
    if step == truth.step(of.most):
        capacity = of.most
    slack = 1.0 if kind == "users" else truth.load(step + 1) - truth.load(step)
    began = time.process_time()
    engine = VirtualEngine(of.endpoint, seed=1000 * seed + number, kind=kind)
    done = search(STRATEGIES[strategy](Goal(of.slos, kind, of.most)), engine)
    cpu_s = time.process_time() - began
    found = done.finding
    claim = found.capacity
    false = False
    if claim is not None and not of.drifts:
        if claim > capacity:
            false = truth.at(truth.step(claim)).worst > 2
        false = false or claim < 0.75 * capacity or (found.cause == "none" and capacity < of.most)
    return Run(
        of.name, seed, capacity, slack, of.most, of.drifts, claim, found.estimate, found.low, found.high,
        found.cause, found.refused, found.drift is not None, found.noise is not None, false,
        done.seconds, done.requests, done.above(1.1 * capacity) if capacity < of.most else 0, cpu_s,
    )  # fmt: skip


def table(runs: list[Run]) -> str:
    """The figures beside their bars."""
    steady = [one for one in runs if not one.drifts]
    errors = sorted(one.error for one in steady if one.error is not None)
    loose = sorted(
        max(0.0, abs(one.estimate - one.truth) - one.slack) / one.truth
        for one in steady
        if one.estimate is not None and one.truth and one.truth < one.most
    )
    covered = [one.covered for one in steady if one.covered is not None]
    # Where not even one user holds, an endpoint that only gets slower makes that no less true.
    drifting = [one for one in runs if one.drifts and not one.capacity == one.truth == 0]
    rows = [
        (
            "error of the claim beyond one user, or 5 % of a rate",
            f"{_pc(errors, 0.5)} / {_pc(errors, 0.9)}",
            "4 / 19 %",
        ),
        ("error of the estimate, likewise", f"{_pc(loose, 0.5)} / {_pc(loose, 0.9)}", ""),
        ("refused, steady endpoints", _share(one.capacity is None for one in steady), "10 %"),
        ("false claims", _share(one.false for one in steady), "8 %"),
        ("interval covers the truth", _share(covered), ">= 85 %"),
        ("requests, median", f"{statistics.median(one.requests for one in steady):.0f}", "900"),
        ("above 1.1 x truth, mean", f"{statistics.mean(one.above for one in steady):.0f}", "200"),
        ("virtual seconds, median", f"{statistics.median(one.seconds for one in steady):.0f}", "300"),
        ("drift flagged, but for a rightful zero", _share(one.drift for one in drifting), ">= 90 %"),
        ("falsely flagged", _share(one.drift for one in steady), "3 %"),
        ("CPU seconds a search, mean", f"{statistics.mean(one.cpu_s for one in runs):.2f}", ""),
    ]
    return "\n".join(f"{name:50s} {value:>16s}   {bar}" for name, value, bar in rows)


def _pc(values: list[float], q: float) -> str:
    return f"{values[int(q * (len(values) - 1))]:.0%}" if values else "-"


def _share(of: Iterable[bool]) -> str:
    flags = list(of)
    return f"{sum(flags) / len(flags):.1%} of {len(flags)}" if flags else "-"


def main() -> None:
    """Run, and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--strategy", choices=sorted(STRATEGIES), default="knee")
    parser.add_argument("--endpoints", type=int, default=120)
    parser.add_argument("--seeds", type=int, default=4)
    parser.add_argument("--drawing", type=int, default=1, help="the seed that endpoints are drawn from")
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--open", action="store_true", help="search over requests a second")
    parser.add_argument("--verbose", action="store_true")
    args = parser.parse_args()
    jobs = [
        (args.strategy, "rate" if args.open else "users", args.drawing, k, seed)
        for seed in range(args.seeds)
        for k in range(args.endpoints)
    ]
    runs: list[Run] = []
    with ProcessPoolExecutor(args.jobs) as pool:
        for one in pool.map(run, jobs):
            runs.append(one)
            if args.verbose:
                print(line(one), flush=True)
    print(table(runs))


def line(one: Run) -> str:
    """One search in a line."""
    claim = "-" if one.capacity is None else f"{one.capacity:.3g}"
    low, high = ("?" if x is None else f"{x:.3g}" for x in (one.low, one.high))
    marks = [name for name, on in (("FALSE", one.false), ("drift", one.drift), ("noise", one.noise)) if on]
    return (
        f"{one.name:22s} truth {one.truth:4.3g} claim {claim:>4s} [{low}..{high}] {one.cause or '':10s}"
        f" {one.seconds:5.0f} s {one.requests:5d} req {one.above:4d} above  {one.cpu_s:.2f} cpu"
        f"  {' '.join([*marks, one.refused or ''])}"
    )


if __name__ == "__main__":
    main()
