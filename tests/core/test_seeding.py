"""Numbers out of a seed and a position."""

from hypothesis import given
from hypothesis import strategies as st

from llmprobe.core.seeding import mix, unit

seeds = st.integers(-(2**63), 2**63 - 1)


@given(seeds, st.integers(0, 2**62))
def test_a_number_has_64_bits_and_a_unit_lies_below_one(seed: int, position: int) -> None:
    assert 0 <= mix(seed, position) < 2**64
    assert 0.0 <= unit(seed, position) < 1.0


@given(seeds, st.integers(0, 2**40))
def test_neighbouring_positions_never_share_a_number(seed: int, position: int) -> None:
    assert len({mix(seed, position + n) for n in range(16)}) == 16


def test_the_stream_is_the_same_on_every_machine_and_release() -> None:
    assert [mix(42, n) >> 48 for n in range(4)] == [12599, 32450, 43522, 9763]


def test_units_fill_the_interval_evenly() -> None:
    tenths = [0] * 10
    for position in range(10_000):
        tenths[int(unit(7, position) * 10)] += 1

    # 1,000 expected, standard deviation 30.
    assert all(850 < count < 1150 for count in tenths)
