"""Values in ascending order, cheap to add to and to read at any number of them."""

from array import array
from bisect import bisect_left, bisect_right, insort
from collections.abc import Callable
from itertools import accumulate
from operator import itemgetter

from llmprobe.metrics.percentiles import places_around, spread
from llmprobe.metrics.snapshot import Percentiles

_BLOCK = 1024


class Ordered:
    """Short ascending blocks, each above the one before: one long one would be moved with each value.

    Eight bytes a value: a session of hours has millions.
    """

    def __init__(self) -> None:
        self._blocks: list[array[float]] = []
        self._n = 0
        self._total = 0.0

    def add(self, value: float) -> None:
        """Put a value where it belongs."""
        self._n += 1
        self._total += value
        if not self._blocks:
            self._blocks.append(array("d", [value]))
            return
        place = min(bisect_left(self._blocks, value, key=itemgetter(-1)), len(self._blocks) - 1)
        block = self._blocks[place]
        insort(block, value)
        if len(block) > _BLOCK:
            half = len(block) // 2
            self._blocks[place : place + 1] = [block[:half], block[half:]]

    def percentiles(self) -> Percentiles:
        """The same as `metrics.percentiles.percentiles` of all values."""
        return spread(self._n, self._total, self._reader())

    def around(self, name: str) -> tuple[float, float] | None:
        """Two values that enclose the true quantile with 90 % confidence; see `places_around`."""
        places = places_around(name, self._n)
        if places is None:
            return None
        at = self._reader()
        return at(places[0]), at(places[1])

    def _reader(self) -> Callable[[int], float]:
        """Tells the value at a place."""
        ends = list(accumulate(map(len, self._blocks)))

        def at(place: int) -> float:
            number = bisect_right(ends, place)
            block = self._blocks[number]
            return block[place - ends[number] + len(block)]

        return at
