"""How single values of a scenario file are read and written back. Pure.

Each reader takes what TOML made of a value and raises `ValueError`, with a sentence that shows a right
spelling, or `InsideError`, which also says where inside the value.
"""

import json
import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from llmprobe.core import units
from llmprobe.core.headers import is_header_name, is_header_value
from llmprobe.core.keys import check_env_name
from llmprobe.core.scenario import Baseline
from llmprobe.core.scrub import carries_secret
from llmprobe.core.slo import Slo, parse_slos
from llmprobe.scenario.secrets import REMEDY, is_secret, secret_field

_INT64 = 1 << 63
"""Frames between processes carry numbers of 64 bits."""
_SHA256 = re.compile(r"[0-9a-f]{64}")
_FIGURE = re.compile(r"(ttft|ttfo|itl|tpot|e2e|connect)_(mean|p50|p90|p95|p99|max)_s")
_UNLIMITED = "unlimited"


class InsideError(ValueError):
    """A value is wrong at a place inside it: keys and positions."""

    def __init__(self, reason: str, *inside: str | int) -> None:
        super().__init__(reason)
        self.inside = inside


@dataclass(frozen=True, slots=True)
class Value:
    """Reads a value of the file, and writes it as the file has it."""

    read: Callable[[Any], Any]
    write: Callable[[Any], Any] = lambda value: value


def text(raw: Any) -> str:
    """Text that isn't blank and fits on one line."""
    if not isinstance(raw, str):
        raise ValueError(f"must be text in quotes, not {said(raw)}")  # noqa: TRY004 - the file's error, not a caller's
    if not raw.strip() or not raw.isprintable():
        raise ValueError(f"must be text on one line, not {said(raw)}")
    return raw


def choice(*names: str) -> Value:
    """One of a few words."""

    def read(raw: Any) -> str:
        if raw not in names:
            spelled = " or ".join(f'"{name}"' for name in names)
            raise ValueError(f"must be {spelled}, not {said(raw)}")
        return str(raw)

    return Value(read)


def flag(raw: Any) -> bool:
    """True or false."""
    if not isinstance(raw, bool):
        raise ValueError(f"must be true or false, not {said(raw)}")  # noqa: TRY004 - the file's error
    return raw


def whole(raw: Any) -> int:
    """A whole number of 64 bits."""
    if isinstance(raw, bool) or not isinstance(raw, int) or not -_INT64 <= raw < _INT64:
        raise ValueError(f"must be a whole number, not {said(raw)}")
    return raw


def count(raw: Any) -> int:
    """At least 1; also as `"4k"`."""
    number = units.parse_size(raw) if isinstance(raw, str) else whole(raw)
    if number < 1:
        raise ValueError(f"must be at least 1, not {number}")
    return number


def amount(raw: Any) -> float:
    """A number that is not negative."""
    if isinstance(raw, bool) or not isinstance(raw, int | float) or not 0 <= raw < math.inf:
        raise ValueError(f"must be a number, 0 or more, not {said(raw)}")
    return float(raw)


def dollars(raw: Any) -> float:
    """`5.0` or `"$5"`."""
    return units.parse_usd(raw) if isinstance(raw, str) else amount(raw)


def share(raw: Any) -> float:
    """`"10%"` or `0.1`."""
    return units.parse_share(raw if isinstance(raw, str) else str(amount(raw)))


def duration(raw: Any) -> float:
    """`"30s"` -> seconds."""
    if not isinstance(raw, str):
        raise ValueError(f'must be a duration with its unit in quotes, as in "30s", not {said(raw)}')  # noqa: TRY004 - as above
    return units.parse_duration(raw)


def span(raw: Any) -> float:
    """A duration longer than nothing."""
    seconds = duration(raw)
    if not seconds:
        raise ValueError("must be longer than 0")
    return seconds


def address(raw: Any) -> str:
    """The endpoint's address as the file has it: a template of one, without keys."""
    if carries_secret(text(raw)):
        raise ValueError(f"holds a key or a password; {REMEDY}")
    return text(raw)


def env_name(raw: Any) -> str:
    """The name of an environment variable."""
    name = text(raw)
    check_env_name(name)
    return name


def digest(raw: Any) -> str:
    """SHA-256 in hexadecimal digits."""
    if not isinstance(raw, str) or not _SHA256.fullmatch(raw):
        raise ValueError("must be 64 hexadecimal digits in quotes")
    return raw


