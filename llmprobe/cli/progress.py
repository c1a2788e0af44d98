"""How a run without a screen is doing, told on stderr.

On a terminal one line that rewrites itself; elsewhere, for a screen reader and in a log, a sentence when
something happens and one now and then: whole lines without a control character.
"""

import os
import sys
from collections.abc import Iterator, Mapping
from typing import Protocol, TextIO

from llmprobe.core.load import UNTIL_STOPPED_S, LoadKind
from llmprobe.core.scenario import Scenario
from llmprobe.core.scrub import clean
from llmprobe.core.units import people_seconds, people_usd
from llmprobe.metrics.snapshot import Snapshot
from llmprobe.session.view import State, View


class Progress(Protocol):
    """Takes a look a few times a second."""

    def show(self, view: View) -> None:
        """Tell how it is now."""

    def close(self) -> None:
        """Nothing more comes."""


def progress_of(view: View, *, quiet: bool, plain: bool, stream: TextIO | None = None) -> Progress:
    """The one that fits where it is told."""
    stream = sys.stderr if stream is None else stream
    if quiet:
        return _Silence()
    if plain or not rewrites(stream, os.environ):
        return Sentences(view, stream)
    return LiveLine(stream)


def rewrites(stream: TextIO, environ: Mapping[str, str]) -> bool:
    """Whether a line there can be written over."""
    return stream.isatty() and environ.get("TERM") != "dumb"


class _Silence:
    """--quiet."""

    def show(self, view: View) -> None:
        """Nothing."""

    def close(self) -> None:
        """Nothing."""


