"""Themes out of TOML files: those that come with llmprobe, and the user's own, which win by name."""

import re
import tomllib
from pathlib import Path
from typing import Any

import msgspec
import platformdirs
from textual.color import Color, ColorParseError
from textual.theme import Theme

from llmprobe.core.errors import UsageError
from llmprobe.core.shipped import shipped_folder

DEFAULT = "dark"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*")


class Colors(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a theme file must give, each as `#rrggbb` or a name of CSS."""

    background: str
    surface: str
    """Dialogs, and the line under a cursor."""
    text: str
    dim: str
    """Labels."""
    faint: str
    """Borders, tracks and axes."""
    accent: str
    """Focus, keys, the slider."""
    latency: str
    throughput: str
    limited: str
    """429s."""
    good: str
    warn: str
    bad: str


class ThemeFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A whole file."""

    name: str
    dark: bool
    colors: Colors


def user_folder() -> Path:
    """Where people put their own themes."""
    return platformdirs.user_config_path("llmprobe") / "themes"


def load_themes(*folders: Path) -> dict[str, Theme]:
    """Themes by name, a later folder's over an earlier one's; `UsageError` names file, key and reason."""
    found: dict[str, Theme] = {}
    for folder in folders or (shipped_folder("themes"), user_folder()):
        for file in sorted(folder.glob("*.toml")):
            theme = read_theme(file)
            found[theme.name] = theme
    return found


def read_theme(file: Path) -> Theme:
    """One theme file as Textual wants it."""
    try:
        raw = tomllib.loads(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise UsageError(f"{file}: {error}") from None
    colors = raw.get("colors")
    if isinstance(colors, dict):
        _check_colors(file, colors)
    try:
        parsed = msgspec.convert(raw, ThemeFile)
    except msgspec.ValidationError as error:
        raise UsageError(f"{file}: {toml_reason(str(error))}") from None
    if not _NAME.fullmatch(parsed.name):
        raise UsageError(f"{file}: name: {parsed.name!r} is not a name; write letters, digits, - and _")
    return _theme(parsed)


def _check_colors(file: Path, colors: dict[str, Any]) -> None:
    for key, value in colors.items():
        if not isinstance(value, str):
            continue
        try:
            Color.parse(value)
        except ColorParseError:
            raise UsageError(
                f"{file}: colors.{key}: {value!r} is not a colour; write it as #58c7f3"
            ) from None


def toml_reason(message: str) -> str:
    """What msgspec says, in words of a TOML file: which key, then what."""
    reason, _, path = message.partition(" - at `$")
    key = path.strip("`.")
    reason = reason.replace("Object contains unknown field", "unknown key")
    reason = reason.replace("Object missing required field", "it misses")
    return f"{key}: {reason}" if key else reason


def _theme(file: ThemeFile) -> Theme:
    colors = file.colors
    return Theme(
        name=file.name, dark=file.dark, primary=colors.accent, secondary=colors.latency, accent=colors.accent,
        foreground=colors.text, background=colors.background, surface=colors.surface, panel=colors.surface,
        success=colors.good, warning=colors.warn, error=colors.bad, text_alpha=1.0,
        variables={
            **{name: getattr(colors, name) for name in Colors.__struct_fields__},
            "foreground": colors.text, "border": colors.accent, "border-blurred": colors.faint,
            "input-cursor-background": colors.accent, "input-cursor-foreground": colors.background,
            "input-selection-background": f"{colors.accent} 30%",
            "scrollbar": colors.faint, "scrollbar-hover": colors.dim, "scrollbar-active": colors.accent,
            "scrollbar-background": colors.background, "scrollbar-corner-color": colors.background,
            "scrollbar-background-hover": colors.background, "scrollbar-background-active": colors.background,
        },
    )  # fmt: skip
