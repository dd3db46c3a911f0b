"""Conformal intervals: scores, their finite-sample quantiles, and adaptive radii.

A base gives every future value a band [lo, hi]: the point forecast twice, or two quantiles. The score is the distance
of the value outside the band, in units that grow with the variability of the look-back,

    score = max(lo - y, y - hi) / unit,        band at a level: [lo - r·unit, hi + r·unit]

so that for a point forecast it is the absolute residual (Papadopoulos et al. 2002; Lei et al. 2018, section 5.2 on
units), and for quantiles that of conformalised quantile regression (Romano et al. 2019), below zero inside the band.
The radius r is the ⌈(n + 1)·level⌉-th smallest of n held-out scores of the same step ahead. Were forecasts and held-out
windows exchangeable, that would cover at least `level` of the outcomes for any model; series that drift are not.

`Tracker` is for those: a radius for every step ahead that grows a little after each outcome it missed and shrinks a
little after each that it covered (quantile tracking: Angelopoulos, Candès and Tibshirani 2023, section 2.1; it is
adaptive conformal inference, Gibbs and Candès 2021, moving the radius itself instead of the level). In the long run the
share covered is the level, for any sequence of scores that are bounded.
"""

from dataclasses import dataclass, field
from math import ceil

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Narrow = NDArray[np.float32]

GRID = np.append(np.arange(1, 100) / 100, [0.995, 0.999, 1.0])  # kept of each distribution of scores; 1 is the largest
RATE = 0.005  # of the tracker, the one in the experiments of Gibbs and Candès (2021)
FASTEST = 0.05  # where windows are so far apart that each stands for many
FLOOR = 0.01  # least unit: a constant look-back still has an error


def unit(past: Narrow, seen: NDArray[np.bool_] | None, usual: Array) -> Array:
    """[windows, time, target] look-backs → [windows, 1, target]: the root of their standard deviation.

    Where half of the look-back or less was observed, the series' `usual` standard deviation [windows, 1, target] is
    used: few values estimate it badly, and a single one would give zero.

    Among the standard deviation, its root, and no unit, the root had the best interval score on the second half of
    three validation parts with scores from the first (docs/intervals.md).
    """
    deviation = _deviation(past, seen)
    if seen is not None:
        deviation = np.where(2 * seen.sum(1, keepdims=True) > seen.shape[1], deviation, usual)
    root: Array = np.sqrt(deviation + FLOOR)
    return root


def wider(units: Array, silent: NDArray[np.int64], horizon: int) -> Array:
    """Units [windows, 1, target] of look-backs that are silent for so many steps [windows, target].

    The error of a forecast from a distant origin grows as that of a random walk: with the root of the steps ahead.
    """
    grown: Array = units * np.sqrt(1 + silent / horizon)[:, None]
    return grown


def _deviation(past: Narrow, seen: NDArray[np.bool_] | None) -> Array:
    if seen is None:  # in double precision: of values that were not scaled the squares may be too large for less
        centred = past.astype(np.float64)  # sums by einsum: numpy's own along a middle axis take twice as long
        centred -= np.einsum("wtc->wc", centred)[:, None] / past.shape[1]
        return np.asarray(np.sqrt(np.einsum("wtc,wtc->wc", centred, centred) / past.shape[1]))[:, None]
    count = np.maximum(seen.sum(1, keepdims=True), 1)
    mean = np.where(seen, past, 0).sum(1, keepdims=True, dtype=np.float64) / count
    deviation: Array = np.sqrt((np.where(seen, past - mean, 0) ** 2).sum(1, keepdims=True) / count)
    return deviation


def score(target: Array, lo: Array, hi: Array, units: Array) -> Array:
    return np.maximum(lo - target, target - hi) / units


def widened(lo: Array, hi: Array, radius: Array, units: Array) -> tuple[Array, Array]:
    """The band that a radius makes; one that would turn inside out becomes its middle."""
    by = np.maximum(radius * units, (lo - hi) / 2)
    return lo - by, hi + by


def rank(count: int | NDArray[np.int64], level: float | Array) -> NDArray[np.int64]:
    """⌈(n + 1)·level⌉, counted from 1; where it is above n, no finite radius is wide enough."""
    return np.ceil((np.asarray(count) + 1) * level - 1e-9).astype(np.int64)


def windows_needed(level: float) -> int:
    """The fewest held-out scores that give a finite radius at a level between 0 and 1: ⌈(n + 1)·level⌉ ≤ n."""
    return ceil(level / (1 - level) - 1e-9)


def column(level: float) -> int:
    """Return the column of GRID for a level: its own, or the next higher one."""
    return int(np.searchsorted(GRID, level - 1e-9))


def radii(scores: Narrow) -> tuple[Narrow, int]:
    """[windows, horizon, band] scores, NaN where nothing was observed → [horizon, band, grid], and the fewest scores.

    A radius above the largest score becomes the largest score: callers check `windows_needed` first.
    """
    ascending = np.sort(np.moveaxis(scores, 0, -1), axis=-1)  # NaN at the end
    counts = np.isfinite(ascending).sum(-1)
    at = np.clip(rank(counts[..., None], GRID), 1, np.maximum(counts, 1)[..., None]) - 1
    return np.take_along_axis(ascending, at, axis=-1), int(counts.min())


@dataclass
class Tracker:
    """Adaptive radii of one item, [horizon, target, level]. Windows come in order, `pace` steps apart.

    The outcome of the j-th step ahead is known j steps later and has no effect before. With `pace` > 1 each window
    counts for the skipped ones, up to FASTEST, so that radii adapt equally fast.

    levels   between 0 and 1
    spread   [horizon, target, level] of the held-out scores: how far they move, in their own units
    """

    radius: Array
    spread: Array
    levels: Array
    rate: float = RATE
    pace: int = 1
    count: int = 0
    _due: NDArray[np.int8] = field(init=False)

    def __post_init__(self) -> None:
        # outcomes of the last `horizon` windows: missed 1, covered 0, unknown -1
        self.radius = self.radius.copy()
        self.rate = max(self.rate, min(self.rate * self.pace, FASTEST))
        self._due = np.full((len(self.radius), *self.radius.shape), -1, np.int8)

    def step(self, scores: Array, seen: NDArray[np.bool_] | None = None) -> Array:
        """Return the radius for the next window. Its `scores` take effect once they are known.

        They are [horizon, target, level], or [horizon, target, 1] where they are the same at every level.
        """
        horizon = len(self.radius)
        # step j + 1 of a window was observed at the first origin that lies as far after it
        known = np.arange(min(self.count * self.pace, horizon))
        found = self._due[(self.count - 1 - known // self.pace) % horizon, known]
        moved = self.rate * self.spread[known] * (found - (1 - self.levels))
        self.radius[known] += np.where(found >= 0, moved, 0.0)
        missed = (scores > self.radius).astype(np.int8)
        self._due[self.count % horizon] = missed if seen is None else np.where(seen[..., None], missed, -1)
        self.count += 1
        return self.radius.copy()
