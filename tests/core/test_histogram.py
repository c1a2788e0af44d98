"""Durations in logarithmic buckets: mergeable, and at most 0.5 % off."""

import math

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmprobe.core.histogram import Histogram, merged

durations = st.floats(2e-6, 1e4)


def histogram(*seconds: float) -> Histogram:
    return Histogram.of(seconds)


@given(st.lists(durations, min_size=1, max_size=60), st.floats(0, 1))
def test_a_quantile_is_within_half_a_percent_of_the_exact_one(seconds: list[float], q: float) -> None:
    exact = sorted(seconds)[max(1, math.ceil(q * len(seconds))) - 1]

    estimate = histogram(*seconds).quantile(q)

    assert estimate == pytest.approx(exact, rel=0.00501)


@given(st.lists(durations, max_size=30), st.lists(durations, max_size=30))
def test_merging_is_the_same_as_adding_everything_to_one(first: list[float], second: list[float]) -> None:
    whole = merged([histogram(*first), histogram(*second)])

    expected = histogram(*first, *second)
    assert whole.buckets == expected.buckets
    assert (whole.count, whole.min_s, whole.max_s) == (expected.count, expected.min_s, expected.max_s)
    assert whole.total_s == pytest.approx(expected.total_s)


@given(st.lists(durations, min_size=1, max_size=30))
def test_mean_and_extremes_are_exact(seconds: list[float]) -> None:
    made = histogram(*seconds)

    assert made.mean_s == pytest.approx(sum(seconds) / len(seconds))
    assert (made.min_s, made.max_s) == (min(seconds), max(seconds))
    assert made.quantile(1.0) == pytest.approx(max(seconds), rel=0.00501)


def test_without_samples_there_is_no_figure() -> None:
    assert Histogram().mean_s is None
    assert Histogram().quantile(0.5) is None


def test_what_is_shorter_than_a_microsecond_shares_the_first_bucket() -> None:
    assert histogram(0.0, 1e-9, 1e-6).buckets == {0: 3}
    assert histogram(0.0).quantile(0.5) == 0.0


def test_two_histograms_share_no_buckets() -> None:
    histogram(1.0)

    assert Histogram().buckets == {}


def test_merging_leaves_the_parts_alone() -> None:
    part = histogram(1.0)

    merged([part, histogram(2.0)])

    assert part == histogram(1.0)


def test_a_histogram_crosses_a_process_as_it_is() -> None:
    made = histogram(0.01, 0.5, 3.0)

    assert msgspec.msgpack.decode(msgspec.msgpack.encode(made), type=Histogram) == made
    assert msgspec.json.decode(msgspec.json.encode(Histogram()), type=Histogram) == Histogram()
