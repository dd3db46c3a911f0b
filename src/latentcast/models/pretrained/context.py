"""The context that a forecast reads: right-aligned, gaps filled, in units of its own location and scale."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Rows = NDArray[np.float32]


@dataclass(frozen=True)
class Context:
    """Series that share a season, ready for candidates and features.

    Attributes
    ----------
    values
        [series, time] in units of `scale` around `location`; gaps are interpolated, steps before the first
        observation repeat it.
    seen
        [series, time] 1 where a value was observed, else 0.
    location, scale
        [series, 1] a smoothed last level, and the mean absolute seasonal difference (guarded).
    season, second
        Season lengths in steps; 1 and 0 where there is none.
    original
        [series, time] the filled values in original units.
    """

    values: Rows
    seen: Rows
    location: NDArray[np.float64]
    scale: NDArray[np.float64]
    season: int
    second: int
    original: NDArray[np.float64]

    @property
    def lengths(self) -> Rows:
        """[series] steps from the first observation to the end."""
        return (self.seen.shape[1] - self.seen.argmax(1)).astype(np.float32)


def prepare(rows: NDArray[np.float64], season: int, second: int = 0) -> Context:
    """A context of rows [series, time] in original units, NaN where nothing was observed."""
    found = np.isfinite(rows)
    filled = rows if found.all() else fill(rows, found)
    season = season if season < rows.shape[1] else 1
    second = second if second < rows.shape[1] else 0
    seen = found.astype(np.float32)
    location = _location(filled, season)
    scale = _scale(filled, seen, season)
    values = ((filled - location) / scale).astype(np.float32)
    return Context(values, seen, location, scale, season, second, filled)


def fill(rows: NDArray[np.float64], found: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Gaps interpolated between their neighbours; the ends repeat the nearest observation; rows of gaps become 0."""
    time = np.arange(rows.shape[1])
    before = np.maximum.accumulate(np.where(found, time, -1), 1)
    after = np.minimum.accumulate(np.where(found, time, len(time))[:, ::-1], 1)[:, ::-1]
    low = np.where(before < 0, np.minimum(after, len(time) - 1), before)
    high = np.where(after >= len(time), np.maximum(before, 0), after)
    safe = np.where(found, rows, 0.0)
    left, right = np.take_along_axis(safe, low, 1), np.take_along_axis(safe, high, 1)
    share = (time - low) / np.maximum(high - low, 1)
    return np.where(found, safe, left + np.clip(share, 0, 1) * (right - left))


def _location(filled: NDArray[np.float64], season: int) -> NDArray[np.float64]:
    if season > 1:
        return np.asarray(filled[:, -season:].mean(1, keepdims=True))
    last = filled[:, -4:]
    weights = np.array([0.1, 0.15, 0.25, 0.5])[-last.shape[1] :]
    return np.asarray(last @ (weights / weights.sum()))[:, None]


def _scale(filled: NDArray[np.float64], seen: Rows, season: int) -> NDArray[np.float64]:
    """Mean absolute seasonal difference, not below shares of other measures of spread."""
    count = np.maximum(seen.sum(1), 1)
    middle = (filled * seen).sum(1) / count
    spread = (np.abs(filled - middle[:, None]) * seen).sum(1) / count
    first = mean_difference(filled, seen, 1)
    seasonal = mean_difference(filled, seen, season) if season > 1 else first
    largest = np.abs(filled).max(1)
    floor = 1e-7 * largest
    scale = np.maximum.reduce([np.where(seasonal > 0, seasonal, spread), 0.25 * first, 0.03 * spread, floor])
    flat = spread <= 1e-9 * largest
    return np.where(flat, np.maximum(largest, 1.0), scale)[:, None]


def mean_difference(values: NDArray[np.float64] | Rows, seen: Rows, lag: int) -> NDArray[np.float64]:
    """[series] mean absolute difference at a lag, over pairs that were observed; 0 where there are none."""
    if lag >= values.shape[1]:
        return np.zeros(len(values))
    both = seen[:, lag:] * seen[:, :-lag]
    total = (np.abs(values[:, lag:] - values[:, :-lag]) * both).sum(1)
    return np.asarray(total / np.maximum(both.sum(1), 1), np.float64)
