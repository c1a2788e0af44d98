"""What the verdicts say of where an objective breaks: a grid of curves, weighed by their likelihood.

The share of violations over load N is   floor + (ceiling - floor) / (1 + exp(-(ln N - middle) / width)).
A curve breaks where it crosses the budget: at 0 when its floor is above it, never when its ceiling is below.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Grid = NDArray[np.float64]

_STEPS = 240
_WIDTHS = (0.005, 0.015, 0.03, 0.06, 0.12, 0.25, 0.5)
_WIDTH_WEIGHTS = (1.0, 1.0, 1.0, 1.0, 1.0, 0.5, 0.15)
_SHARP = 0.06
"""The widest of those that rise at once."""
_CEILINGS = (1.0, 0.5, 0.2)
_FLOORS = (0.0, 0.05, 0.2, 0.5, 2.0, 4.0)
"""In budgets."""
_FLOOR_WEIGHTS = (0.55, 0.2, 0.12, 0.09, 0.02, 0.02)
_LOADS, _SMOOTH = 800, 3
_LEAST = 1e-4
"""No share is believed to be nearer to 0 or 1: one verdict must not rule a curve out."""


_NEVER = 20.0
"""How much likelier it is that load brings no failures at all than that they begin at any one place."""


class Curve:
    """One objective's curves and their weights; `rare` where load hardly ever breaks it."""

    def __init__(self, budget: float, least: float, most: float, *, rare: bool) -> None:
        self._budget = budget
        middles = np.linspace(np.log(least / 2), np.log(most * 3), _STEPS)
        floors = np.minimum(np.array(_FLOORS) * budget, 0.9)
        middle, width, ceiling, floor = (
            axis.ravel()
            for axis in np.meshgrid(middles, np.array(_WIDTHS), np.array(_CEILINGS), floors, indexing="ij")
        )
        weights = np.meshgrid(
            np.ones(_STEPS),
            np.array(_WIDTH_WEIGHTS),
            np.ones(len(_CEILINGS)),
            np.array(_FLOOR_WEIGHTS),
            indexing="ij",
        )
        self._prior = np.log(weights[1].ravel() * weights[3].ravel())
        if rare:
            self._prior += np.where(middle > np.log(most), np.log(_NEVER), 0.0)
        self._middle, self._width, self._floor = middle, width, floor
        self._rise = np.maximum(ceiling - floor, 0.0)
        self._breaks = self._where_it_breaks(budget)
        self._order = np.argsort(self._breaks)
        self._sorted = self._breaks[self._order]
        self._known: dict[float, tuple[Grid, Grid]] = {}
        self._total = self._prior.copy()

    def _where_it_breaks(self, budget: float) -> Grid:
        share = (budget - self._floor) / np.where(self._rise > 0, self._rise, 1.0)
        inside = np.clip(share, 1e-12, 1 - 1e-12)
        at = np.exp(self._middle + self._width * np.log(inside / (1 - inside)))
        at = np.where(share >= 1, np.inf, at)
        return np.where(self._floor >= budget, 0.0, at)

    def fit(self, evidence: Sequence[tuple[float, float, float]], *, sharp: bool) -> None:
        """Weigh the curves by `(load, verdicts, violations)`, both counts over their design effect.

        `sharp` leaves those alone that rise at once, from a floor within the budget.
        """
        blunt = (self._width > _SHARP) | (self._floor >= self._budget)
        total = np.where(blunt, -np.inf, self._prior) if sharp else self._prior.copy()
        for load, n, violations in evidence:
            good, bad = self._logs(load)
            total += (n - violations) * good + violations * bad
        self._total = total - total.max()

    def survival(self, loads: Grid) -> Grid:
        """How likely it is that each load is below the break or at it."""
        weights = np.exp(self._total)[self._order]
        below = np.concatenate(([0.0], np.cumsum(weights)))
        at = np.searchsorted(self._sorted, loads, side="left")
        survive: Grid = 1.0 - below[at] / below[-1]
        # A curve stands for its neighbours up to half a step of the grid away.
        return np.convolve(
            np.pad(survive, _SMOOTH // 2, mode="edge"), np.ones(_SMOOTH) / _SMOOTH, mode="valid"
        )

    def _logs(self, load: float) -> tuple[Grid, Grid]:
        """Logarithms of the share that passes and of the share that violates, for each curve."""
        if (known := self._known.get(load)) is None:
            slope = np.clip((np.log(load) - self._middle) / self._width, -50, 50)
            share = np.clip(self._floor + self._rise / (1 + np.exp(-slope)), _LEAST, 1 - _LEAST)
            known = self._known[load] = (np.log1p(-share), np.log(share))
        return known


class Posterior:
    """The break of all objectives together: a load survives where every one of them does."""

    def __init__(self, budgets: Sequence[tuple[float, bool]], least: float, most: float) -> None:
        self.curves = [Curve(budget, least, most, rare=rare) for budget, rare in budgets]
        self.loads: Grid = np.exp(np.linspace(np.log(least * 0.6), np.log(most * 1.5), _LOADS))
        self._survival: Grid = np.ones_like(self.loads)

    def fit(self, evidence: Sequence[Sequence[tuple[float, float, float]]], *, sharp: Sequence[bool]) -> None:
        """Evidence for each curve, and which of them rise at once."""
        self._survival = np.ones_like(self.loads)
        for curve, rows, at_once in zip(self.curves, evidence, sharp, strict=True):
            curve.fit(rows, sharp=at_once)
            self._survival *= curve.survival(self.loads)

    def quantile(self, share: float) -> float:
        """The load below which the break lies with this probability; 0 below all, infinite beyond."""
        broken = 1.0 - self._survival
        at = int(np.searchsorted(broken, share))
        if at >= len(self.loads):
            return float("inf")
        return float(self.loads[at]) if at else 0.0

    def holds(self, load: float) -> float:
        """How likely it is that all objectives hold at a load."""
        return float(np.interp(load, self.loads, self._survival))

    def holds_alone(self, k: int, load: float) -> float:
        """How likely it is that one objective holds at a load."""
        return float(self.curves[k].survival(np.array([load]))[0])
