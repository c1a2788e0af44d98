"""Which limiter explains what was let through and what was refused.

Every limiter keeps a running amount, and refuses a request that would carry it over a threshold:

    in flight   requests under way                        the threshold is the cap
    minute      charges since the last full minute        the threshold is the limit
    sliding     charges of the last minute                the threshold is the limit
    bucket      charges that leak away at a steady rate   the threshold is the burst, the rate is the limit

A charge is 1, or the prompt and max_tokens up front, or the prompt up front and the answer at its end. The
right amount parts what was let through (at most the threshold) from what was refused (above it), whatever was
asked; a wrong one does so only as long as all requests are alike.
"""

import math
from collections import Counter
from collections.abc import Callable, Iterator, Sequence

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from llmprobe.core.limits import Limits, Quantity, Window

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

_PHASES, _AFTER_S = 50, 1e-6
"""Moments at most that are tried as the beginning of a minute."""
_ROUNDING, _LEVEL = 1e-9, 0.1
_RATES, _CANDIDATES, _FINER, _EDGES = 200, 5, 12, 10
_HALVINGS = 40
_SLOWEST, _FASTEST = 0.6, 1.7
"""Rates that are tried, over the mean one."""


class Decision(Struct):
    """A request as the limiter saw it."""

    at_s: float
    """When it was sent."""
    accepted: bool
    mix: str
    prompt_tokens: int
    max_tokens: int
    ended_s: float = math.inf
    output_tokens: int = 0


class Fit(Struct, frozen=True):
    """How well a limiter explains all decisions, at its best."""

    quantity: Quantity
    window: Window | None
    """None for requests in flight."""
    wrong: float
    """The share of decisions that it doesn't explain. Each mix and each kind of decision counts as much as
    any other, however many there are."""
    limit: float
    """A minute, or in flight."""
    burst: float | None = None
    """What a full bucket lets through at once."""


class _Timeline:
    """Decisions and the ends of answers in order of time, with what each charges and needs."""

    def __init__(self, decisions: Sequence[Decision], delay_s: float, quantity: Quantity) -> None:
        ended = [d for d in decisions if d.accepted and d.ended_s < math.inf]
        sent = [d.at_s + delay_s for d in decisions]
        at_s = np.array([d.ended_s for d in ended] + sent)
        needs = [_need(d, quantity) for d in decisions]
        charged = [_at_end(d, quantity) for d in ended]
        charged += [need if d.accepted else 0.0 for d, need in zip(decisions, needs, strict=True)]
        order = np.argsort(at_s, kind="stable")
        self.at_s: Floats = at_s[order]
        asks = order >= len(ended)
        self.asks: Bools = asks
        self.needs: Floats = np.array([0.0] * len(ended) + needs)[order][asks]
        accepted = np.array([False] * len(ended) + [d.accepted for d in decisions])
        self.accepted: Bools = accepted[order][asks]
        self.after: Floats = np.cumsum(np.array(charged)[order])
        self.before: Floats = self.after - np.array(charged)[order]
        self.unit = float(np.median(self.needs))
        groups = [(d.mix, d.accepted) for d in decisions]
        sizes = Counter(groups)
        weights = np.array([0.0] * len(ended) + [1 / sizes[group] / len(sizes) for group in groups])
        self.weights: Floats = weights[order][asks]

    def part(self, amounts: Floats) -> tuple[float, float, float]:
        """The share that no threshold explains, and between which amounts the best one lies."""
        asked = amounts[self.asks] + self.needs
        # What differs by rounding alone is the same.
        asked = np.round(asked / self.unit, 6) * self.unit
        order = np.argsort(asked, kind="stable")
        asked, weights = asked[order], self.weights[order]
        let = np.where(self.accepted[order], weights, 0.0)
        last = np.append(asked[1:] > asked[:-1], True)
        wrong = (let.sum() - np.cumsum(let) + np.cumsum(weights - let))[last]
        best = int(np.argmin(wrong))
        values = asked[last]
        above = values[best + 1] if best + 1 < len(values) else values[best] + self.unit
        return float(wrong[best]), float(values[best]), float(above)

    def overlap(self, amounts: Floats) -> float:
        """How far what was let through and what was refused lie in each other: the same, but smooth."""
        asked = amounts[self.asks] + self.needs
        let = np.sort(asked[self.accepted])[::-1]
        refused = np.sort(asked[~self.accepted])
        n = min(len(let), len(refused))
        # A bucket that leaks too fast is always empty, and parts nothing: what is level must count.
        return float(np.maximum(0.0, let[:n] - refused[:n] + _LEVEL * self.unit).sum())


def fits(decisions: Sequence[Decision], *, delay_s: float, minute_s: float) -> list[Fit]:
    """All limiters, the best first. `delay_s` is how long a refusal takes: the way there and back."""
    found = [_in_flight(decisions, delay_s)]
    for quantity in ("requests", "declared", "real"):
        line = _Timeline(decisions, delay_s, quantity)
        found += [_minute(line, quantity, minute_s), _sliding(line, quantity, minute_s)]
        found.append(_bucket(line, quantity, minute_s))
    return sorted(found, key=lambda fit: fit.wrong)


def seen(decisions: Sequence[Decision], *, delay_s: float, minute_s: float) -> Limits:
    """The lowest limits that would have let through what was: those or higher ones can't be excluded."""
    if not any(decision.accepted for decision in decisions):
        return Limits()
    flying = _Timeline(decisions, delay_s, "in_flight")
    most = int(flying.before[flying.asks][flying.accepted].max()) + 1
    rpm, tpm = (
        _least_bucket(_Timeline(decisions, delay_s, quantity), minute_s) for quantity in ("requests", "real")
    )
    return Limits(rpm_above=rpm, tpm_above=tpm, concurrency_above=most)


