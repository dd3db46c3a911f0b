"""Innovations state-space models: level, slope and season that learn from the same errors, as exponential smoothing."""

from dataclasses import dataclass

import numpy as np

from latentcast.data.simulation.draws import Array, Generator, log_uniform
from latentcast.data.simulation.noise import white
from latentcast.data.simulation.seasonality import profiles


@dataclass(frozen=True)
class Rates:
    """[count] rates of level, slope and season, and the damping of the slope."""

    level: Array
    slope: Array
    season: Array
    damping: Array

    @classmethod
    def draw(cls, rng: Generator, count: int) -> "Rates":
        """Rates as fits to real series have them: often at the ends of their ranges."""
        level = np.where(rng.random(count) < 0.3, rng.uniform(0.8, 1.0, count), rng.uniform(0.02, 0.9, count))
        slope = level * rng.uniform(0, 0.4, count) * (rng.random(count) < 0.55)
        season = (1 - level) * np.where(
            rng.random(count) < 0.5, rng.uniform(0, 0.03, count), rng.uniform(0, 0.5, count)
        )
        damping = np.where(rng.random(count) < 0.5, rng.uniform(0.8, 0.98, count), 1.0)
        return cls(level, slope, season, damping)


def state_space(rng: Generator, count: int, length: int, season: int) -> Array:
    """[count, length] series in units of their errors, with slopes that break now and then."""
    rates = Rates.draw(rng, count)
    shocks = white(rng, count, length)
    trending = rng.random(count) < 0.7
    size = log_uniform(rng, 0.02, 1.0, count) / np.where(rates.damping < 1, 1 - rates.damping, 1.0) ** 0.5
    slope = rng.normal(0, 1, count) * size * trending
    beta = rates.slope * trending
    breaks = _breaks(rng, count, length) * size[:, None] * trending[:, None]
    shifts = (rng.random((count, length)) < 0.5 / length) * rng.normal(0, 6, (count, length))
    wave = np.zeros((1, count))
    if season > 1:
        loud = log_uniform(rng, 0.3, 20, (count, 1)) * (rng.random((count, 1)) > 0.12)
        wave = np.ascontiguousarray((profiles(rng, count, season) * loud).T)
    level, found = np.zeros(count), np.empty((length, count))
    for at in range(length):
        phase = at % len(wave)
        slope = rates.damping * slope + breaks[:, at]
        level += slope + shifts[:, at]
        found[at] = level + wave[phase] + shocks[:, at]
        level += rates.level * shocks[:, at]
        slope += beta * shocks[:, at]
        if season > 1:
            wave[phase] += rates.season * shocks[:, at]
    return np.ascontiguousarray(found.T)


def _breaks(rng: Generator, count: int, length: int) -> Array:
    """[count, length] changes of slope in units of its size: up to two in half of the rows."""
    total = np.zeros((count, length))
    rows = np.arange(count)
    for share in (0.5, 0.25):
        total[rows, rng.integers(0, length, count)] += rng.normal(0, 2, count) * (rng.random(count) < share)
    return total


def observed(rng: Generator, rows: Array) -> Array:
    """Multiplicative, additive on a positive level, or around zero."""
    count = len(rows)
    reach = np.maximum(np.ptp(rows, axis=1, keepdims=True), 1e-9)
    share = np.minimum(log_uniform(rng, 0.004, 0.15, (count, 1)), log_uniform(rng, 0.5, 4, (count, 1)) / reach)
    multiplied = np.exp(np.clip((rows - rows[:, :1]) * share, -8, 8))
    level = log_uniform(rng, 0.05, 20, (count, 1)) * reach
    added = rows - rows.min(1, keepdims=True) + level
    kind = rng.random((count, 1))
    return np.where(kind < 0.55, multiplied, np.where(kind < 0.9, added, rows))
