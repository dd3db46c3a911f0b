"""A linear map from the last steps of a context to the horizon, which fine-tuned weights may hold.

Solved by ridge regression on windows of the data. A share of its distance from the median is added to the quantiles,
and their distances from it are scaled, both chosen on validation windows for a few stretches of the horizon.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Rows = NDArray[np.floating[Any]]
MAP = ("map_weight", "map_share", "map_width")  # [horizon, steps], [horizon], [horizon]
STRENGTHS = (1e-4, 1e-3, 1e-2, 0.1, 1.0)  # of the ridge, in units of the mean eigenvalue
SHARES = (0.0, 0.2, 0.4, 0.6, 0.8, 1.0)
WIDTHS = (0.8, 0.9, 1.0, 1.1, 1.25, 1.4)
STRETCHES = 6


@dataclass(frozen=True)
class LinearMap:
    """`weight` [horizon, steps], and `share` and `width` [horizon] of its part in a forecast."""

    weight: Rows
    share: Rows
    width: Rows

    @classmethod
    def of(cls, weights: Mapping[str, Rows]) -> "LinearMap | None":
        """The map among some weights, if they hold one."""
        if MAP[0] not in weights or not weights[MAP[0]].size:
            return None
        return cls(*(weights[name] for name in MAP))

    def values(self, rows: Rows) -> Rows:
        """[series, horizon] its own forecast of rows [series, time] that are at least as long as it reads."""
        last = rows[:, -1:]
        return np.asarray(last + (rows[:, -self.weight.shape[1] :] - last) @ self.weight.T, np.float32)

    def applied(self, rows: Rows, quantiles: Rows, steps: NDArray[np.int64], median: int) -> Rows:
        """Quantiles [series, steps, level] moved towards its forecast; as they are for shorter rows and later steps."""
        there = np.flatnonzero(steps <= len(self.weight))
        if rows.shape[1] < self.weight.shape[1] or not len(there):
            return quantiles
        at = steps[there] - 1
        centre = quantiles[:, there][..., [median]]
        own = self.values(rows)[:, at, None]
        moved = quantiles.copy()
        apart = (quantiles[:, there] - centre) * self.width[at, None]
        moved[:, there] = centre + self.share[at, None] * (own - centre) + apart
        return moved


def solve(past: Rows, target: Rows, judged: tuple[Rows, Rows]) -> Rows:
    """[horizon, steps] the map with the least absolute error on the windows `judged` (past, target).

    `past` [window, steps] and `target` [window, horizon] are in the units of their contexts.
    """
    last = past[:, -1:]
    x, y = (past - last).astype(np.float64), (target - last).astype(np.float64)
    values, vectors = np.linalg.eigh(x.T @ x)
    values, right = np.maximum(values, 0), vectors.T @ (x.T @ y)
    best, found = np.inf, np.zeros((y.shape[1], x.shape[1]), np.float32)
    its, truth = judged
    for strength in STRENGTHS:
        weight = (vectors @ (right / (values + strength * values.mean() + 1e-9)[:, None])).T.astype(np.float32)
        error = float(np.abs(LinearMap(weight, weight[:, 0], weight[:, 0]).values(its) - truth).mean())
        if error < best:
            best, found = error, weight
    return found


def choose(weight: Rows, rows: Rows, quantiles: Rows, target: Rows, levels: Rows) -> LinearMap:
    """Shares and widths with the least quantile loss on validation windows; none of the map where it never pays.

    `quantiles` [window, horizon, level] are forecasts without the map, at the levels `levels`.
    """
    horizon, median = target.shape[1], int(np.argmin(np.abs(levels - 0.5)))
    own = LinearMap(weight, np.zeros(horizon), np.zeros(horizon)).values(rows)
    share, width = np.zeros(horizon, np.float32), np.ones(horizon, np.float32)
    for part in np.array_split(np.arange(horizon), min(STRETCHES, horizon)):
        centre = quantiles[:, part][..., [median]]
        apart, away = quantiles[:, part] - centre, own[:, part, None] - centre
        truth = target[:, part, None]
        losses = [np.abs(truth - centre - one * away).mean() for one in SHARES]
        share[part] = SHARES[int(np.argmin(losses))]
        moved = centre + share[part[0]] * away
        widths = [_pinball(truth - moved - one * apart, levels) for one in WIDTHS]
        width[part] = WIDTHS[int(np.argmin(widths))]
    return LinearMap(weight, share, width)


def _pinball(error: Rows, levels: Rows) -> float:
    return float(np.maximum(levels * error, (levels - 1) * error).mean())
