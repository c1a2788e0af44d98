"""Numbers and states in as few cells as they take. Pure."""

import math

from llmprobe.core.target import host_of, is_sim
from llmprobe.session.view import State, View

TOO_FEW = "too few"
"""Stands where a figure would, when its samples don't support it."""
NONE_YET = "–"  # noqa: RUF001 - a dash as wide as a digit
"""Stands where nothing was measured."""
STALE_AFTER_S = 2.0


def clock(seconds: float) -> str:
    """`04:12`, `1:04:12`."""
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes:02}:{rest:02}"


def tight(number: float) -> str:
    """At most three characters, without a unit: `.62`, `1.2`, `12`, `140`; `999` is the end."""
    if number < 0.995:
        return f"{number:.2f}".removeprefix("0") if number >= 0.005 else "0"
    if number < 9.95:
        return f"{number:.1f}"
    return f"{min(number, 999):.0f}"


def figure(number: float) -> str:
    """Three significant digits: `0.62`, `1.25`, `12.5`, `140`, `3202`."""
    if number < 9.995:
        return f"{number:.2f}"
    return f"{number:.1f}" if number < 99.95 else f"{number:.0f}"


def count(number: float) -> str:
    """`3202`, `12.3k`, `1.20M`."""
    if number < 9999.5:
        return f"{number:.0f}"
    return f"{number / 1e3:.1f}k" if number < 999_950 else f"{number / 1e6:.2f}M"


def per_second(number: float) -> str:
    """A rate: two digits while it is small."""
    return f"{number:.1f}" if number < 99.95 else count(number)


def percent(share: float) -> str:
    """A share between 0 and 1: `0`, `2.7`, `41`."""
    value = share * 100
    return "0" if value == 0 else f"{value:.1f}" if value < 9.95 else f"{value:.0f}"


def short_time(seconds: float) -> str:
    """In one unit, rounded up: `12 s`, `60 m`, `24 h`."""
    if seconds <= 99:
        return f"{math.ceil(seconds)} s"
    return f"{math.ceil(seconds / 60)} m" if seconds <= 99 * 60 else f"{math.ceil(seconds / 3600)} h"


def place(view: View) -> str:
    """What the requests go to, short: `sim:small-gpu`, `api.example.org`, `127.0.0.1:8000`."""
    target = view.scenario.endpoint.url
    if is_sim(target):
        return target
    host = host_of(target)
    _, _, after = target.partition("://")
    netloc = after.partition("/")[0].rpartition("@")[2]
    return netloc if netloc.lower().startswith(host) or netloc.startswith("[") else host


def state_of(view: View, *, draining_of: int) -> tuple[str, str, str]:
    """Glyph, words, and the ink to say them in. Never colour alone."""
    snapshot = view.snapshot
    match view.state:
        case State.IDLE:
            return "■", "IDLE", "dim"
        case State.RUNNING if view.stale_s >= STALE_AFTER_S:
            return "▶", f"STALE {view.stale_s:.0f} s", "warn"
        case State.RUNNING if view.endpoint_down:
            return "↯", "ENDPOINT DOWN", "bad"
        case State.RUNNING:
            return "▶", "RUNNING", "good"
        case State.STOPPING:
            return "◌", f"DRAINING {snapshot.in_flight}/{max(draining_of, snapshot.in_flight)}", "warn"
        case State.STOPPED:
            return "■", "STOPPED", "dim"
        case State.CAPPED:
            return "$", "CAPPED", "warn"
        case State.FAILED:
            return "✖", "FAILED", "bad"
        case State.CLOSED:
            return "■", "CLOSED", "dim"
