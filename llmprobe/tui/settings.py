"""What a person chose for the screen: a TOML file in the config folder, written whole or not at all."""

import tomllib
from pathlib import Path
from typing import Annotated, Any, Literal, cast

import msgspec
import platformdirs
import tomli_w

from llmprobe.core.errors import LocalError, UsageError
from llmprobe.tui.keys import with_keys
from llmprobe.tui.theme import DEFAULT, toml_reason

GLYPHS = ("auto", "unicode", "ascii")
Looks = Annotated[int, msgspec.Meta(ge=1, le=10)]


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """A default is what a file without the key means."""

    theme: str = DEFAULT
    glyphs: Literal["auto", "unicode", "ascii"] = "auto"
    """`auto` asks LLMPROBE_ASCII, then the locale."""
    refresh: Looks = 4
    """Looks at the session a second."""
    keys: dict[str, str] = {}
    """Keys by action, as Textual names them, with commas between; see `tui.keys`."""


def settings_file() -> Path:
    """Where they are kept."""
    return platformdirs.user_config_path("llmprobe") / "settings.toml"


def load_settings(file: Path) -> Settings:
    """Without a file the defaults; `UsageError` names file, key and reason."""
    try:
        raw = tomllib.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return Settings()
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise UsageError(f"{file}: {error}") from None
    try:
        settings = msgspec.convert(raw, Settings)
    except msgspec.ValidationError as error:
        raise UsageError(f"{file}: {toml_reason(str(error))}") from None
    try:
        with_keys(settings.keys)
    except ValueError as error:
        raise UsageError(f"{file}: keys.{error}") from None
    return settings


def save_settings(settings: Settings, file: Path) -> None:
    """Only what differs from the defaults; raises `LocalError`."""
    told = cast("dict[str, Any]", msgspec.to_builtins(settings))
    half = file.with_suffix(".part")
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        half.write_text(tomli_w.dumps(told), encoding="utf-8")
        half.replace(file)
    except OSError as error:
        raise LocalError(f"can't write {file}: {error.strerror}") from error
