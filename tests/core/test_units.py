"""Durations, rates, counts, money and shares as people write them, and back."""

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmprobe.core.units import (
    format_duration,
    format_share,
    parse_duration,
    parse_rate,
    parse_share,
    parse_size,
    parse_usd,
    people_seconds,
    people_usd,
)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("500ms", 0.5),
        ("250us", 0.00025),
        ("1.5s", 1.5),
        (".5s", 0.5),
        ("2m", 120.0),
        ("1m30s", 90.0),
        (" 1h 5m ", 3900.0),
        ("10 s", 10.0),
        ("0", 0.0),
        ("0s", 0.0),
    ],
)
def test_a_duration_is_read_with_its_unit(text: str, seconds: float) -> None:
    assert parse_duration(text) == seconds


@pytest.mark.parametrize(
    "text", ["", "5", "s", "-5s", "5 seconds", "1,5s", "1e3s", "infs", "5s!", "9" * 400 + "s"]
)
def test_what_is_no_duration_is_refused_with_right_spellings(text: str) -> None:
    with pytest.raises(ValueError, match=r"write it as 500ms, 1\.5s, 2m or 1h"):
        parse_duration(text)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.0, "0s"),
        (0.0005, "0.5ms"),
        (0.06, "60ms"),
        (1.0, "1s"),
        (1.5, "1.5s"),
        (90.0, "90s"),
        (120.0, "2m"),
        (7200.0, "2h"),
        (1e-7, "0.0000001s"),
    ],
)
def test_a_duration_is_written_shortly(seconds: float, text: str) -> None:
    assert format_duration(seconds) == text


@given(st.floats(0, 1e12) | st.floats(0, 0.001) | st.integers(0, 10**9).map(lambda ms: ms / 1000))
def test_a_written_duration_is_read_back_as_the_same_number(seconds: float) -> None:
    assert parse_duration(format_duration(seconds)) == seconds


@pytest.mark.parametrize(
    ("text", "per_second"), [("20/s", 20.0), ("90/m", 1.5), ("2.5 / s", 2.5), ("36/h", 0.01)]
)
def test_a_rate_is_read_per_second(text: str, per_second: float) -> None:
    assert parse_rate(text) == per_second


@pytest.mark.parametrize(
    ("text", "count"), [("512", 512), ("4k", 4000), ("4K", 4000), ("1.5M", 1_500_000), ("0", 0)]
)
def test_a_count_may_have_a_magnitude(text: str, count: int) -> None:
    assert parse_size(text) == count


@pytest.mark.parametrize(("text", "usd"), [("$5", 5.0), ("0.25", 0.25), (" $0 ", 0.0)])
def test_dollars_may_have_their_sign(text: str, usd: float) -> None:
    assert parse_usd(text) == usd


@pytest.mark.parametrize(
    ("text", "share"), [("1%", 0.01), ("0.5%", 0.005), ("0.01", 0.01), ("100%", 1.0), ("0", 0.0)]
)
def test_a_share_is_a_percentage_or_a_fraction(text: str, share: float) -> None:
    assert parse_share(text) == share


@pytest.mark.parametrize(
    ("parse", "text"),
    [
        (parse_rate, "20"),
        (parse_rate, "/s"),
        (parse_rate, "-1/s"),
        (parse_rate, "9" * 400 + "/s"),
        (parse_size, "1.5"),
        (parse_size, "-4"),
        (parse_size, "4 users"),
        (parse_size, "9" * 400),
        (parse_usd, "5 euros"),
        (parse_usd, "-1"),
        (parse_usd, "nan"),
        (parse_usd, "inf"),
        (parse_share, "101%"),
        (parse_share, "5"),
        (parse_share, "%"),
        (parse_share, "nan%"),
    ],
)
def test_nonsense_is_refused_and_repeated(parse: Callable[[str], float], text: str) -> None:
    with pytest.raises(ValueError, match="is not a"):
        parse(text)


@given(st.floats(0, 1))
def test_a_written_share_is_read_back_as_the_same_number(share: float) -> None:
    assert parse_share(format_share(share)) == share


@pytest.mark.parametrize(
    ("share", "text"), [(0.01, "1%"), (0.005, "0.5%"), (0.95, "95%"), (0.0, "0%"), (1.0, "100%")]
)
def test_a_share_is_written_as_a_percentage(share: float, text: str) -> None:
    assert format_share(share) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.0052, "5.2 ms"),
        (0.0999, "100 ms"),
        (0.6204, "620 ms"),
        (1.254, "1.25 s"),
        (12.34, "12.3 s"),
        (200, "3 m 20 s"),
        (120, "2 m"),
    ],
)
def test_people_read_three_significant_digits_with_a_unit(seconds: float, text: str) -> None:
    assert people_seconds(seconds) == text


@pytest.mark.parametrize(
    ("usd", "text"),
    [(0.0, "$0.00"), (0.84, "$0.84"), (12.0, "$12.00"), (0.0123, "$0.012"), (0.000002, "$0.000002")],
)
def test_people_read_cents_and_more_digits_of_less(usd: float, text: str) -> None:
    assert people_usd(usd) == text
