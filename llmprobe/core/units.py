"""Durations, rates, sizes, money and shares as people write them, and back.

Every parser raises `ValueError` with a sentence that shows a right spelling.
"""

import math
import re
from decimal import Decimal

_NUMBER = r"(\d+(?:\.\d+)?|\.\d+)"
_DURATION_PART = re.compile(_NUMBER + r"\s*(ms|us|s|m|h)")
_SECONDS = {"us": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}
_SIZE = re.compile(_NUMBER + r"\s*([kKmM]?)")
_RATE = re.compile(_NUMBER + r"\s*/\s*(s|m|h)")


def parse_duration(text: str) -> float:
    """`500ms`, `1.5s`, `2m`, `1m30s`, `1h` or a bare `0` -> seconds."""
    squeezed = text.strip()
    if squeezed == "0":
        return 0.0
    parts = _DURATION_PART.findall(squeezed)
    seconds = sum(float(number) * _SECONDS[unit] for number, unit in parts)
    if not parts or _DURATION_PART.sub("", squeezed).strip() or seconds == math.inf:
        raise ValueError(f"{text!r} is not a duration; write it as 500ms, 1.5s, 2m or 1h")
    return seconds


def format_duration(seconds: float) -> str:
    """Seconds -> the shortest spelling that `parse_duration` reads back as the same number."""
    if seconds == 0:
        return "0s"
    for unit, scale in (("h", 3600.0), ("m", 60.0)):
        count = round(seconds / scale)
        if count and count * scale == seconds:
            return f"{count}{unit}"
    if seconds < 1:
        millis = round(seconds * 1000, 6)
        text = f"{millis:.6f}".rstrip("0").rstrip(".") + "ms"
        if parse_duration(text) == seconds:
            return text
    return f"{_plain(seconds)}s"


def parse_rate(text: str) -> float:
    """`20/s`, `90/m`, `2.5/s` -> per second."""
    match = _RATE.fullmatch(text.strip())
    if not match or (rate := float(match[1]) / _SECONDS[match[2]]) == math.inf:
        raise ValueError(f"{text!r} is not a rate; write it as 20/s or 90/m")
    return rate


def parse_size(text: str) -> int:
    """`512`, `4k`, `1.5M` -> a whole number."""
    match = _SIZE.fullmatch(text.strip())
    if not match:
        raise ValueError(f"{text!r} is not a count; write it as 512 or 4k")
    count = float(match[1]) * {"": 1, "k": 1e3, "m": 1e6}[match[2].lower()]
    if not count.is_integer():
        raise ValueError(f"{text!r} is not a whole number")
    return int(count)


def parse_usd(text: str) -> float:
    """`$5`, `0.25` -> US dollars."""
    try:
        amount = float(text.strip().removeprefix("$"))
    except ValueError:
        amount = -1.0
    if not 0 <= amount < math.inf:
        raise ValueError(f"{text!r} is not an amount of dollars; write it as $5 or 0.25")
    return amount


def parse_share(text: str) -> float:
    """`1%`, `0.5%` or `0.01` -> a share between 0 and 1."""
    squeezed = text.strip()
    try:
        share = float(squeezed[:-1]) / 100 if squeezed.endswith("%") else float(squeezed)
    except ValueError:
        share = -1.0
    if not 0 <= share <= 1:
        raise ValueError(f"{text!r} is not a share; write it as 1% or 0.01")
    return share


def format_share(share: float) -> str:
    """A share between 0 and 1 -> `1%`, read back as the same number."""
    percent = f"{_plain(round(share * 100, 9))}%"
    return percent if parse_share(percent) == share else _plain(share)


def people_seconds(seconds: float) -> str:
    """Seconds -> three significant digits with a unit, for a reader: `620 ms`, `1.25 s`, `3 m 20 s`."""
    if seconds < 0.0995:
        return f"{seconds * 1000:.1f} ms"
    if seconds < 0.9995:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 100:
        return f"{seconds:.2f} s" if seconds < 10 else f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} m {rest} s" if rest else f"{minutes} m"


def people_usd(usd: float) -> str:
    """Dollars -> `$0.84`, with more digits for small sums."""
    return f"${usd:.2f}" if usd == 0 or usd >= 0.1 else f"${usd:.2g}" if usd >= 0.0001 else f"${usd:.6f}"


def _plain(number: float) -> str:
    """A float without an exponent, at full precision."""
    return format(Decimal(repr(float(number))), "f").removesuffix(".0")
