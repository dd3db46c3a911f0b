"""Events: level shifts, outliers, irregular holidays and changes of the noise, added to a standardised series."""

import numpy as np

from latentcast.data.simulation.draws import Array, Generator, log_uniform


def level_shifts(rng: Generator, count: int, length: int, *, share: float = 0.12) -> Array:
    """[count, length] steps at one to three random times; `share` of the rows have any."""
    time = np.arange(length)
    total = np.zeros((count, length))
    rows = rng.random((count, 1)) < share
    for number in range(3):
        when = rng.uniform(0, length, (count, 1))
        size = rng.normal(0, 1.5, (count, 1)) * rows * (rng.random((count, 1)) < 1 / (number + 1))
        total += (time >= when) * size
    return total


def outliers(rng: Generator, count: int, length: int, *, share: float = 0.15) -> Array:
    """[count, length] single values far off, in `share` of the rows."""
    rate = log_uniform(rng, 0.002, 0.03, (count, 1)) * (rng.random((count, 1)) < share)
    hit = rng.random((count, length)) < rate
    return hit * rng.normal(0, 1, (count, length)) * log_uniform(rng, 2, 10, (count, 1))


def holidays(rng: Generator, count: int, length: int, *, share: float = 0.1) -> Array:
    """[count, length] short spells of unusual level at irregular distances, in `share` of the rows."""
    rows = rng.random((count, 1)) < share
    starts = (rng.random((count, length)) < log_uniform(rng, 1, 6, (count, 1)) / length) * rows
    width = int(rng.integers(1, max(2, min(24, length // 20) + 1)))
    total = np.cumsum(starts, 1, dtype=np.float64)
    total[:, width:] -= total[:, :-width].copy()
    return total * rng.normal(-1, 1.5, (count, 1))


def noise_levels(rng: Generator, count: int, length: int, *, share: float = 0.15) -> Array:
    """[count, length] factors of the noise: 1, or one change at a random time in `share` of the rows."""
    changed = rng.random((count, 1)) < share
    when = rng.uniform(0, length, (count, 1))
    return np.where(changed & (np.arange(length) >= when), log_uniform(rng, 0.3, 3, (count, 1)), 1.0)
