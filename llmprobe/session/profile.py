"""A load over time that a hand shaped on the screen: `64 over 30s for 1m, 8`. Pure.

Each part goes to a load, at once or evenly `over` a time, and stays `for` a time; the last one stays.
"""

import re
from collections.abc import Sequence

from msgspec import Struct

from llmprobe.core.load import UNTIL_STOPPED_S, LoadKind, Stage
from llmprobe.core.units import format_duration, parse_duration

_PART = re.compile(r"(?P<to>\S+)(?:\s+over\s+(?P<over>\S+))?(?:\s+for\s+(?P<hold>\S+))?")


def parse_profile(text: str, kind: LoadKind, most: float) -> tuple[Stage, ...]:
    """The stages; raises `ValueError` with a sentence about the first part that is wrong."""
    parts = [part.strip() for part in text.split(",")]
    stages: list[Stage] = []
    for number, part in enumerate(parts, 1):
        found = _PART.fullmatch(part)
        if found is None:
            raise ValueError(f"part {number} can't be read; write it as 64 over 30s for 1m")
        hold_s = UNTIL_STOPPED_S if found["hold"] is None else parse_duration(found["hold"])
        if found["hold"] is None and number < len(parts):
            raise ValueError(f"part {number} must say how long it stays, as in {part} for 30s")
        ramp_s = 0.0 if found["over"] is None else parse_duration(found["over"])
        stages.append(Stage(_load(found["to"], kind, most), hold_s, ramp_s))
    return tuple(stages)


def _load(text: str, kind: LoadKind, most: float) -> float:
    try:
        load = float(text)
    except ValueError:
        raise ValueError(f"{text!r} is not a number of {_UNITS[kind]}") from None
    if not 0 < load <= most:
        raise ValueError(f"{text} {_UNITS[kind]}: write more than 0, and at most {most:g}")
    if kind == "users" and load != int(load):
        raise ValueError(f"{text} users: there are no parts of one")
    return load


_UNITS: dict[LoadKind, str] = {"users": "users", "rate": "requests per second"}


class Following(Struct, frozen=True):
    """Where a profile is."""

    part: int
    """From 1."""
    of: int
    to: float
    left_s: float
    """Until the next part, or until the last one has reached its load."""


def following(stages: Sequence[Stage], since_s: float) -> Following | None:
    """Where a profile is so long after its begin; None once its last part holds."""
    for number, stage in enumerate(stages, 1):
        span_s = stage.ramp_s + (stage.hold_s if number < len(stages) else 0.0)
        if since_s < span_s:
            return Following(number, len(stages), stage.to, span_s - since_s)
        since_s -= span_s
    return None


def told(stages: Sequence[Stage]) -> str:
    """As `parse_profile` reads it."""
    return ", ".join(
        f"{stage.to:g}"
        + (f" over {format_duration(stage.ramp_s)}" if stage.ramp_s else "")
        + (f" for {format_duration(stage.hold_s)}" if stage.hold_s < UNTIL_STOPPED_S else "")
        for stage in stages
    )
