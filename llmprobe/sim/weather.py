"""How much slower than itself a simulated server is at a moment: neighbours, drift, a cold start.

A slowness holds piecewise: `at` tells it for a moment, and until when.
"""

import math

from msgspec import Struct

_DRIFT_STEPS = 120
"""Drift goes in so many steps to its end."""


class Weather(Struct, frozen=True):
    """Factors multiply; 1 is no change."""

    neighbour: float = 1.0
    """Slower by this in spells of `spell_s`, `calm_s` apart; the first comes after a calm."""
    spell_s: float = 35.0
    calm_s: float = 17.0
    drift: float = 1.0
    """Slower by this from `drift_over_s` on, getting there steadily."""
    drift_over_s: float = 600.0
    cold: float = 1.0
    """Slower by this for the first `cold_s`."""
    cold_s: float = 30.0

    def at(self, at_s: float) -> tuple[float, float]:
        """The slowness at a moment, and when it may change next."""
        factor, until_s = 1.0, math.inf
        if self.cold != 1.0 and at_s < self.cold_s:
            factor, until_s = factor * self.cold, self.cold_s
        if self.neighbour != 1.0:
            round_s = self.spell_s + self.calm_s
            began_s = math.floor(at_s / round_s) * round_s
            spell = at_s - began_s >= self.calm_s
            factor *= self.neighbour if spell else 1.0
            until_s = min(until_s, began_s + (round_s if spell else self.calm_s))
        if self.drift != 1.0 and at_s < self.drift_over_s:
            steps = math.floor(at_s / self.drift_over_s * _DRIFT_STEPS)
            factor *= self.drift ** (steps / _DRIFT_STEPS)
            until_s = min(until_s, (steps + 1) * self.drift_over_s / _DRIFT_STEPS)
        elif self.drift != 1.0:
            factor *= self.drift
        # A moment that rounding left just before a change belongs to what comes after it.
        return factor, max(until_s, math.nextafter(at_s, math.inf))

    def scaled(self, speed: float) -> "Weather":
        """The same with the clock running `speed` times faster."""
        return Weather(
            neighbour=self.neighbour,
            spell_s=self.spell_s / speed,
            calm_s=self.calm_s / speed,
            drift=self.drift,
            drift_over_s=self.drift_over_s / speed,
            cold=self.cold,
            cold_s=self.cold_s / speed,
        )
