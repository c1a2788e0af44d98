"""What a request cost, and what it may cost."""

import math

from hypothesis import given
from hypothesis import strategies as st

from llmprobe.core.scenario import Prices
from llmprobe.cost.prices import reserve, usd

MINI = Prices(input=0.15, output=0.60, cached_input=0.075)

dollars = st.floats(0, 1000, allow_nan=False)
tokens = st.integers(0, 1_000_000)


def test_prices_are_per_million_tokens() -> None:
    assert usd(Prices(input=2.0, output=8.0), 1_000_000, 0) == 2.0
    assert usd(Prices(input=2.0, output=8.0), 0, 500_000) == 4.0


def test_cached_tokens_are_a_part_of_the_input_at_their_own_price() -> None:
    assert math.isclose(usd(MINI, 1000, 0, 400), (600 * 0.15 + 400 * 0.075) / 1e6)


def test_without_a_price_of_their_own_cached_tokens_cost_as_much_as_others() -> None:
    assert usd(Prices(input=1.0, output=1.0), 1000, 10, 400) == usd(Prices(input=1.0, output=1.0), 1000, 10)


def test_unknown_cached_tokens_are_billed_in_full() -> None:
    assert usd(MINI, 1000, 10, None) == usd(MINI, 1000, 10, 0)


def test_a_server_that_claims_more_cached_than_input_makes_no_refund() -> None:
    assert math.isclose(usd(MINI, 100, 0, 10_000), 100 * 0.075 / 1e6)


@given(
    st.builds(Prices, input=dollars, output=dollars, cached_input=st.none() | dollars),
    tokens, tokens, tokens, tokens,
)  # fmt: skip
def test_a_reserve_covers_whatever_the_request_then_costs(
    prices: Prices, sent: int, limit: int, answered: int, cached: int
) -> None:
    reserved = reserve(prices, sent, limit)

    cost = usd(prices, sent, min(answered, limit), cached)

    assert cost <= reserved * (1 + 1e-9)


def test_no_output_limit_reserves_without_bound() -> None:
    assert reserve(MINI, 100, None) == math.inf


def test_no_output_limit_is_harmless_where_output_is_free() -> None:
    assert reserve(Prices(input=1.0, output=0.0), 1_000_000, None) == 1.0
