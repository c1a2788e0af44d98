"""One definition of a percentile, whichever way the values are kept."""

import math
from fractions import Fraction
from statistics import NormalDist
from unittest.mock import patch

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llmprobe.core.slo import SAMPLES_FOR
from llmprobe.metrics import ordered
from llmprobe.metrics.ordered import Ordered
from llmprobe.metrics.percentiles import percentiles, places_around, quantile
from llmprobe.metrics.snapshot import Percentiles

SHARES = {"p50": Fraction(1, 2), "p90": Fraction(9, 10), "p95": Fraction(19, 20), "p99": Fraction(99, 100)}
durations = st.lists(st.floats(0, 1e4) | st.sampled_from([0.1, 0.2, 0.3]), max_size=250)


def _by_definition(values: list[float], share: Fraction) -> float:
    """The smallest value that at least this share of them does not exceed."""
    return min(v for v in values if Fraction(sum(other <= v for other in values), len(values)) >= share)


@settings(deadline=None)
@given(durations)
def test_a_percentile_is_the_smallest_value_that_its_share_does_not_exceed(values):
    read = percentiles(values)
    assert read.n == len(values)
    for name, share in SHARES.items():
        expected = _by_definition(values, share) if len(values) >= SAMPLES_FOR[name] else None
        assert getattr(read, name) == expected


@settings(deadline=None)
@given(durations)
def test_values_kept_in_order_read_the_same(values):
    with patch.object(ordered, "_BLOCK", 8):
        kept = Ordered()
        for value in values:
            kept.add(value)
        read, plain = kept.percentiles(), percentiles(values)
    assert read.mean == pytest.approx(plain.mean)
    assert Percentiles(read.n, None, read.p50, read.p90, read.p95, read.p99, read.max) == Percentiles(
        plain.n, None, plain.p50, plain.p90, plain.p95, plain.p99, plain.max
    )


@pytest.mark.parametrize(("name", "needed"), SAMPLES_FOR.items())
def test_a_percentile_is_not_read_below_the_samples_that_support_it(name, needed):
    assert quantile([1.0] * (needed - 1), name) is None
    assert quantile([1.0] * needed, name) == 1.0


def test_of_nothing_there_is_nothing():
    assert percentiles([]) == Ordered().percentiles() == Percentiles()


@pytest.mark.parametrize(("n", "enclosed"), [(58, None), (59, (52, 58)), (100, (90, 98))])
def test_an_interval_takes_the_samples_that_carry_it(n, enclosed):
    assert places_around("p95", n) == enclosed


@pytest.mark.parametrize("n", [59, 200, 1999, 2001, 30_000])
def test_the_quantile_lies_between_the_two_values_nine_times_out_of_ten(n):
    places = places_around("p95", n)
    assert places is not None
    low, high = places
    above = NormalDist(n * 0.05, math.sqrt(n * 0.05 * 0.95))
    assert above.cdf(n - low - 0.5) - above.cdf(n - 1 - high + 0.5) >= 0.885


def test_values_kept_in_order_tell_what_encloses_a_quantile():
    kept = Ordered()
    for value in range(100):
        kept.add(float(value))
    assert kept.around("p95") == (90.0, 98.0)
    assert Ordered().around("p95") is None
