"""What the screen costs and how fast it answers, against bars.

    python -m tests.bench.screen [--server URL] [--only start,steady,hour,keys,stamps]

Linux, about four minutes. The screen runs in a pseudo-terminal on the project's own `llmprobe sim fixed`, or
on `--server URL`: any that sends `created_ns` in each chunk; {ttft_ms}, {itl_ms} and {tokens} in it are
filled in. CPU is user and system time of the screen's own process; that of workers and server is apart.
"""

import argparse
import json
import re
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from msgspec import Struct

from tests.bench.hour import MINUTES
from tests.bench.pty_screen import PtyScreen, surroundings

_RATE, _TTFT_S, _TOKENS = 20_000.0, 0.2, 400
_SETTLE_S, _WINDOW_S = 6.0, 20.0
_PRESSES = 100
_PRESS_EVERY_S = 0.3
_LOOK_S = 0.002
_LONGEST_HOUR_S = 600.0


class Figure(Struct, frozen=True):
    """A row of the table."""

    what: str
    value: float
    unit: str
    bar: float | None = None

    @property
    def row(self) -> str:
        """For a person."""
        bar = "" if self.bar is None else f"<= {self.bar:g} {self.unit}"
        held = "" if self.bar is None else "yes" if self.value <= self.bar else "NO"
        return f"{self.what:<66} {self.value:>8.4g} {self.unit:<9} {bar:<16} {held}"


# What there is to measure


def start(_target: str | None) -> Iterator[Figure]:
    """CPU of `--help` and of a first frame; the import of Textual beside it tells how fast the machine is."""
    helps = [_cpu_of("-m", "llmprobe", "--help") for _ in range(9)]
    yield Figure("--help, CPU", 1000 * statistics.median(helps), "ms", 60)
    textual = [_cpu_of("-c", "import textual.app") for _ in range(5)]
    yield Figure("import textual.app alone, CPU", 1000 * statistics.median(textual), "ms")
    frames: list[float] = []
    for _ in range(5):
        with tempfile.TemporaryDirectory() as folder, PtyScreen(Path(folder), "http://127.0.0.1:9/v1") as pty:
            pty.until(b"Load")
            frames.append(pty.cpu_s())
    yield Figure("first frame, CPU", 1000 * statistics.median(frames), "ms", 500)


def steady(server: str | None) -> Iterator[Figure]:
    """CPU while it only looks on, and while somebody scrolls through all users."""
    with _running(server, 1000) as pty:
        yield Figure("1,000 users, 20k tokens/s, CPU", _share(pty, _WINDOW_S), "% of core", 12)
        yield Figure("its resident memory", pty.memory() / 1e6, "MB")
        yield Figure("tokens received meanwhile", _received(pty), "a second")
    with _running(server, 4000) as pty:
        yield Figure(
            "4,000 users, streams scrolled a page each half second, CPU",
            _share(pty, _WINDOW_S, lambda: pty.press("\x04")), "% of core", 15,
        )  # fmt: skip
        yield Figure("tokens received meanwhile", _received(pty), "a second")


def hour(_server: str | None) -> Iterator[Figure]:
    """Memory of the screen's process over an hour that `tests.bench.hour` tells faster than it takes."""
    with tempfile.TemporaryDirectory() as folder, PtyScreen(Path(folder), module="tests.bench.hour") as pty:
        told = Path(folder) / "minutes"
        began = time.monotonic()
        for minutes in (15, 30, 45, MINUTES):
            while not told.exists() or int(told.read_text() or 0) < minutes:
                if time.monotonic() - began > _LONGEST_HOUR_S:
                    raise TimeoutError(f"minute {minutes} was not reached in {_LONGEST_HOUR_S:g} s")
                time.sleep(0.1)
            bar = 120.0 if minutes == MINUTES else None
            yield Figure(f"resident memory after {minutes} minutes", pty.memory() / 1e6, "MB", bar)
        yield Figure("the hour took", time.monotonic() - began, "s")


def keys(server: str | None) -> Iterator[Figure]:
    """From a key to the drawn number, and to the line that tells of the worker's changed load."""
    with _running(server, 1000) as pty:
        events = next(pty.folder.glob("llmprobe-runs/*/events.jsonl"))
        drawn: list[float] = []
        changed: list[float] = []
        users = 1000
        for press in range(_PRESSES):
            down = press % 20 < 10
            users += -1 if down else 1
            mark, size, at_s = pty.written, events.stat().st_size, time.monotonic()
            pty.press("h" if down else "l")
            number = re.compile(rb"(?<!\d)%d users" % users)
            seen_s: float | None = None
            told_s: float | None = None
            while (seen_s is None or told_s is None) and time.monotonic() - at_s < 5:
                if seen_s is None and number.search(pty.drawn_since(mark)):
                    seen_s = time.monotonic() - at_s
                if told_s is None and events.stat().st_size > size:
                    told_s = time.monotonic() - at_s
                time.sleep(_LOOK_S)
            drawn.append(5.0 if seen_s is None else seen_s)
            changed.append(5.0 if told_s is None else told_s)
            time.sleep(_PRESS_EVERY_S)
    for what, taken, bar in (("screen", drawn, 100), ("load, heard back from the worker", changed, 250)):
        yield Figure(f"key to changed {what}, p50 of {_PRESSES}", 1000 * _quantile(taken, 0.5), "ms")
        yield Figure(f"key to changed {what}, p99 of {_PRESSES}", 1000 * _quantile(taken, 0.99), "ms", bar)


