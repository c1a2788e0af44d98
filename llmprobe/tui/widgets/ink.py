"""The styles that widgets draw with, made from the theme in force."""

from collections.abc import Mapping
from dataclasses import dataclass

from rich.style import Style
from textual.color import Color


@dataclass(frozen=True, slots=True)
class Ink:
    """One style a role; grounds come from the widget. Without colour the roles differ by weight."""

    text: Style
    strong: Style
    dim: Style
    """Labels, and what is said quietly."""
    faint: Style
    """Tracks, axes and gaps."""
    accent: Style
    latency: Style
    throughput: Style
    limited: Style
    good: Style
    warn: Style
    bad: Style
    cursor: Style
    """Ground of the line under the cursor; added to another."""
    ascii: bool = False
    """Whether the terminal has ASCII only."""

    @classmethod
    def of(cls, variables: Mapping[str, str], *, colour: bool = True, ascii_only: bool = False) -> "Ink":
        """From the CSS variables of a theme."""

        def role(name: str, *, bold: bool = False, dim: bool = False) -> Style:
            if not colour:
                return Style(bold=bold, dim=dim)
            return Style(color=Color.parse(variables[name]).rich_color, bold=bold)

        surface = Color.parse(variables["surface"]).rich_color
        return cls(
            text=role("foreground"), strong=role("foreground", bold=True), dim=role("dim"),
            faint=role("faint", dim=True), accent=role("accent", bold=True), latency=role("latency"),
            throughput=role("throughput"), limited=role("limited"), good=role("good", bold=True),
            warn=role("warn", bold=True), bad=role("bad", bold=True),
            cursor=Style(bgcolor=surface) if colour else Style(reverse=True), ascii=ascii_only,
        )  # fmt: skip
