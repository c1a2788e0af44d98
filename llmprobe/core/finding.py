"""What a search found: a capacity with what it rests on, or why there is no honest answer."""

from typing import Literal

from msgspec import Struct

from llmprobe.core import limits
from llmprobe.core.limits import Limits
from llmprobe.core.load import LoadKind
from llmprobe.core.units import people_seconds

Cause = Literal[
    "ttft", "ttfo", "itl", "tpot", "e2e", "errors", "goodput",
    "rate_limit", "throughput", "instability", "none", "zero",
]  # fmt: skip
"""What binds first: an SLO by its metric, 429s, a throughput that grows no more, a queue without end.

`none` up to the maximum; `zero`: not even the smallest load holds.
"""


class Visit(Struct, frozen=True):
    """One stay at a load, as evidence."""

    load: float
    from_s: float
    to_s: float
    n: int
    """Verdicts, of the requests that count."""
    violations: dict[str, int]
    """By SLO, as the scenario writes it; those without any are left out."""
    held: bool | None
    """Whether every SLO held; None where it stayed open."""
    by: str = "autopilot"


class Knee(Struct, frozen=True):
    """Where throughput stops growing with load."""

    load: float
    low: float
    high: float
    most_per_s: float
    """Output tokens a second at the most."""


class Finding(Struct, frozen=True):
    """The end of a search. Loads are users, or requests a second."""

    capacity: float | None
    """The largest load that was confirmed; None where refused, 0 for `zero`."""
    estimate: float | None
    """Of the largest load that holds, confirmed or not."""
    low: float | None
    high: float | None
    """The interval of the break, `confidence` sure."""
    cause: Cause | None
    slo: str | None = None
    """The SLO that binds, as the scenario writes it."""
    confidence: float = 0.9
    held_s: float = 0.0
    """How long the capacity was held, settling left out."""
    n: int = 0
    violations: int = 0
    """Of the binding SLO among those n."""
    refused: str | None = None
    """Why there is no honest answer: one sentence."""
    drift: str | None = None
    """How the endpoint changed while it was measured, if it did."""
    visits: tuple[Visit, ...] = ()
    knee: Knee | None = None
    kind: LoadKind = "users"
    requests_per_s: float | None = None
    """Completed at the capacity."""
    tokens_per_s: float | None = None
    """Output tokens at the capacity."""
    failed_at: float | None = None
    """The smallest load that clearly failed, above the capacity."""
    failed_times: int = 0
    failed_apart_s: float | None = None
    """Between the first and the last of these failures."""
    noise: str | None = None
    """What slowed the endpoint down for a while only, if something did."""
    idle: dict[str, float] = {}
    """Medians of one user in seconds, by metric, where an objective is relative to them."""
    limits: Limits | None = None
    """The rate limits, as far as they were told or looked for."""
    maps_limits: bool = False
    """Whether they were all that was looked for, so that there is no capacity."""


class Mix(Struct, frozen=True):
    """The workload that a capacity holds for; without it the number means nothing."""

    input_tokens: float | None
    """Mean of a request."""
    output_tokens: float | None
    cache: str
    """`cold` or `warm`."""


MESSAGE_EVERY_S = 40.0
"""How often a person who reads and types sends a message: what turns requests per second into people."""


def statement(finding: Finding, mix: Mix) -> str:
    """The finding as a paragraph for people."""
    if finding.refused is not None:
        return f"No honest answer: {finding.refused}."
    sentences = [_safe(finding, mix), _breaks(finding), _rests_on(finding), _people(finding), _marks(finding)]
    return " ".join(sentence for sentence in sentences if sentence)


def brief(finding: Finding) -> str:
    """The finding in a line, without its workload: for a screen that shows that beside it."""
    if finding.refused is not None:
        return f"no honest answer: {finding.refused}"
    if finding.maps_limits and finding.limits is not None:
        return limits.brief(finding.limits)
    breaks = _breaks(finding).rstrip(".")
    if not finding.capacity:
        least = "one user" if finding.kind == "users" else "the lowest rate tried"
        return f"not even {least} gets what the SLOs ask, by {_beyond(finding.slo)}"
    unit = "requests/s" if finding.kind == "rate" else "user" if finding.capacity == 1 else "users"
    return f"safe at {_number(finding.capacity, finding.kind)} {unit}; {breaks[0].lower()}{breaks[1:]}"


