"""A load over time as a person writes it, and where it is."""

import pytest

from llmprobe.core.load import UNTIL_STOPPED_S, Stage
from llmprobe.session.profile import Following, following, parse_profile, told


def test_each_part_is_a_stage_and_the_last_one_stays():
    stages = parse_profile("8 for 10s, 64 over 30s for 1m, 4", "users", 256)
    assert stages == (Stage(8, 10.0), Stage(64, 60.0, 30.0), Stage(4, UNTIL_STOPPED_S))
    assert parse_profile(told(stages), "users", 256) == stages


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "part 1 can't be read"), ("x", "'x' is not a number of users"), ("8, 4", "part 1 must say"),
        ("0", "more than 0"), ("300", "at most 256"), ("2.5", "no parts of one"), ("nan", "more than 0"),
        ("inf", "at most 256"),
        ("8 for ever", "ever"), ("8 over 10s for", "part 1 can't be read"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said(text, said):
    with pytest.raises(ValueError, match=said):
        parse_profile(text, "users", 256)


def test_a_rate_may_have_parts():
    assert parse_profile("2.5 over 10s", "rate", 256) == (Stage(2.5, UNTIL_STOPPED_S, 10.0),)


def test_where_it_is_is_told_until_the_last_load_is_reached():
    stages = (Stage(8, 10.0), Stage(64, UNTIL_STOPPED_S, 30.0))
    assert following(stages, 4.0) == Following(1, 2, 8, 6.0)
    assert following(stages, 15.0) == Following(2, 2, 64, 25.0)
    assert following(stages, 40.0) is None
    assert following((), 0.0) is None
