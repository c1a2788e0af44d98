"""llmprobe, plain httpx and aiohttp on one server in one run: what each costs, and how true its stamps are.

Beside them a bare script of llmprobe's own design, without a product around it: how fast this machine is.

    pip install -e '.[bench,fast]'
    python -m tests.bench.clients [--rates 5k,20k] [--streams 1000] [--burst 1000] [--repeat 3]

The server is the project's own `llmprobe sim fixed`, or `--server URL`: any that sends `created_ns` in each
chunk. {ttft_ms}, {itl_ms} and {tokens} in that URL are filled in. Each cell has processes of its own; figures
are medians over the repeats. It needs Linux (/proc), two idle cores, and about a minute for each rate and
repeat. A server that used over 90 % of a core is marked SATURATED: it can not have kept its times. So that a
client's work does not make the server late, which would show as the client's error, the simulator comes first
wherever the system lets it (SCHED_FIFO, for root); start another one with `chrt -f 10`.
"""

import argparse
import os
import platform
import re
import statistics
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib.util import find_spec
from typing import Any

import msgspec
from msgspec import Struct
from msgspec.structs import fields, replace

from llmprobe.core.units import parse_size
from tests.bench.cell import Cell, Measured

_CLIENTS = ("llmprobe", "bare", "httpx", "aiohttp")
_TTFT_S = 0.2
_UNEVEN = 0.955
"""Of an answer's time, for the users to start in: any round share of it makes their tokens tick together."""
_GRACE_S = 150.0
"""To start, and to come to an end, beyond the time of a cell."""
_SERVER_FULL = 0.9
"""Share of a core past which the server can't have kept its times."""


class Plan(Struct, frozen=True):
    """A row of cells, one for each client."""

    title: str
    offered: float
    """Tokens a second."""
    cell: Cell


def steady(rate: float, streams: int, tokens: int, window_s: float) -> Plan:
    """So many tokens a second from streams that begin and end evenly over time."""
    answer_s = streams * tokens / rate
    itl_s = (answer_s - _TTFT_S) / (tokens - 1)
    if itl_s <= 0:
        raise SystemExit(
            f"{streams} streams of {tokens} tokens can't come at {rate:g} tokens/s; ask for more tokens"
        )
    cell = Cell("", "", streams, tokens, _TTFT_S, itl_s, spread_s=_UNEVEN * answer_s, window_s=window_s)
    return Plan(f"{streams} streams at {rate:,.0f} tokens/s", rate, cell)


def burst(users: int, window_s: float) -> Plan:
    """All users start at once; 100 ms between the tokens."""
    tokens, itl_s = 100, 0.1
    cell = Cell("", "", users, tokens, _TTFT_S, itl_s, spread_s=0.0, window_s=window_s)
    return Plan(f"{users} users starting at once", users * tokens / (_TTFT_S + itl_s * (tokens - 1)), cell)


@contextmanager
def served(plan: Plan, server: str | None) -> Iterator[Cell]:
    """The plan's cell with a server to run it on: the one that was named, or a simulator for it alone."""
    cell = plan.cell
    if server is not None:
        values = {"ttft_ms": 1000 * cell.ttft_s, "itl_ms": 1000 * cell.itl_s, "tokens": cell.tokens}
        yield replace(cell, url=server.format(**values), model="mock")
        return
    command = [
        sys.executable, "-m", "llmprobe", "sim", "fixed", "--port", "0",
        "--ttft", f"{cell.ttft_s}s", "--itl", f"{cell.itl_s:.9f}s", "--tokens", str(cell.tokens),
    ]  # fmt: skip
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        found = re.search(r"http://\S+", process.stdout.readline())
        assert found is not None
        with suppress(PermissionError):
            os.sched_setscheduler(process.pid, os.SCHED_FIFO, os.sched_param(10))
        yield replace(cell, url=found[0], model="sim-fixed", server_pid=process.pid)
    finally:
        process.terminate()
        process.wait()


def run_client(name: str, cell: Cell) -> Measured | None:
    """One cell in a process of its own; None when it failed or did not end."""
    try:
        done = subprocess.run(
            [sys.executable, "-m", f"tests.bench.client_{name}"],
            input=msgspec.json.encode(cell), stdout=subprocess.PIPE, check=True,
            timeout=cell.spread_s + cell.window_s + _GRACE_S,
        )  # fmt: skip
        return msgspec.json.decode(done.stdout, type=Measured)
    except (subprocess.SubprocessError, msgspec.DecodeError) as error:
        print(f"{name}: {error}", file=sys.stderr)
        return None


def median_of(runs: list[Measured]) -> Measured:
    """Figure by figure."""
    merged: dict[str, Any] = {}
    for field in fields(Measured):
        known = [value for run in runs if (value := getattr(run, field.name)) is not None]
        merged[field.name] = statistics.median(known) if known else None
    return Measured(**merged)


