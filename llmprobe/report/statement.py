"""A finding for a pull request or a chat: GitHub's Markdown, the sentence first, the evidence below it."""

from collections.abc import Iterator

from llmprobe.core.finding import Finding, Mix, Visit, statement
from llmprobe.report.to_markdown import plain, table

_HELD = {True: "held", False: "failed", None: "open"}


def markdown(finding: Finding, mix: Mix) -> str:
    """The whole text, with a newline at the end."""
    return "\n".join(_lines(finding, mix)) + "\n"


def settings(finding: Finding) -> str | None:
    """What a client should be set to, so as not to break the endpoint; None where no number follows."""
    if not finding.capacity:
        return None
    parts = []
    if finding.kind == "users":
        parts.append(f"at most {finding.capacity:.0f} requests at once")
    per_s = finding.capacity if finding.kind == "rate" else finding.requests_per_s
    if per_s is not None:
        parts.append(f"about {per_s * 60:,.0f} requests a minute")
    return f"Set all clients together to {' and '.join(parts)}." if parts else None


def _lines(finding: Finding, mix: Mix) -> Iterator[str]:
    yield f"**{plain(statement(finding, mix))}**"
    if (advice := settings(finding)) is not None:
        yield ""
        yield advice
    if finding.visits:
        yield ""
        unit = "users" if finding.kind == "users" else "req/s"
        yield from table(
            ("at", unit, "seconds", "n", "violations", "", "by"), [_visit(v) for v in finding.visits]
        )


def _visit(visit: Visit) -> tuple[str, ...]:
    violations = ", ".join(f"{n} of {slo}" for slo, n in visit.violations.items()) or "none"
    return (
        f"{visit.from_s:.0f} s", f"{visit.load:g}", f"{visit.to_s - visit.from_s:.0f}", str(visit.n),
        violations, _HELD[visit.held], visit.by,
    )  # fmt: skip
