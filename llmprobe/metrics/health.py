"""Whether the probe, and not the endpoint, was the bottleneck at a load: the rules, in one place.

A load at which one of them is broken outside settling is probe-bound, and no verdict stands on it:

- a worker used more than 85 % of a core
- in an open load, more than 5 % of the requests started later than due by 10 % of the tightest bound on TTFT,
  TTFO or E2E (in a closed one a start has no due time, and the next rule sees users that could send): the
  probe was too slow, or had too few users
- more than 10 % of the users' time was spent neither in flight, nor connecting, backing off or thinking
- more than 1 % of the text stamps are shared by several in one read, where the loop was late by half a gap
- the loop was late by more than 10 % of the tightest latency bound (p95 of each second's worst), where stamps
  are not the kernel's

Two tempting rules are wrong, and none of these: how late the loop is where the kernel stamps (168 ms while a
thousand users started, with stamps off by 4 us), and users against rate x residence over short windows.
Several tokens in one read are the endpoint's doing as long as the loop comes by more often than they do.
"""

import math
from collections import Counter

from llmprobe.core.histogram import Histogram
from llmprobe.core.record import RequestRecord
from llmprobe.core.slo import LATENCIES, Slo
from llmprobe.core.units import people_seconds
from llmprobe.metrics.moments import Moment

MOST_CPU = 0.85
MOST_IDLE = 0.10
MOST_LATE = 0.05
MOST_COALESCED = 0.01
_OF_A_BOUND = 0.10
_ENOUGH_S = 3
"""Seconds at a load below which its shares are noise."""
_ENOUGH_STARTS = 20
_ENOUGH_STAMPS = 100
_DELAYED = ("ttft", "ttfo", "e2e")
"""Bounds that a late start eats into."""
_MORE = "use more --workers, another host, or uvloop"


class Health:
    """Gathers what the probe did at one load, settling left out."""

    def __init__(self, slos: tuple[Slo, ...], speed: float = 1.0, max_users: float = math.inf) -> None:
        """`slos` are scaled to an endpoint whose clock runs `speed` times faster; what is late is not.

        `max_users` is how many may carry the requests of an open load.
        """
        latencies = [slo.bound for slo in slos if slo.metric in LATENCIES]
        delayed = [slo.bound for slo in slos if slo.metric in _DELAYED] or latencies
        self._start_s = _OF_A_BOUND * speed * min(delayed, default=math.inf)
        self._loop_s = _OF_A_BOUND * speed * min(latencies, default=math.inf)
        self._speed = speed
        self._max_users = max_users
        self._all_busy = False
        """Whether there was a second in which none of so many users was free for an arrival."""
        self._seconds = 0
        self._cpu = self._idle = 0.0
        self._lags = Histogram()
        self._starts: dict[int, Histogram] = {}
        """By worker: the worst one speaks."""
        self.itl = Histogram()
        self.chunk_gaps = Histogram()
        self._stamps: dict[int, Counter[str]] = {}
        """By worker, too."""

    @property
    def cpu_share(self) -> float | None:
        """Mean share of a core of the busiest worker; None where the load did not last."""
        return self._cpu / self._seconds if self._seconds >= _ENOUGH_S else None

    def observe(self, moment: Moment) -> None:
        """A second at this load."""
        self.itl.merge(moment.itl)
        self.chunk_gaps.merge(moment.chunk_gaps)
        if not moment.in_flight:
            return
        self._seconds += 1
        self._cpu += moment.cpu_share
        self._idle += moment.idle_share
        busy = moment.in_flight + moment.backing_off
        self._all_busy |= busy >= moment.active >= self._max_users
        self._lags.merge(Histogram.of((moment.lag_s,)))
        for worker, starts in moment.starts.items():
            self._starts.setdefault(worker, Histogram()).merge(starts)

    def finish(self, record: RequestRecord) -> None:
        """A request that counts here ended."""
        worker = record.user % max(1, len(self._starts))  # so users are shared out
        self._stamps.setdefault(worker, Counter()).update(record.stamps)

    def why(self) -> str | None:
        """What was wrong with the probe, and what to do; None where nothing was."""
        if self._seconds < _ENOUGH_S:
            return None
        cpu, idle = self._cpu / self._seconds, self._idle / self._seconds
        if cpu > MOST_CPU:
            return f"a worker used {cpu:.0%} of a core; {_MORE}"
        if idle > MOST_IDLE:
            return f"{idle:.0%} of the users' time went by between requests; {_MORE}"
        return self._late_starts() or self._shared_stamps() or self._late_loop()

    def _late_starts(self) -> str | None:
        starts = (one for one in self._starts.values() if one.count >= _ENOUGH_STARTS)
        late = max((one.share_above(self._start_s) for one in starts), default=0.0)
        if late <= MOST_LATE:
            return None
        said = f"{late:.0%} of the requests started over {people_seconds(self._start_s)} late"
        if self._all_busy:
            return f"{said}: all {self._max_users:g} users were busy; raise max_users (--max-users)"
        return f"{said}; {_MORE}"

    def _shared_stamps(self) -> str | None:
        stamps = (one for one in self._stamps.values() if one.total() >= _ENOUGH_STAMPS)
        shared = max((one["coalesced"] / one.total() for one in stamps), default=0.0)
        gap_s, lag_s = self.itl.quantile(0.5), self._lags.quantile(0.5)
        if shared <= MOST_COALESCED or gap_s is None or lag_s is None or lag_s <= gap_s * self._speed / 2:
            return None
        return f"{shared:.0%} of the tokens were read late, several at once; {_MORE}"

    def _late_loop(self) -> str | None:
        stamps, lag_s = sum(self._stamps.values(), Counter[str]()), self._lags.quantile(0.95)
        if lag_s is None or lag_s <= self._loop_s or stamps["loop"] <= stamps["kernel"]:
            return None
        return f"stamps are not the kernel's here, and the loop was {people_seconds(lag_s)} late; {_MORE}"
