"""What is behind the figures: objectives and their margins, budget, the probe itself, what is sent where.

Has a column of its own on the widest screens; elsewhere it comes in front by its key.
"""

from collections.abc import Callable, Sequence
from typing import ClassVar

from rich.style import Style
from textual import events
from textual.binding import Binding

from llmprobe.core.units import people_seconds, people_usd
from llmprobe.metrics.health import MOST_CPU
from llmprobe.metrics.snapshot import WINDOW_S
from llmprobe.session.view import View
from llmprobe.tui.feed import Sight
from llmprobe.tui.goals import Goal, goals
from llmprobe.tui.widgets.drawn import Drawn
from llmprobe.tui.widgets.ink import Ink
from llmprobe.tui.widgets.spans import Line, Span, cut, fitted, padded, width_of, wrapped
from llmprobe.tui.wording import NONE_YET, clock, count, percent

_LABEL = 13
_COLUMN, _GAP = 36, 3
"""Cells of a column of sections, and between two of them."""
_WITH_N = 41
"""Cells from which the samples of an objective are told."""
_BAR_CELLS = 6
Fact = tuple[str, Sequence[Span]]


class DetailsPane(Drawn, can_focus=True):
    """Sections of labels and values, in as many columns as there is room for."""

    BINDINGS: ClassVar = [
        Binding("up,k", "scroll(-1)", show=False),
        Binding("down,j", "scroll(1)", show=False),
    ]
    sight: Sight | None = None
    _first = 0

    def show(self, sight: Sight) -> None:
        """Take a new sight."""
        self.sight = sight
        self.redraw()

    def action_scroll(self, by: int) -> None:
        """Lines up or down, where not all fit."""
        total = len(self._text(self.size.width))
        self._first = max(0, min(self._first + by, total - self.size.height))
        self.redraw()

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        """The wheel."""
        event.stop()
        self.action_scroll(-1)

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        """The wheel."""
        event.stop()
        self.action_scroll(1)

    def lines(self, width: int, height: int) -> Sequence[Line]:
        """The part in sight."""
        text = self._text(width)
        first = max(0, min(self._first, len(text) - height))
        shown = text[first : first + height]
        if first + height < len(text):
            shown[-1] = [(f"{'↓ more':>{width}}", self.ink.accent)]
        return shown

    def _text(self, width: int) -> list[Line]:
        if self.sight is None or self.sight.view is None:
            return []
        view, ink = self.sight.view, self.ink
        columns = max(1, (width + _GAP) // (_COLUMN + _GAP))
        cells = (width + _GAP) // columns - _GAP
        sections = [
            _goals(view, cells, ink),
            _section("Budget", _budget(view, ink), cells, ink),
            *_limits(view, cells, ink),
            _section("The probe itself", _probe(view, ink), cells, ink),
            _section("Endpoint", _endpoint(view, ink), cells, ink),
            _section("Prompts", _prompts(view, ink), cells, ink),
            _section("Totals", _totals(view, ink), cells, ink),
        ]
        return _in_columns(sections, columns, cells, ink)


def _in_columns(sections: list[list[Line]], columns: int, cells: int, ink: Ink) -> list[Line]:
    """Sections one below the other, whole, in columns of about the same height."""
    most = -(-sum(len(section) + 1 for section in sections) // columns)
    filled: list[list[Line]] = [[]]
    for section in sections:
        if filled[-1] and len(filled[-1]) + len(section) > most + 1 and len(filled) < columns:
            filled.append([])
        filled[-1] += [*section, []]
    text: list[Line] = []
    for y in range(max(map(len, filled)) - 1):
        line: list[Span] = []
        for at, column in enumerate(filled):
            line.append((" " * (at * (cells + _GAP) - width_of(line)), ink.text))
            line += cut(column[y], cells) if y < len(column) else []
        text.append(line)
    return text


def _section(title: str, facts: Sequence[Fact], width: int, ink: Ink) -> list[Line]:
    """A title, then labels and values; a value that is one long text goes on below itself."""
    lines: list[Line] = [[(title, ink.strong)]]
    for label, value in facts:
        head: Span = (f"{label:<{_LABEL}} ", ink.dim)
        if len(value) > 1:
            lines.append([head, *value])
            continue
        text, style = value[0]
        first, *rest = wrapped(text, width - _LABEL - 1) or [""]
        lines.append([head, (first, style)])
        lines += [[(" " * (_LABEL + 1) + fitted(more, width - _LABEL - 1), style)] for more in rest[:1]]
    return lines


def _goals(view: View, width: int, ink: Ink) -> list[Line]:
    """Each objective: what the last seconds say, how far that is from the bound, and what it rests on."""
    wide = width >= _WITH_N
    title = padded(f"Objectives, last {WINDOW_S:.0f} s", width - 5)
    lines: list[Line] = [[(title, ink.strong), ("    n" if wide else "", ink.dim)]]
    name = width - 21 - (5 if wide else 0)
    for goal in goals(view):
        glyph, style = goal.look(ink)
        n = f"{goal.n or NONE_YET:>5}" if wide else ""
        margin = style if goal.met is False else ink.dim
        lines.append(
            [
                (f"{glyph} ", style), (padded(str(goal.slo), name), ink.text),
                (f"{_value(goal):>8}", ink.text), (f"{goal.margin:>11}", margin), (n, ink.dim),
            ]
        )  # fmt: skip
    return lines


def _value(goal: Goal) -> str:
    if goal.value is None:
        return NONE_YET
    return f"{percent(goal.value)} %" if goal.slo.quantile is None else people_seconds(goal.value)


def _budget(view: View, ink: Ink) -> list[Fact]:
    """What is used of what may be; what has no cap says so."""
    snapshot, stop = view.snapshot, view.scenario.stop
    facts: list[Fact] = [("requests", _against(view.spent_requests, view.max_requests, count, ink))]
    tokens = f"{count(snapshot.input_tokens)} in, {count(snapshot.output_tokens)} out"
    facts.append(("tokens", [(tokens, ink.text)]))
    if view.spent_usd is not None:
        facts.append(("dollars", _against(view.spent_usd, view.max_usd, people_usd, ink)))
        if snapshot.completed:
            facts.append(("a request", [(people_usd(view.spent_usd / snapshot.completed), ink.text)]))
    else:
        facts.append(("dollars", [("no prices known", ink.dim)]))
    facts.append(("time", _against(view.elapsed_s, stop.duration_s, clock, ink)))
    return facts


def _against(used: float, cap: float | None, write: Callable[[float], str], ink: Ink) -> list[Span]:
    if not cap:
        return [(write(used), ink.text), (", no cap", ink.dim)]
    share = used / cap
    style = ink.bad if share >= 1 else ink.warn if share >= 0.8 else ink.accent
    return [(f"{write(used)} of {write(cap)} ", ink.text), *_bar(share, style, ink)]


def _bar(share: float, style: Style, ink: Ink) -> list[Span]:
    full = max(0, min(_BAR_CELLS, round(share * _BAR_CELLS)))
    return [
        ("█" * full, style),
        ("░" * (_BAR_CELLS - full), ink.faint),
        (f" {min(share, 9.99):.0%}", ink.dim),
    ]


def _limits(view: View, width: int, ink: Ink) -> list[list[Line]]:
    """What the endpoint allows, where its answers tell."""
    told = view.snapshot.rate_limit
    if told is None:
        return []
    facts: list[Fact] = []
    for label, allowance in (("requests", told.requests), ("tokens", told.tokens)):
        if allowance.limit is not None:
            left = f", {count(allowance.remaining)} left" if allowance.remaining is not None else ""
            facts.append((label, [(f"{count(allowance.limit)}{left}", ink.text)]))
    facts += [(more.what, [(f"{count(more.limit)} a {more.per}", ink.text)]) for more in told.further]
    return [_section("Rate limits it tells", facts, width, ink)] if facts else []


def _probe(view: View, ink: Ink) -> list[Fact]:
    """Whether the probe itself can be trusted."""
    snapshot = view.snapshot
    share = snapshot.probe_cpu_share
    style = ink.bad if share >= MOST_CPU else ink.accent
    tokens = sum(snapshot.stamps.values())
    kinds = [f"{kind} {100 * n / tokens:.3g}%" for kind, n in snapshot.stamps.items() if n]
    error = snapshot.stamp_error_p99_s
    verdict = "keeps up" if snapshot.probe_bound is None else snapshot.probe_bound
    look = ink.text if snapshot.probe_bound is None else ink.bad
    return [
        ("judged", [(verdict, look)]),
        ("worker CPU", [*_bar(share, style, ink), (" of a core", ink.dim)]),
        ("workers", [(f"{view.workers}", ink.text)]),
        ("loop lag", [(people_seconds(snapshot.probe_lag_s), ink.text)]),
        ("stamps", [(", ".join(kinds) or NONE_YET, ink.text)]),
        (
            "stamp error",
            [(f"p99 {error * 1e6:.0f} µs", ink.text)]
            if error is not None
            else [("the server tells no times", ink.dim)],
        ),
    ]


def _endpoint(view: View, ink: Ink) -> list[Fact]:
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
    facts.append(("run folder", view.folder))
    return _plain(facts, ink)


def _prompts(view: View, ink: Ink) -> list[Fact]:
    prompts = view.scenario.prompts
    limit = f"at most {prompts.max_tokens} tokens" if prompts.max_tokens else "no limit"
    return _plain(
        [
            ("corpus", prompts.corpus), ("cache", prompts.cache), ("output", limit),
            ("seed", f"{view.scenario.seed}"), ("users", f"at most {view.scenario.load.max_users}"),
            ("failures", str(view.scenario.retry)),
        ],
        ink,
    )  # fmt: skip


def _totals(view: View, ink: Ink) -> list[Fact]:
    snapshot = view.snapshot
    facts = [
        ("completed", count(snapshot.completed)), ("failed", count(snapshot.failed)),
        ("cancelled", count(snapshot.cancelled)), ("token source", snapshot.token_source or NONE_YET),
    ]  # fmt: skip
    failures = [(str(outcome), count(n)) for outcome, n in snapshot.outcomes.items() if outcome.failed and n]
    return _plain(facts + failures, ink)


def _plain(facts: list[tuple[str, str]], ink: Ink) -> list[Fact]:
    return [(label, [(text, ink.text)]) for label, text in facts]
