"""One line on stderr that tells how a run without a screen is doing."""

import sys
from typing import TextIO

from llmprobe.core.units import people_seconds, people_usd
from llmprobe.session.view import State, View


def progress_line(view: View, total_s: float | None) -> str:
    """`00:12/01:32 · 32 users, 31 in flight · 8.9 req/s · TTFT p95 620 ms · 1240 tok/s · 429 0 %`."""
    shot = view.snapshot
    clock = _clock(view.elapsed_s) + (f"/{_clock(total_s)}" if total_s is not None else "")
    unit = "req/s asked" if view.scenario.load.kind == "rate" else "users"
    parts = [clock, f"{shot.target:g} {unit}, {shot.in_flight} in flight"]
    if view.state is State.STOPPING:
        parts.append(f"draining {shot.draining}")
    if shot.requests_per_s is not None:
        parts.append(f"{shot.requests_per_s:.1f} req/s")
    quantile, name = (shot.ttft.p95, "p95") if shot.ttft.p95 is not None else (shot.ttft.p50, "p50")
    if quantile is not None:
        parts.append(f"TTFT {name} {people_seconds(quantile)}")
    if shot.tokens_per_s is not None:
        parts.append(f"{'~' if shot.tokens_estimated else ''}{shot.tokens_per_s:.0f} tok/s")
    if shot.rate_limited_share is not None:
        parts.append(f"429 {100 * shot.rate_limited_share:.1f} %")
    others = shot.server_errors_10s + shot.timeouts_10s + shot.other_failures_10s
    if others:
        parts.append(f"{others} errors in 10 s")
    if view.spent_usd is not None:
        parts.append(people_usd(view.spent_usd))
    return " · ".join(parts)


class Progress:
    """Rewrites one line on a terminal; elsewhere prints a line now and then."""

    _EVERY_S = 10.0

    def __init__(self, stream: TextIO | None = None, *, quiet: bool = False) -> None:
        self._stream = sys.stderr if stream is None else stream
        self._quiet = quiet
        self._live = self._stream.isatty()
        self._told_s = 0.0
        self._width = 0

    def show(self, view: View, total_s: float | None) -> None:
        """Tell how it is now."""
        if self._quiet:
            return
        line = progress_line(view, total_s)
        if self._live:
            self._stream.write("\r" + line.ljust(self._width))
            self._width = len(line)
        elif view.elapsed_s - self._told_s >= self._EVERY_S:
            self._told_s = view.elapsed_s
            self._stream.write(line + "\n")
        self._stream.flush()

    def close(self) -> None:
        """Leave the cursor on a line of its own."""
        if self._live and not self._quiet and self._width:
            self._stream.write("\n")
            self._stream.flush()


def _clock(seconds: float) -> str:
    minutes, rest = divmod(int(seconds), 60)
    return f"{minutes:02d}:{rest:02d}"
