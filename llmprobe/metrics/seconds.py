"""The recent past second by second, for the sparks."""

from llmprobe.core.events import LoadChanged
from llmprobe.core.load import LoadKind
from llmprobe.core.outcome import Outcome
from llmprobe.metrics.percentiles import percentiles
from llmprobe.metrics.snapshot import Second

KEPT = 240


class _Bin:
    """What fell into one second."""

    __slots__ = ("answers", "chunks", "failed", "limited", "ttft_s")

    def __init__(self) -> None:
        self.ttft_s: list[float] = []
        self.chunks: float | None = None
        self.answers = 0
        self.limited = 0
        self.failed = 0


class Seconds:
    """Bins by whole seconds since the run's start; the present, unfinished second is not told."""

    def __init__(self) -> None:
        self._bins: dict[int, _Bin] = {}
        self._done: dict[int, Second] = {}
        self._loads: list[tuple[float, float]] = []
        self._kind: LoadKind | None = None

    def first_token(self, at_s: float, ttft_s: float) -> None:
        """A first token came."""
        self._bin(at_s).ttft_s.append(ttft_s)

    def chunks(self, at_s: float, count: int) -> None:
        """So many text chunks came."""
        bin_ = self._bin(at_s)
        bin_.chunks = (bin_.chunks or 0) + count

    def answer(self, at_s: float, outcome: Outcome) -> None:
        """A request ended, not by our side."""
        bin_ = self._bin(at_s)
        bin_.answers += 1
        bin_.limited += outcome is Outcome.RATE_LIMITED
        bin_.failed += outcome.failed and outcome is not Outcome.RATE_LIMITED

    def load(self, change: LoadChanged) -> None:
        """The load changed. Before the first one of its kind there is a gap: they have no scale in common."""
        if change.kind != self._kind:
            self._kind = change.kind
            self._loads.clear()
            self._done.clear()
        self._loads.append((change.at_s, change.target))

    def until(self, at_s: float, tokens_per_chunk: float) -> tuple[Second, ...]:
        """The whole seconds before `at_s`, oldest first; those two seconds old are kept as they are."""
        end = int(at_s)
        first = max(0, end - KEPT)
        for kept in (self._bins, self._done):
            for second in [second for second in kept if second < first]:
                del kept[second]
        for second in range(first, end):
            if second not in self._done or second >= end - 2:
                self._done[second] = self._second(second, tokens_per_chunk)
        return tuple(self._done[second] for second in range(first, end))

    def _bin(self, at_s: float) -> _Bin:
        return self._bins.setdefault(int(at_s), _Bin())

    def _second(self, second: int, tokens_per_chunk: float) -> Second:
        bin_ = self._bins.get(second, _NOTHING)
        ttft = sorted(bin_.ttft_s)
        spread = percentiles(ttft)
        return Second(
            at_s=second,
            ttft_p50_s=spread.p50 if spread.p50 is not None else spread.max,
            # A spark shows the second's slow end even where too few samples support a p95.
            ttft_p95_s=spread.p95 if spread.p95 is not None else spread.max,
            tokens_per_s=None if bin_.chunks is None else bin_.chunks * tokens_per_chunk,
            rate_limited_share=bin_.limited / bin_.answers if bin_.answers else None,
            failed_share=bin_.failed / bin_.answers if bin_.answers else None,
            users=self._load_at(second + 0.5),
        )

    def _load_at(self, at_s: float) -> float | None:
        return next((target for since, target in reversed(self._loads) if since <= at_s), None)


_NOTHING = _Bin()
