"""What a request cost, and what it may cost at most."""

import math

from llmprobe.core.scenario import Prices

_MILLION = 1_000_000


def usd(prices: Prices, input_tokens: int, output_tokens: int, cached_tokens: int | None = None) -> float:
    """Dollars of a finished request. `cached_tokens` are among the input tokens; None is none known."""
    cached = min(cached_tokens or 0, input_tokens)
    cached_price = prices.input if prices.cached_input is None else prices.cached_input
    total = (input_tokens - cached) * prices.input + cached * cached_price + output_tokens * prices.output
    return total / _MILLION


def reserve(prices: Prices, input_estimate: int, max_tokens: int | None) -> float:
    """Dollars that a request may cost at most, before it is sent: no cached input, all of the output limit.

    Without a limit an answer may cost anything: infinity, unless output is free.
    """
    dearest_input = max(prices.input, prices.cached_input or 0.0)
    if max_tokens is None:
        return math.inf if prices.output else input_estimate * dearest_input / _MILLION
    return (input_estimate * dearest_input + max_tokens * prices.output) / _MILLION
