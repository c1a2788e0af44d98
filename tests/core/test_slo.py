"""Objectives: read as people write them, judged, and scaled with a faster clock."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmprobe.core.slo import (
    DEFAULT_SLOS,
    LATENCIES,
    PRESETS,
    QUANTILES,
    SAMPLES_FOR,
    Slo,
    parse_slo,
    parse_slos,
)

latencies = st.builds(
    Slo, st.sampled_from(LATENCIES), st.floats(1e-6, 1e4), st.sampled_from(sorted(QUANTILES))
)
relative = st.builds(
    Slo,
    st.sampled_from(LATENCIES),
    st.just(math.inf),
    st.sampled_from(sorted(QUANTILES)),
    st.integers(11, 400).map(lambda tenths: tenths / 10),
)
shares = st.builds(Slo, st.sampled_from(["errors", "goodput"]), st.floats(0, 1))


@pytest.mark.parametrize(
    ("text", "slo"),
    [
        ("p95 ttft < 1s", Slo("ttft", 1.0, "p95")),
        ("  P99   E2E<=2m ", Slo("e2e", 120.0, "p99")),
        ("p50 itl < 25ms", Slo("itl", 0.025, "p50")),
        ("p95 TTFT < 3 x idle", Slo("ttft", math.inf, "p95", 3.0)),
        ("p99 e2e<=1.5x idle", Slo("e2e", math.inf, "p99", 1.5)),
        ("errors < 1%", Slo("errors", 0.01)),
        ("goodput > 95%", Slo("goodput", 0.95)),
        ("goodput >= 0.5", Slo("goodput", 0.5)),
    ],
)
def test_an_objective_is_read_whatever_its_case_and_spaces(text: str, slo: Slo) -> None:
    assert parse_slo(text) == slo


@pytest.mark.parametrize(
    "text",
    [
        "",
        "ttft < 1s",
        "p94 ttft < 1s",
        "p95 ttft > 1s",
        "errors > 1%",
        "goodput < 95%",
        "p95 ttft 1s",
        "fast",
    ],
)
def test_what_is_no_objective_is_refused_with_right_spellings(text: str) -> None:
    with pytest.raises(ValueError, match="write it as 'p95 ttft < 1s' or 'errors < 1%'"):
        parse_slo(text)


@pytest.mark.parametrize("text", ["p95 ttft < 5", "errors < 200%", "goodput > much"])
def test_a_wrong_bound_is_refused_by_its_unit(text: str) -> None:
    with pytest.raises(ValueError, match=r"is not a (duration|share)"):
        parse_slo(text)


@given(latencies | relative | shares)
def test_a_written_objective_is_read_back_as_the_same(slo: Slo) -> None:
    assert parse_slo(str(slo)) == slo


def test_names_of_presets_stand_for_their_objectives() -> None:
    assert parse_slos(["chat", "goodput > 90%"]) == (*PRESETS["chat"], Slo("goodput", 0.9))
    assert parse_slos(["default"]) == DEFAULT_SLOS


def test_a_bound_itself_is_kept() -> None:
    assert Slo("ttft", 1.0, "p95").met_by(1.0)
    assert Slo("goodput", 0.95).met_by(0.95)


def test_latencies_and_errors_are_broken_from_above_and_goodput_from_below() -> None:
    assert not Slo("ttft", 1.0, "p95").met_by(1.01)
    assert not Slo("errors", 0.01).met_by(0.02)
    assert not Slo("goodput", 0.95).met_by(0.94)


def test_a_faster_clock_tightens_latencies_only() -> None:
    assert Slo("ttft", 1.0, "p95").scaled(10) == Slo("ttft", 0.1, "p95")
    assert Slo("errors", 0.01).scaled(10) == Slo("errors", 0.01)


def test_a_bound_relative_to_one_user_is_in_seconds_once_that_one_is_measured() -> None:
    slo = parse_slo("p95 ttft < 3x idle")
    assert slo.unmeasured
    known = slo.scaled(10).measured({"ttft": 0.28012, "tpot": 0.01})
    assert (known.bound, str(known), known.unmeasured) == (0.84, "p95 ttft < 3x idle = 840ms", False)
    assert slo.measured({"tpot": 0.01}) == slo
    assert Slo("ttft", 1.0, "p95").measured({"ttft": 0.1}) == Slo("ttft", 1.0, "p95")


def test_nobody_is_promised_more_than_one_user_gets() -> None:
    with pytest.raises(ValueError, match="less than one user gets"):
        parse_slo("p95 ttft < 1x idle")


def test_every_quantile_says_how_many_samples_support_it() -> None:
    assert SAMPLES_FOR.keys() == QUANTILES.keys()
    assert all(samples * (1 - QUANTILES[name]) >= 0.99 for name, samples in SAMPLES_FOR.items())