def stamps(server: str | None) -> Iterator[Figure]:
    """Stamp error of the same load with the screen and without."""
    with tempfile.TemporaryDirectory() as place, _served(server, 1000) as url:
        command = [
            sys.executable, "-m", "llmprobe", url, "--plain", "-u", "1000", "--max-users", "1000",
            "-d", f"{_SETTLE_S + _WINDOW_S:g}s", "--max-tokens", str(_TOKENS), *_model(server),
        ]  # fmt: skip
        subprocess.run(command, cwd=place, env=surroundings(), stdout=subprocess.DEVNULL, check=False)
        yield Figure("stamp error p99 without the screen", _stamp_error(Path(place)), "us")
    with _running(server, 1000) as pty:
        time.sleep(_WINDOW_S)
        place = str(pty.folder)
        pty.leave()
        yield Figure("stamp error p99 with the screen open", _stamp_error(Path(place)), "us")


# How


@contextmanager
def _running(server: str | None, users: int) -> Iterator[PtyScreen]:
    """The screen with so many users at the rate, once it is in the swing."""
    with tempfile.TemporaryDirectory() as folder, _served(server, users) as url:
        arguments = [url, "-u", str(users), "--max-users", str(users), "--max-tokens", str(_TOKENS)]
        with PtyScreen(Path(folder), *arguments, *_model(server)) as pty:
            pty.until(b"IDLE")
            pty.press(" ")
            pty.until(b"in flight %d" % users)
            time.sleep(_SETTLE_S)
            yield pty


@contextmanager
def _served(server: str | None, users: int) -> Iterator[str]:
    """The address of a server whose answers make `_RATE` tokens a second of so many users."""
    itl_s = (users * _TOKENS / _RATE - _TTFT_S) / (_TOKENS - 1)
    if server is not None:
        yield server.format(ttft_ms=1000 * _TTFT_S, itl_ms=1000 * itl_s, tokens=_TOKENS)
        return
    command = [
        sys.executable, "-m", "llmprobe", "sim", "fixed", "--port", "0", "--ttft", f"{_TTFT_S}s",
        "--itl", f"{itl_s:.9f}s", "--tokens", str(_TOKENS),
    ]  # fmt: skip
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        found = re.search(r"http://\S+", process.stdout.readline())
        assert found is not None
        yield found[0]
    finally:
        process.terminate()
        process.wait()


def _model(server: str | None) -> list[str]:
    return ["--model", "sim-fixed" if server is None else "mock"]


def _cpu_of(*arguments: str) -> float:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, *arguments], env=surroundings(), stdout=subprocess.DEVNULL, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def _share(pty: PtyScreen, seconds: float, every_half: Callable[[], None] | None = None) -> float:
    """Percent of a core over a time."""
    cpu_s, at_s = pty.cpu_s(), time.monotonic()
    while time.monotonic() - at_s < seconds:
        if every_half is not None:
            every_half()
        time.sleep(0.5)
    return 100 * (pty.cpu_s() - cpu_s) / (time.monotonic() - at_s)


def _received(pty: PtyScreen) -> float:
    """Tokens a second over the last window: below the rate that was asked for, the machine was too busy."""
    lines = next(pty.folder.glob("llmprobe-runs/*/series.jsonl")).read_text().splitlines()
    moments = [json.loads(line) for line in lines[-int(_WINDOW_S) :]]
    return float(sum(moment["text_chunks"] for moment in moments) / len(moments))


def _quantile(values: Sequence[float], share: float) -> float:
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def _stamp_error(place: Path) -> float:
    (file,) = place.glob("llmprobe-runs/*/result.json")
    p99 = json.loads(file.read_text())["probe"]["stamp_error_s"]["p99"]
    return float("nan") if p99 is None else float(p99) * 1e6


_PARTS: dict[str, Callable[[str | None], Iterator[Figure]]] = {
    "start": start, "steady": steady, "hour": hour, "keys": keys, "stamps": stamps,
}  # fmt: skip


def main() -> None:
    """Print each figure as soon as it is known."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--server", metavar="URL")
    parser.add_argument("--only", default=",".join(_PARTS), metavar="PARTS")
    given = parser.parse_args()
    for name in given.only.split(","):
        for figure in _PARTS[name](given.server):
            print(figure.row, flush=True)


if __name__ == "__main__":
    main()
