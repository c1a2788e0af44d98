"""What a person may name as a target."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmprobe.core.errors import UsageError
from llmprobe.core.target import (
    DEFAULT_PRESET,
    SimTarget,
    host_of,
    is_loopback,
    is_sim,
    parse_sim,
    speed_of,
)


@pytest.mark.parametrize(
    ("text", "target"),
    [
        ("sim", SimTarget()),
        ("sim:", SimTarget()),
        ("sim:big-gpu", SimTarget("big-gpu")),
        ("sim?seed=3", SimTarget(DEFAULT_PRESET, 3)),
        ("sim:flaky?seed=1&speed=10", SimTarget("flaky", 1, 10.0)),
    ],
)
def test_the_simulated_endpoint_has_a_preset_a_seed_and_a_speed(text: str, target: SimTarget) -> None:
    assert parse_sim(text) == target


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("simulator", "is not a simulated endpoint"),
        ("sim?sed=1", "unknown option 'sed'"),
        ("sim?seed=x", "seed must be a whole number"),
        ("sim?seed=", "seed must be a whole number"),
        ("sim?speed=0", "speed must lie between 0.01 and 1000"),
        ("sim?speed=nan", "speed must lie between 0.01 and 1000"),
        ("sim?speed=1001", "speed must lie between 0.01 and 1000"),
    ],
)
def test_a_wrong_simulated_endpoint_is_refused(text: str, sentence: str) -> None:
    with pytest.raises(UsageError, match=sentence):
        parse_sim(text)


@given(
    st.builds(
        SimTarget,
        st.sampled_from(["small-gpu", "flaky"]),
        st.integers(0, 10**9),
        st.sampled_from([0.5, 1.0, 10.0, 250.0]),
    )
)
def test_a_simulated_endpoint_is_written_as_a_person_would_type_it(target: SimTarget) -> None:
    assert parse_sim(str(target)) == target


def test_defaults_are_not_written() -> None:
    assert str(SimTarget()) == "sim:small-gpu"
    assert str(SimTarget(speed=10.0)) == "sim:small-gpu?speed=10"


def test_only_the_simulated_endpoint_has_a_speed() -> None:
    assert speed_of("sim?speed=20") == 20.0
    assert speed_of("http://127.0.0.1/v1?speed=20") == 1.0


@pytest.mark.parametrize("text", ["sim", "sim:x", "sim?seed=1"])
def test_sim_is_told_from_addresses(text: str) -> None:
    assert is_sim(text)
    assert is_loopback(text)
    assert not is_sim("http://sim/v1")


@pytest.mark.parametrize(
    ("url", "host"),
    [
        ("http://127.0.0.1:8000/v1", "127.0.0.1"),
        ("https://API.Example.com/v1", "api.example.com"),
        ("http://user:pass@host:1/", "host"),
        ("http://[::1]:8000", "::1"),
    ],
)
def test_an_address_has_a_host(url: str, host: str) -> None:
    assert host_of(url) == host


@pytest.mark.parametrize(
    "url", ["", "127.0.0.1:8000", "localhost", "ftp://host/", "http://", "http://host:port/", "http://[::1/"]
)
def test_what_is_no_address_is_refused_with_a_right_one(url: str) -> None:
    with pytest.raises(UsageError, match="is not an URL"):
        host_of(url)


@pytest.mark.parametrize(
    "url", ["http://a b/v1", "http://host/v 1", " http://host", "http://host/v1\n", "http://h\t"]
)
def test_an_address_with_a_space_or_a_control_character_is_refused(url: str) -> None:
    with pytest.raises(UsageError, match="a space or a control character is in it"):
        host_of(url)


@pytest.mark.parametrize("host", ["127.0.0.1", "127.9.8.7", "localhost", "[::1]", "LOCALHOST"])
def test_loopback_stays_on_this_machine(host: str) -> None:
    assert is_loopback(f"http://{host}:8000/v1")


@pytest.mark.parametrize(
    "host", ["10.0.0.1", "127.example.com", "128.0.0.1", "localhost.example.com", "127.0.0.999", "0.0.0.0"]
)
def test_anything_else_leaves_it(host: str) -> None:
    assert not is_loopback(f"http://{host}/v1")
