"""Verdicts: whether a request kept an objective, which is a budget of violations.

A first token is judged as soon as the request is as old as the bound; the time per token at the end, from 8
tokens on; failures count against `errors` and `goodput`, and against no latency that they didn't show.
"""

from msgspec import Struct

from llmprobe.core.outcome import Outcome
from llmprobe.core.record import RequestRecord
from llmprobe.core.slo import QUANTILES, Slo
from llmprobe.core.tick import OpenRequest

TPOT_TOKENS = 8
"""Output tokens from which TPOT is judged."""
_OURS = frozenset({Outcome.CANCELLED, Outcome.LOST})


class Constraint(Struct, frozen=True):
    """An objective as a share of requests that may violate it."""

    slo: Slo
    name: str
    """As the scenario writes it."""
    budget: float

    @property
    def latency(self) -> bool:
        """Whether it bounds a duration."""
        return self.slo.quantile is not None

    def value(self, record: RequestRecord) -> float | None:
        """The duration that is bounded, from when the request was due; None where it showed none."""
        late_s = record.started_s - (record.started_s if record.scheduled_s is None else record.scheduled_s)
        match self.slo.metric:
            case "ttft":
                return None if record.ttft_s is None else late_s + record.ttft_s
            case "ttfo":
                return None if record.ttfo_s is None else late_s + record.ttfo_s
            case "e2e":
                return late_s + record.e2e_s if record.outcome.completed else None
            case "tpot":
                return record.tpot_s if (record.output_tokens or 0) >= TPOT_TOKENS else None
            case _:
                return None

    def ended(self, record: RequestRecord) -> float | None:
        """The violation that a request was: 0, 1, or for gaps a share of them; None is no verdict."""
        metric, outcome = self.slo.metric, record.outcome
        if metric in {"errors", "goodput"}:
            return None if outcome in _OURS else float(outcome.failed)
        if metric == "itl":
            gaps = record.itl_s
            if not gaps:
                return None if record.tpot_s is None else float(record.tpot_s > self.slo.bound)
            return sum(gap > self.slo.bound for gap in gaps) / len(gaps)
        value = self.value(record)
        if value is not None:
            return float(value > self.slo.bound)
        # It ended without what is bounded: late is late, early is no verdict.
        overdue = metric in {"ttft", "ttfo", "e2e"} and record.e2e_s > self.slo.bound
        return 1.0 if overdue and outcome is not Outcome.RATE_LIMITED else None

    def waiting(self, request: OpenRequest, now_s: float) -> float | None:
        """The verdict on a request under way, where it is out already."""
        if self.slo.metric == "ttft" and request.first_token_s is not None:
            return float(request.first_token_s - request.started_s > self.slo.bound)
        if self.slo.metric in {"ttft", "ttfo", "e2e"}:
            late = now_s - request.started_s > self.slo.bound
            return 1.0 if late and (self.slo.metric != "ttfo" or request.first_token_s is None) else None
        if self.slo.metric == "errors" and request.first_token_s is not None:
            return 0.0
        return None


def constraints(slos: tuple[Slo, ...]) -> tuple[Constraint, ...]:
    """What the objectives allow: 5 % beyond a p95, the share of errors, what goodput leaves."""
    return tuple(Constraint(slo, str(slo), _budget(slo)) for slo in slos)


def _budget(slo: Slo) -> float:
    if slo.quantile is not None:
        return 1 - QUANTILES[slo.quantile]
    return 1 - slo.bound if slo.metric == "goodput" else slo.bound


Verdicts = tuple[float | None, ...]
"""One for each constraint."""


def of_ended(rules: tuple[Constraint, ...], record: RequestRecord) -> Verdicts:
    """All verdicts on a request; a good one violated nothing else."""
    each = [rule.ended(record) for rule in rules]
    worst = max((verdict for verdict in each if verdict is not None), default=None)
    return tuple(
        worst if rule.slo.metric == "goodput" else verdict for rule, verdict in zip(rules, each, strict=True)
    )


def of_open(rules: tuple[Constraint, ...], request: OpenRequest, now_s: float) -> Verdicts:
    """The verdicts that are out on a request under way."""
    return tuple(rule.waiting(request, now_s) for rule in rules)