class LiveLine:
    """Rewrites one line on a terminal."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._width = 0

    def show(self, view: View) -> None:
        """Tell how it is now."""
        searches = view.search is not None and view.search.armed
        line = search_line(view) if searches else progress_line(view)
        self._stream.write("\r" + line.ljust(self._width))
        self._width = len(line)
        self._stream.flush()

    def close(self) -> None:
        """Leave the cursor on a line of its own."""
        if self._width:
            self._stream.write("\n")
            self._stream.flush()


class Sentences:
    """Says how it begins, each new load, each new note, and every few seconds how it is."""

    _EVERY_S = 5.0

    def __init__(self, view: View, stream: TextIO) -> None:
        self._stream = stream
        self._target = _first_load(view.scenario)
        self._note = view.note
        self._state = view.state
        self._told_s = 0.0
        self._says = ""
        self._say(beginning(view))

    def show(self, view: View) -> None:
        """Tell what is new since the last look, or how it is when that was some time ago."""
        for sentence in self._news(view):
            self._say(f"At {_seconds(view.elapsed_s)}: {sentence}")
        if view.state is State.RUNNING and view.elapsed_s - self._told_s >= self._EVERY_S:
            self._told_s = view.elapsed_s
            self._say(f"At {_seconds(view.elapsed_s)}: {how_it_is(view)}")

    def close(self) -> None:
        """The result follows."""

    def _news(self, view: View) -> Iterator[str]:
        if view.state is not self._state and view.state is State.STOPPING:
            yield "stopping; what is in flight finishes."
        self._state = view.state
        target = view.snapshot.target
        if target not in {0, self._target}:
            yield f"{_load(target, view.snapshot.kind)} now."
        self._target = target or self._target
        says = view.search.says if view.search is not None and view.search.armed else ""
        if says and _wording(says) != _wording(self._says):
            yield f"{says.rstrip('.')}."
        self._says = says
        if view.note and view.note != self._note:
            yield f"{view.note.rstrip('.')}."
        self._note = view.note

    def _say(self, sentence: str) -> None:
        self._stream.write(" ".join(clean(sentence).split()) + "\n")
        self._stream.flush()


def beginning(view: View) -> str:
    """What runs, for how long, and how to stop it."""
    scenario = view.scenario
    load, stop = scenario.load, scenario.stop
    if scenario.autopilot is not None and not load.stages:
        cap = "" if view.max_requests is None else f", at most {view.max_requests} requests"
        most = f"{load.max_users} users" if load.kind == "users" else f"{load.max_users} requests a second"
        return (
            f"{scenario.name} on {scenario.endpoint.url}, model {view.model}: a search up to {most}{cap}. "
            "Ctrl+C stops it and prints what is known."
        )
    length_s = min(load.duration_s, stop.duration_s or load.duration_s)
    time = "" if length_s >= UNTIL_STOPPED_S else f" for {_seconds(length_s)}"
    what = _load(_first_load(scenario), view.kind)
    if len(load.stages) > 1:
        what, time = f"{len(load.stages)} stages", f"{time}, beginning with {what}"
    cap = "" if view.max_requests is None else f", at most {view.max_requests} requests"
    return (
        f"{scenario.name} on {scenario.endpoint.url}, model {view.model}: {what}{time}{cap}. "
        "Ctrl+C stops it and prints the result."
    )


def how_it_is(view: View) -> str:
    """The figures of the last seconds in a sentence."""
    shot = view.snapshot
    parts = [_load(shot.target, shot.kind), f"{shot.in_flight} in flight"]
    if shot.requests_per_s is not None:
        parts.append(f"{shot.requests_per_s:.1f} requests a second")
    quantile, name = _ttft(shot)
    parts.append(
        "too few answers for a time to first token"
        if quantile is None
        else f"{name} time to first token {people_seconds(quantile)}"
    )
    if shot.tokens_per_s is not None:
        about = "about " if shot.tokens_estimated else ""
        parts.append(f"{about}{shot.tokens_per_s:.0f} tokens a second")
    limited = shot.rate_limited_share or 0.0
    parts.append(f"{100 * limited:.1f} % refused by a rate limit" if limited else "no 429")
    errors = _errors(shot)
    parts.append(f"{errors} other {'error' if errors == 1 else 'errors'} in 10 s" if errors else "no errors")
    if shot.backing_off:
        parts.append(_backing_off(shot))
    if shot.probe_bound is not None:
        parts.append(f"no verdict as the probe is the bottleneck ({shot.probe_bound})")
    return ", ".join(parts) + "."


def progress_line(view: View) -> str:
    """`00:12/01:32 · 32 users, 31 in flight · 8.9 req/s · TTFT p95 620 ms · 1240 tok/s · 429 0 %`."""
    shot, total_s = view.snapshot, view.scenario.load.duration_s
    clock = _clock(view.elapsed_s) + (f"/{_clock(total_s)}" if 0 < total_s < UNTIL_STOPPED_S else "")
    unit = "req/s asked" if shot.kind == "rate" else "users"
    parts = [clock, f"{shot.target:g} {unit}, {shot.in_flight} in flight"]
    if view.state is State.STOPPING:
        parts.append(f"draining {shot.draining}")
    if shot.requests_per_s is not None:
        parts.append(f"{shot.requests_per_s:.1f} req/s")
    quantile, name = _ttft(shot)
    if quantile is not None:
        parts.append(f"TTFT {name} {people_seconds(quantile)}")
    if shot.tokens_per_s is not None:
        parts.append(f"{'~' if shot.tokens_estimated else ''}{shot.tokens_per_s:.0f} tok/s")
    if shot.rate_limited_share is not None:
        parts.append(f"429 {100 * shot.rate_limited_share:.1f} %")
    if errors := _errors(shot):
        parts.append(f"{errors} errors in 10 s")
    if shot.backing_off:
        parts.append(_backing_off(shot))
    if shot.probe_bound is not None:
        parts.append("probe-bound")
    if view.spent_usd is not None:
        parts.append(people_usd(view.spent_usd))
    return " · ".join(parts)


def search_line(view: View) -> str:
    """`01:12 · 24 users, 24 in flight · closes in between 15 and 45 users, tries 24, 18 of 40 verdicts`."""
    assert view.search is not None
    shot = view.snapshot
    unit = "req/s" if shot.kind == "rate" else "users"
    load = f"{shot.target:g} {unit}, {shot.in_flight} in flight"
    return " · ".join((_clock(view.elapsed_s), load, view.search.says))


def _ttft(shot: Snapshot) -> tuple[float | None, str]:
    return (shot.ttft.p95, "p95") if shot.ttft.p95 is not None else (shot.ttft.p50, "p50")


def _errors(shot: Snapshot) -> int:
    return shot.server_errors_10s + shot.timeouts_10s + shot.other_failures_10s


def _backing_off(shot: Snapshot) -> str:
    """`5 backing off for up to 20 s`."""
    longest_s = shot.longest_wait_s
    return f"{shot.backing_off} backing off" + (f" for up to {_seconds(longest_s)}" if longest_s >= 1 else "")


def _first_load(scenario: Scenario) -> float:
    return scenario.load.stages[0].to if scenario.load.stages else 0.0


def _wording(says: str) -> str:
    """Without its numbers, which change all the time."""
    return "".join(character for character in says if not character.isdigit())


def _load(target: float, kind: LoadKind) -> str:
    if kind == "rate":
        return f"{target:g} requests a second asked"
    return f"{target:g} user" + ("" if target == 1 else "s")


def _seconds(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"


def _clock(seconds: float) -> str:
    minutes, rest = divmod(int(seconds), 60)
    return f"{minutes:02d}:{rest:02d}"