def _safe(finding: Finding, mix: Mix) -> str:
    amounts = ((mix.input_tokens, "tokens in"), (mix.output_tokens, "out"))
    workload = [f"{amount:,.0f} {word}" for amount, word in amounts if amount is not None]
    asked = ", ".join([*workload, f"{mix.cache} cache"])
    if not finding.capacity:
        least = "one user" if finding.kind == "users" else "the lowest rate tried"
        return f"Not even {least} gets what the SLOs ask, by {_beyond(finding.slo)} ({asked})."
    if finding.kind == "rate":
        number, rates = f"{finding.capacity:.3g} requests/s", []
    else:
        plural = "" if finding.capacity == 1 else "s"
        number = f"{finding.capacity:.0f} concurrent request{plural}"
        rates = [] if finding.requests_per_s is None else [f"{finding.requests_per_s:.3g} req/s"]
    rates += [] if finding.tokens_per_s is None else [f"{finding.tokens_per_s:,.0f} tokens/s"]
    return f"Safe at {number}{': ' if rates else ''}{', '.join(rates)} ({asked})."


def _breaks(finding: Finding) -> str:
    if finding.cause == "none":
        return "Nothing broke up to there, the most that was tried."
    if finding.cause == "throughput" and (knee := finding.knee) is not None:
        load, low, high = (_number(at, finding.kind) for at in (knee.load, knee.low, knee.high))
        where = f"about {load} ({low} to {high}, {finding.confidence:.0%})"
        return f"No SLO broke up to there, the most that was tried, but throughput stops growing at {where}."
    if not finding.capacity:
        return ""
    why = {
        "rate_limit": f"by a rate limit (429){_limit(finding)}",
        "instability": f"because the queue grows without end ({_beyond(finding.slo)})",
    }.get(finding.cause or "", f"by {_beyond(finding.slo)}")
    if finding.low is None or finding.high is None:
        return f"It breaks {why}."
    low, high = _number(finding.low, finding.kind), _number(finding.high, finding.kind)
    where = f"at {low}" if low == high else f"between {low} and {high}"
    return f"It breaks {where} ({finding.confidence:.0%}), {why}."


def _limit(finding: Finding) -> str:
    return "" if finding.limits is None else f": {limits.brief(finding.limits)}"


def _beyond(slo: str | None) -> str:
    """`p95 ttft < 1s` is a promise; what breaks it is `p95 TTFT > 1s`."""
    if slo is None:
        return "what was not found out"
    words = [word.upper() if word in _ABBREVIATIONS else word for word in slo.split()]
    return " ".join({"<": ">", ">": "<"}.get(word, word) for word in words)


_ABBREVIATIONS = ("ttft", "ttfo", "itl", "tpot", "e2e")


def _rests_on(finding: Finding) -> str:
    if not finding.capacity:
        return ""
    violations = f"{finding.violations} violation{'' if finding.violations == 1 else 's'}"
    held = f"Held {finding.held_s:.0f} s, n = {finding.n:,}, {violations}"
    if finding.failed_at is None:
        return f"{held}."
    times = {1: "once", 2: "twice"}.get(finding.failed_times, f"{finding.failed_times} times")
    apart = "" if finding.failed_apart_s is None else f", {finding.failed_apart_s:.0f} s apart"
    return f"{held}; {_number(finding.failed_at, finding.kind)} failed {times}{apart}."


def _people(finding: Finding) -> str:
    per_s = finding.capacity if finding.kind == "rate" else finding.requests_per_s
    if not finding.capacity or per_s is None:
        return ""
    people = per_s * MESSAGE_EVERY_S
    rough = round(people, -1) if people >= 100 else round(people)
    return f"About {rough:,.0f} people at one message per {MESSAGE_EVERY_S:.0f} s."


def _marks(finding: Finding) -> str:
    said = [f"{mark[0].upper()}{mark[1:]}." for mark in (finding.drift, finding.noise) if mark]
    if finding.idle:
        alone = ", ".join(f"{metric.upper()} {people_seconds(s)}" for metric, s in finding.idle.items())
        said.append(f"Idle is the median of one user: {alone}.")
    if finding.cause != "throughput" and (knee := finding.knee) is not None:
        load, low, high = (_number(at, finding.kind) for at in (knee.load, knee.low, knee.high))
        said.insert(0, f"Throughput stops growing at about {load} ({low} to {high}).")
    return " ".join(said)


def _number(load: float, kind: LoadKind) -> str:
    return f"{load:.3g}" if kind == "rate" else f"{load:.0f}"