def connection(raw: Any) -> str:
    """`keep`, `per-request` or `max-age 30s`."""
    if raw in {"keep", "per-request"}:
        return str(raw)
    if isinstance(raw, str) and raw.startswith("max-age "):
        span(raw.removeprefix("max-age "))
        return raw
    raise ValueError(f'must be "keep", "per-request" or "max-age 30s", not {said(raw)}')


def slos(raw: Any) -> tuple[Slo, ...]:
    """A list of objectives and of names of presets."""
    if not isinstance(raw, list):
        raise ValueError(f'must be a list, as in ["p95 ttft < 1s"], not {said(raw)}')  # noqa: TRY004 - as above
    read: list[Slo] = []
    for position, item in enumerate(raw):
        try:
            read.extend(parse_slos([text(item)]))
        except ValueError as error:
            raise InsideError(str(error), position) from None
    return tuple(read)


def headers(raw: Any) -> dict[str, str]:
    """Names and values that may be sent and written down."""
    for name, value in table(raw).items():
        if not is_header_name(name):
            raise InsideError("is not the name of a header", name)
        if not isinstance(value, str) or not is_header_value(value):
            raise InsideError(f"must be ASCII text on one line, not {said(value)}", name)
        if is_secret(name, value):
            raise InsideError(f"carries a key; {REMEDY}", name)
    return dict(raw)


def body(raw: Any) -> dict[str, Any]:
    """What is merged into each request: a table, or JSON in quotes where it holds null, which TOML lacks."""
    if isinstance(raw, str):
        try:
            raw = json.loads(raw)
        except ValueError as error:
            raise ValueError(f"is not JSON: {error}") from None
    merged = table(raw)
    if (name := secret_field(merged)) is not None:
        raise InsideError(f"carries a key; {REMEDY}", name)
    check_json(merged)
    return merged


def write_body(merged: dict[str, Any]) -> Any:
    """A table where TOML can say it, else JSON."""
    return json.dumps(merged, ensure_ascii=False) if _holds_null(merged) else merged


def output_limit(raw: Any) -> int | None:
    """Tokens of an answer; `"unlimited"` sends no limit."""
    return None if raw == _UNLIMITED else count(raw)


def write_output_limit(limit: int | None) -> int | str:
    """The same, back."""
    return _UNLIMITED if limit is None else limit


def write_load(load: float) -> int | float:
    """Users without a decimal point."""
    return int(load) if load == int(load) else load


def baseline(raw: Any) -> Baseline:
    """Figures by the names of result.json, and a tolerance."""
    read: dict[str, float] = {}
    for name, value in table(raw).items():
        if name != "tolerance" and not _FIGURE.fullmatch(name):
            raise InsideError("is no figure; write it as ttft_p95_s", name)
        try:
            read[name] = share(value) if name == "tolerance" else amount(value)
        except ValueError as error:
            raise InsideError(str(error), name) from None
    tolerance = read.pop("tolerance", Baseline({}).tolerance)
    if not read:
        raise ValueError("names no figure; write one as ttft_p95_s = 0.62")
    return Baseline(read, tolerance)


def write_baseline(reference: Baseline) -> dict[str, Any]:
    """The same, back."""
    return {**reference.figures, "tolerance": units.format_share(reference.tolerance)}


def table(raw: Any) -> dict[str, Any]:
    """Keys and values."""
    if not isinstance(raw, dict):
        raise ValueError(f"must be a table, not {said(raw)}")  # noqa: TRY004 - the file's error
    return raw


def said(raw: Any) -> str:
    """A value as TOML spells it, more or less, and short."""
    spelled = str(raw).lower() if isinstance(raw, bool) else repr(raw)
    return spelled if len(spelled) <= 60 else spelled[:59] + "…"


def check_json(value: Any, *inside: str | int) -> None:
    """Raise `InsideError` where it is none, though Python reads it, or where no frame can carry it."""
    match value:
        case dict():
            for name, inner in value.items():
                check_json(inner, *inside, name)
        case list():
            for position, inner in enumerate(value):
                check_json(inner, *inside, position)
        case bool() | str() | None:
            pass
        case int():
            try:
                whole(value)
            except ValueError as error:
                raise InsideError(str(error), *inside) from None
        case float() if math.isfinite(value):
            pass
        case _:
            raise InsideError(f"can't be sent as JSON: {said(value)}", *inside)


def _holds_null(value: Any) -> bool:
    if isinstance(value, dict):
        return any(_holds_null(inner) for inner in value.values())
    if isinstance(value, list):
        return any(_holds_null(inner) for inner in value)
    return value is None