def _least_bucket(line: _Timeline, minute_s: float) -> float:
    """Holding a minute's worth: X T / (T + 60) after a rate X for T s in a row without a refusal."""
    low, high = 0.0, float(line.after[-1])
    for _ in range(_HALVINGS):
        limit = (low + high) / 2
        filled = _leaked(line, limit / minute_s)[line.asks] + line.needs
        if filled[line.accepted].max() > limit:
            low = limit
        else:
            high = limit
    return high


def _in_flight(decisions: Sequence[Decision], delay_s: float) -> Fit:
    line = _Timeline(decisions, delay_s, "in_flight")
    wrong, most, _ = line.part(line.before)
    return Fit("in_flight", None, wrong, most)


def _minute(line: _Timeline, quantity: Quantity, minute_s: float) -> Fit:
    best = Fit(quantity, "minute", 1.0, 0.0)
    for begins_s in _beginnings(line):
        minutes = np.floor((line.at_s - begins_s) / minute_s + 1e-9)
        first = np.searchsorted(minutes, minutes)
        wrong, low, high = line.part(line.before - line.before[first])
        if wrong < best.wrong:
            best = Fit(quantity, "minute", wrong, _between(quantity, low, high))
    return best


def _beginnings(line: _Timeline) -> Iterator[float]:
    """A minute begins after a refusal, and before what is let through next."""
    accepted, at_s = line.accepted, line.at_s[line.asks]
    turns = np.flatnonzero(accepted[1:] & ~accepted[:-1])
    for turn in turns[:: max(1, len(turns) // _PHASES)]:
        yield float(at_s[turn]) + _AFTER_S
        yield float(at_s[turn + 1])


def _sliding(line: _Timeline, quantity: Quantity, minute_s: float) -> Fit:
    gone = np.searchsorted(line.at_s, line.at_s - minute_s, side="right")
    since = np.concatenate(([0.0], line.after))[gone]
    wrong, low, high = line.part(line.before - since)
    return Fit(quantity, "sliding", wrong, _between(quantity, low, high))


def _between(quantity: Quantity, low: float, high: float) -> float:
    return low if quantity == "requests" else (low + high) / 2


def _bucket(line: _Timeline, quantity: Quantity, minute_s: float) -> Fit:
    at_s = line.at_s[line.asks][~line.accepted]
    span_s = float(at_s[-1] - at_s[0]) if len(at_s) else 0.0
    before = line.before[line.asks][~line.accepted]
    mean = float(before[-1] - before[0]) / span_s if span_s > 0 else 0.0
    if mean <= 0:
        return Fit(quantity, "bucket", 1.0, 0.0)

    def wrong(rate: float) -> float:
        return line.part(_leaked(line, rate))[0]

    def overlap(rate: float) -> float:
        return line.overlap(_leaked(line, rate))

    valleys = [_descend(overlap, wrong, near) for near in _valleys(overlap, mean)]
    best = min(valleys, key=wrong)
    least = wrong(best)
    rate = (_edge(wrong, best, -1.0, least) + _edge(wrong, best, 1.0, least)) / 2
    _, low, high = line.part(_leaked(line, rate))
    return Fit(quantity, "bucket", least, rate * minute_s, burst=(low + high) / 2)


def _valleys(overlap: Callable[[float], float], mean: float) -> Iterator[Floats]:
    """Stretches where the rate may lie, the likeliest first. The valley of the right one is narrow."""
    rates = np.geomspace(_SLOWEST * mean, _FASTEST * mean, _RATES)
    depths = np.array([overlap(rate) for rate in rates])
    padded = np.concatenate(([math.inf], depths, [math.inf]))
    lowest = np.flatnonzero((depths <= padded[:-2]) & (depths <= padded[2:]))
    for k in lowest[np.argsort(depths[lowest])][:_CANDIDATES]:
        yield rates[[max(0, k - 1), min(k + 1, _RATES - 1)]]


def _descend(overlap: Callable[[float], float], wrong: Callable[[float], float], between: Floats) -> float:
    """The rate that explains the most, looked for closer and closer."""
    best = 0.0
    for measure in (overlap, overlap, wrong, wrong):
        rates = np.linspace(between[0], between[1], _FINER)
        k = int(np.argmin([measure(rate) for rate in rates]))
        best, between = float(rates[k]), rates[[max(0, k - 1), min(k + 1, _FINER - 1)]]
    return best


def _edge(wrong: Callable[[float], float], rate: float, sign: float, least: float) -> float:
    """How far a rate that explains the most can move before it explains less."""
    inside, step = 0.0, 1e-5
    while step < 1 and wrong(rate * (1 + sign * step)) <= least + _ROUNDING:
        inside, step = step, 2 * step
    outside = step
    for _ in range(_EDGES):
        middle = (inside + outside) / 2
        if wrong(rate * (1 + sign * middle)) <= least + _ROUNDING:
            inside = middle
        else:
            outside = middle
    return rate * (1 + sign * inside)


def _leaked(line: _Timeline, rate: float) -> Floats:
    """What is in the bucket at each moment: it never falls below nothing."""
    level: Floats = line.before - rate * line.at_s
    filled: Floats = level - np.minimum.accumulate(level)
    return filled


def _need(decision: Decision, quantity: Quantity) -> float:
    """What must be there for a request to be let through; it is charged then."""
    match quantity:
        case "declared":
            return float(decision.prompt_tokens + decision.max_tokens)
        case "real":
            return float(decision.prompt_tokens)
        case _:
            return 1.0


def _at_end(decision: Decision, quantity: Quantity) -> float:
    """What the end of its answer charges."""
    match quantity:
        case "real":
            return float(decision.output_tokens)
        case "in_flight":
            return -1.0
        case _:
            return 0.0
