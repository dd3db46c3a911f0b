"""Exponential smoothing on a grid of rates, all series and all variants at once; and weighted straight lines."""

from dataclasses import dataclass

import numpy as np

from latentcast.models.pretrained.context import Rows

# level rate, slope rate, damping of the slope
VARIANTS = (
    (0.03, 0.0, 0.0),
    (0.1, 0.0, 0.0),
    (0.25, 0.0, 0.0),
    (0.5, 0.0, 0.0),
    (0.8, 0.0, 0.0),
    (1.0, 0.0, 0.0),
    (0.2, 0.03, 0.95),
    (0.5, 0.08, 0.95),
    (0.8, 0.25, 0.9),
    (0.9, 0.6, 0.8),
    (0.1, 0.01, 1.0),
    (0.25, 0.03, 1.0),
    (0.6, 0.08, 1.0),
    (0.9, 0.3, 0.98),
)
LONGEST = 176  # steps that exponential smoothing runs over: its slowest rate forgets earlier ones
FORGET_EVERY = 8
MEMORIES = (6.0, 20.0, 60.0, 300.0)


@dataclass(frozen=True)
class Smoothed:
    """Levels and slopes [series, variant] at the last step, and the mean squared error of one step ahead."""

    level: Rows
    slope: Rows
    squared: Rows
    variants: tuple[tuple[float, float, float], ...]

    @property
    def error(self) -> Rows:
        """[series, variant] root mean squared error of one step ahead."""
        return np.sqrt(self.squared)

    def ahead(self, steps: np.ndarray) -> Rows:
        """[series, steps, variant] forecasts."""
        damping = np.array([variant[2] for variant in self.variants], np.float64)
        far = steps[:, None].astype(np.float64)
        damped = damping * (1 - damping**far) / np.maximum(1 - damping, 1e-9)
        reach = np.where(damping >= 1, far, damped).astype(np.float32)
        return self.level[:, None] + self.slope[:, None] * reach

    def weights(self, most: float = 40.0) -> Rows:
        """[series, variant] likelihood weights of the variants by their squared errors."""
        best = np.maximum(self.squared.min(1, keepdims=True), 1e-12)
        logs = -0.5 * most * np.log(np.maximum(self.squared, 1e-12) / best)
        raw = np.exp(np.maximum(logs, -60))
        return (raw / raw.sum(1, keepdims=True)).astype(np.float32)


def smooth(
    rows: Rows, seen: Rows, variants: tuple[tuple[float, float, float], ...] = VARIANTS, *, forget: float = 0.96
) -> Smoothed:
    """Runs all variants over rows [series, time]; older errors weigh less, by `forget` every few steps."""
    rows, seen = rows[:, -LONGEST:], seen[:, -LONGEST:]
    count, time = rows.shape
    alpha, beta, damping = (np.array(column, np.float32)[:, None] for column in zip(*variants, strict=True))
    level_only = int((beta[:, 0] == 0).sum())  # these stand first, and have no slope
    start = int(seen.argmax(1).min())
    across, flags = np.ascontiguousarray(rows.T), np.ascontiguousarray(seen.T)
    complete = bool(seen[:, start:].all())
    level = np.repeat(across[start][None], len(variants), 0)
    slope = first_slope(rows, seen)[None] * ((damping >= 0.95) * np.where(damping >= 1, 1.0, 0.5)).astype(np.float32)
    slope, trended, alpha_trend = slope[level_only:], level[level_only:], beta[level_only:]
    damping = damping[level_only:]
    squares = np.zeros_like(level)
    number = np.zeros(count, np.float32)
    error, scratch = np.empty_like(level), np.empty_like(level)
    for at in range(start + 1, time):
        slope *= damping
        trended += slope
        np.subtract(across[at], level, out=error)
        if not complete:
            error *= flags[at]
        number += flags[at]
        np.multiply(error, alpha, out=scratch)
        level += scratch
        np.multiply(error[level_only:], alpha_trend, out=scratch[level_only:])
        slope += scratch[level_only:]
        np.multiply(error, error, out=error)
        squares += error
        if at % FORGET_EVERY == 0:
            squares *= forget
            number *= forget
    squared = (squares / np.maximum(number, 1)).T.astype(np.float32)
    whole = np.concatenate([np.zeros((level_only, count), np.float32), slope]).T
    return Smoothed(np.ascontiguousarray(level.T), np.ascontiguousarray(whole), squared, variants)


def first_slope(rows: Rows, seen: Rows) -> Rows:
    """[series] mean slope between the halves of what was observed."""
    time = rows.shape[1]
    length = np.maximum(time - seen.argmax(1), 2)
    place = np.arange(time)
    late = seen * (place >= (time - length // 2)[:, None])
    early = seen - late
    means = [(rows * part).sum(1) / np.maximum(part.sum(1), 1) for part in (early, late)]
    slope = (means[1] - means[0]) / (length / 2)
    return np.where((early.sum(1) > 0) & (late.sum(1) > 0), slope, 0).astype(np.float32)


def lines(rows: Rows, seen: Rows) -> tuple[Rows, Rows]:
    """Exponentially weighted straight lines: levels at the last step and slopes, [series, memory]."""
    time = rows.shape[1]
    back = np.arange(time - 1, -1, -1, dtype=np.float64)
    weights = np.exp(-back[:, None] / np.array(MEMORIES))
    far = -back[:, None] / np.array(MEMORIES)
    masses = (seen @ np.hstack([weights, weights * far, weights * far**2]).astype(np.float32)).astype(np.float64)
    sums = ((rows * seen) @ np.hstack([weights, weights * far]).astype(np.float32)).astype(np.float64)
    w0, w1, w2 = np.split(masses, 3, 1)
    y0, y1 = np.split(sums, 2, 1)
    w2 = w2 + 0.3 * w0 / np.array(MEMORIES) ** 2  # a line through one or two points stays nearly flat
    spread = np.maximum(w0 * w2 - w1**2, 1e-9)
    slope = (w0 * y1 - w1 * y0) / spread
    level = (y0 - slope * w1) / np.maximum(w0, 1e-9)
    return level.astype(np.float32), (slope / np.array(MEMORIES)).astype(np.float32)