def measured(plan: Plan, clients: list[str], repeat: int, server: str | None) -> dict[str, Measured]:
    """The clients take turns, so that whatever disturbs the machine disturbs all."""
    runs: dict[str, list[Measured]] = {name: [] for name in clients}
    for turn in range(repeat):
        for name in clients:
            print(f"{plan.title}: {name}, {turn + 1} of {repeat}", file=sys.stderr)
            with served(plan, server) as cell:
                if (figures := run_client(name, cell)) is not None:
                    runs[name].append(figures)
    return {name: median_of(some) for name, some in runs.items() if some}


def table(plan: Plan, rows: dict[str, Measured]) -> str:
    """What was measured, for a person."""
    ours = rows.get("llmprobe")
    true_itl_ms = _true_itl_ms(plan, rows)
    lines = [_HEAD]
    for name, row in rows.items():
        lines.append(
            (
                name,
                f"{row.tokens_per_s:,.0f}",
                f"{row.cpu_us:.1f}",
                f"{row.engine_us:.1f}",
                _ratio(row.cpu_us, ours.cpu_us if ours else None),
                _pair(row.stamp_p50_us, row.stamp_p99_us),
                _ratio(row.stamp_p99_us, ours.stamp_p99_us if ours else None),
                _percent(row.itl_ms, row.true_itl_ms or true_itl_ms),
                _pair(row.ttft_off_mean_ms, row.ttft_off_p99_ms),
                f"{row.answered}",
                f"{row.errors}",
                f"{row.rss_mb:.0f}",
                _server(row),
            )
        )
    widths = [max(len(line[column]) for line in lines) for column in range(len(_HEAD))]
    texts = ["  ".join(text.rjust(width) for text, width in zip(line, widths, strict=True)) for line in lines]
    return "\n".join([f"{plan.title}, {plan.offered:,.0f} tokens/s offered", *texts])


_HEAD = (
    "client", "tok/s", "CPU us/token", "engine's", "x", "stamp us p50/p99", "x", "ITL off",
    "TTFT off ms mean/p99", "answered", "errors", "MB", "server CPU",
)  # fmt: skip


def _true_itl_ms(plan: Plan, rows: dict[str, Measured]) -> float:
    """By the server's stamps as the plain clients saw them, else what it was asked to keep."""
    seen = [row.true_itl_ms for row in rows.values() if row.true_itl_ms is not None]
    return statistics.fmean(seen) if seen else 1000 * plan.cell.itl_s


def _server(row: Measured) -> str:
    if row.server_cpu is None:
        return "-"
    return f"{100 * row.server_cpu:.0f} %" + (" SATURATED" if row.server_cpu > _SERVER_FULL else "")


def _one(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f}" if abs(value) < 100 else f"{value:,.0f}"


def _pair(first: float | None, second: float | None) -> str:
    return f"{_one(first)} / {_one(second)}"


def _ratio(value: float | None, ours: float | None) -> str:
    return f"{value / ours:.1f}" if value is not None and ours else "-"


def _percent(value: float | None, true: float) -> str:
    return f"{100 * (value / true - 1):+.3f} %" if value is not None else "-"


def main() -> None:
    """Print one table for each rate, and one for the burst."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--server", metavar="URL", help="instead of the simulator")
    parser.add_argument("--rates", default="5k,20k", metavar="5k,20k", help="tokens a second; empty is none")
    parser.add_argument("--streams", type=parse_size, default=1000, metavar="N")
    parser.add_argument("--tokens", type=parse_size, default=100, metavar="N", help="of an answer (100)")
    parser.add_argument("--burst", type=parse_size, default=0, metavar="N", help="users starting at once")
    parser.add_argument("--repeat", type=int, default=3, metavar="N")
    parser.add_argument(
        "--window", type=float, default=6.0, metavar="SECONDS", help="measured of each cell (6)"
    )
    parser.add_argument("--clients", default=",".join(_CLIENTS), metavar=",".join(_CLIENTS))
    args = parser.parse_args()
    rates = [parse_size(rate) for rate in args.rates.split(",") if rate]
    plans = [steady(rate, args.streams, args.tokens, args.window) for rate in rates]
    if args.burst:
        plans.append(burst(args.burst, args.window))
    loop = "uvloop" if find_spec("uvloop") else "asyncio"
    print(f"Python {platform.python_version()}, {loop}, {os.cpu_count()} cores, medians of {args.repeat}\n")
    for plan in plans:
        print(
            table(plan, measured(plan, args.clients.split(","), args.repeat, args.server)),
            end="\n\n",
            flush=True,
        )


if __name__ == "__main__":
    main()
