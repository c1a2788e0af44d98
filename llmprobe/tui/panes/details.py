"""The widest screens have room for all of it: endpoint, prompts, limits, and how requests ended so far."""

from collections.abc import Sequence

from llmprobe.core.units import people_seconds, people_usd
from llmprobe.session.view import View
from llmprobe.tui.feed import Sight
from llmprobe.tui.goals import goals
from llmprobe.tui.widgets.drawn import Drawn
from llmprobe.tui.widgets.ink import Ink
from llmprobe.tui.widgets.spans import Line, Span, fitted, wrapped
from llmprobe.tui.wording import count, percent

_LABEL = 12


class DetailsPane(Drawn):
    """Sections of labels and values."""

    sight: Sight | None = None

    def show(self, sight: Sight) -> None:
        """Take a new sight."""
        self.sight = sight
        self.redraw()

    def lines(self, width: int, height: int) -> Sequence[Line]:
        """As many sections as fit, top first."""
        if self.sight is None or self.sight.view is None:
            return []
        view, ink = self.sight.view, self.ink
        lines: list[Line] = []
        for title, facts in (
            ("Endpoint", _endpoint(view)), ("Prompts", _prompts(view)), ("Limits", _limits(view)),
            ("Totals", _totals(view)), ("Probe", _probe(view)),
        ):  # fmt: skip
            lines += [[(title, ink.strong)], *_facts(facts, width, ink), []]
            if title == "Limits":
                lines += [[("Goals", ink.strong)], *_goals(view, ink), []]
        return lines[:height]


def _facts(facts: list[tuple[str, str]], width: int, ink: Ink) -> list[Line]:
    lines: list[Line] = []
    column = max(_LABEL, *(len(label) + 1 for label, _ in facts))
    for label, value in facts:
        first, *rest = wrapped(value, width - column) or [""]
        lines.append([(f"{label:<{column}}", ink.dim), (first, ink.text)])
        lines += [[(" " * column, ink.dim), (fitted(more, width - column), ink.text)] for more in rest[:2]]
    return lines


def _endpoint(view: View) -> list[tuple[str, str]]:
    endpoint = view.scenario.endpoint
    facts = [("target", endpoint.url)]
    if view.url != endpoint.url:
        facts.append(("url", view.url))
    facts += [
        ("model", view.model), ("dialect", endpoint.dialect or ""), ("connection", endpoint.connection),
    ]  # fmt: skip
    if endpoint.api_key_env:
        facts.append(("key", f"${endpoint.api_key_env}"))
    if endpoint.insecure:
        facts.append(("TLS", "certificates unchecked"))
    return facts


def _prompts(view: View) -> list[tuple[str, str]]:
    prompts = view.scenario.prompts
    limit = f"at most {prompts.max_tokens} tokens" if prompts.max_tokens else "no limit"
    return [
        ("corpus", prompts.corpus), ("cache", prompts.cache), ("output", limit),
        ("seed", f"{view.scenario.seed}"),
    ]  # fmt: skip


def _limits(view: View) -> list[tuple[str, str]]:
    requests = (
        f"{view.spent_requests} of {view.max_requests}"
        if view.max_requests
        else f"{view.spent_requests}, no cap"
    )
    facts = [("requests", requests)]
    if view.spent_usd is not None:
        cap = f" of {people_usd(view.max_usd)}" if view.max_usd is not None else ", no cap"
        facts.append(("dollars", people_usd(view.spent_usd) + cap))
    if view.scenario.stop.duration_s is not None:
        facts.append(("duration", people_seconds(view.scenario.stop.duration_s)))
    return [*facts, ("users", f"at most {view.scenario.load.max_users}"), ("run folder", view.folder)]


def _totals(view: View) -> list[tuple[str, str]]:
    snapshot = view.snapshot
    source = f" by {snapshot.token_source}" if snapshot.token_source else ""
    facts = [
        ("completed", count(snapshot.completed)), ("failed", count(snapshot.failed)),
        ("cancelled", count(snapshot.cancelled)),
        ("tokens in", count(snapshot.input_tokens)),
        ("tokens out", f"{count(snapshot.output_tokens)}{source}"),
    ]  # fmt: skip
    failures = [(str(outcome), count(n)) for outcome, n in snapshot.outcomes.items() if outcome.failed and n]
    return facts + failures


def _probe(view: View) -> list[tuple[str, str]]:
    snapshot = view.snapshot
    return [
        ("worker CPU", f"{percent(snapshot.probe_cpu_share)} % of a core"),
        ("loop lag", people_seconds(snapshot.probe_lag_s)),
    ]


def _goals(view: View, ink: Ink) -> list[Line]:
    lines: list[Line] = []
    for goal in goals(view):
        glyph, style = goal.look(ink)
        value = (
            ""
            if goal.value is None
            else percent(goal.value) + " %"
            if goal.slo.quantile is None
            else people_seconds(goal.value)
        )
        line: list[Span] = [(f"{glyph} ", style), (f"{goal.slo!s:<20}", ink.text), (value, ink.dim)]
        lines.append(line)
    return lines
