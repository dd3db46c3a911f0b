"""Seasonal components: profiles of one cycle, and how they repeat and change over a series."""

import numpy as np

from latentcast.data.simulation.draws import Array, Generator, log_uniform, standardised


def _harmonics(rng: Generator, count: int, season: int) -> Array:
    """Sums of up to six sines whose amplitudes fall with their order."""
    order = np.arange(1, min(6, max(1, season // 2)) + 1)
    size = rng.normal(size=(count, 2, len(order))) / order ** rng.uniform(0.3, 2.0, (count, 1, 1))
    angle = 2 * np.pi * order[:, None] * np.arange(season) / season
    return size[:, 0] @ np.cos(angle) + size[:, 1] @ np.sin(angle)


def _values(rng: Generator, count: int, season: int) -> Array:
    """Independent values for each phase, of light or heavy tails."""
    return rng.normal(size=(count, season)) * np.exp(rng.normal(0, 0.6, (count, season)))


def _spikes(rng: Generator, count: int, season: int) -> Array:
    """A few phases that stand out, as December does in retail sales."""
    height = rng.gamma(2.0, 1.0, (count, season)) * (rng.random((count, season)) < max(1.5 / season, 0.06))
    height[np.arange(count), rng.integers(0, season, count)] += rng.gamma(3.0, 1.0, count)
    return height + 0.1 * rng.normal(size=(count, season))


def _bells(rng: Generator, count: int, season: int) -> Array:
    """One to three smooth peaks, as the load of a day."""
    place = np.arange(season)
    total = np.zeros((count, season))
    for _ in range(3):
        centre, width = rng.uniform(0, season, (count, 1)), season * rng.uniform(0.04, 0.25, (count, 1))
        apart = np.abs(place - centre)
        apart = np.minimum(apart, season - apart)
        total += rng.gamma(1.0, 1.0, (count, 1)) * np.exp(-0.5 * (apart / width) ** 2)
    return total


def _plateaus(rng: Generator, count: int, season: int) -> Array:
    """Two levels with soft edges, as working hours and nights."""
    place = np.arange(season)[None]
    start, length = rng.uniform(0, season, (count, 1)), season * rng.uniform(0.2, 0.7, (count, 1))
    steep = 12 / season * log_uniform(rng, 0.5, 6.0, (count, 1))
    since = np.mod(place - start, season)
    return np.tanh(steep * np.minimum(since, season - since)) * np.where(since < length, 1.0, -0.6)


SHAPES = {
    "harmonics": _harmonics,
    "values": _values,
    "spikes": _spikes,
    "bells": _bells,
    "plateaus": _plateaus,
}


def profiles(rng: Generator, count: int, season: int) -> Array:
    """[count, season] seasonal profiles with mean 0 and standard deviation 1; shapes vary from row to row."""
    shapes = [shape(rng, count, season) for shape in SHAPES.values()]
    weights = np.array([0.35, 0.25, 0.1, 0.15, 0.15]) if season > 7 else np.array([0.3, 0.5, 0.1, 0.05, 0.05])
    first, second = rng.choice(len(shapes), (2, count), p=weights)
    rows, stack = np.arange(count), np.stack([standardised(shape) for shape in shapes])
    share = np.where(rng.random(count) < 0.3, rng.uniform(0, 0.5, count), 0.0)[:, None]
    return standardised((1 - share) * stack[first, rows] + share * stack[second, rows])


def seasonal(rng: Generator, count: int, length: int, season: int) -> Array:
    """[count, length] a repeating profile whose amplitude, shape and period may change slowly."""
    time = np.arange(length)
    profile = profiles(rng, count, season)
    drifting = (rng.random(count) < 0.3)[:, None]
    share = np.where(drifting, np.linspace(0, 1, length) * rng.uniform(0, 1, (count, 1)), 0.0)
    start = rng.integers(0, season, (count, 1))
    if season >= 40 and rng.random() < 0.3:  # a year of weeks has 52.18 of them
        place = (time * (1 + rng.normal(0, 0.003, (count, 1))) + start) % season
        low = place.astype(np.int64)
        part = place - low
        wave = np.take_along_axis(profile, low, 1) * (1 - part)
        wave += np.take_along_axis(profile, (low + 1) % season, 1) * part
    else:
        phase = (time + start) % season
        wave = np.take_along_axis(profile, phase, 1)
        if drifting.any():
            wave = (1 - share) * wave + share * np.take_along_axis(profiles(rng, count, season), phase, 1)
    return wave * _amplitude(rng, count, length)


def _amplitude(rng: Generator, count: int, length: int) -> Array:
    """[count, length] mostly 1; for some rows growing, shrinking or wandering."""
    kind = rng.random((count, 1))
    steady = np.ones((count, length))
    ramp = np.exp(np.linspace(-0.5, 0.5, length) * rng.normal(0, 0.8, (count, 1)))
    if (kind > 0.85).any():
        walk = np.cumsum(rng.normal(0, 1, (count, length)), 1) / np.sqrt(length)
        steady = np.where(kind > 0.85, np.exp(0.6 * walk), steady)
    return np.where(kind < 0.2, ramp, steady)


def double(rng: Generator, count: int, length: int, season: int, second: int) -> Array:
    """[count, length] days within weeks: each day has its own level and its own amplitude of the daily profile."""
    days = max(2, second // season)
    time = np.arange(length)[None] + rng.integers(0, second, (count, 1))
    phase, day = time % season, (time // season) % days
    profile = profiles(rng, count, season)
    weekend = (np.arange(days) >= days - 2) & (rng.random((count, 1)) < 0.7)
    loud = np.exp(rng.normal(0, 0.1, (count, days)) - weekend * rng.exponential(0.5, (count, 1)))
    level = rng.normal(0, 1, (count, days)) * rng.exponential(0.15, (count, 1))
    level -= weekend * rng.normal(0.3, 0.5, (count, 1))
    wave = np.take_along_axis(profile, phase, 1) * np.take_along_axis(loud, day, 1)
    wave += np.take_along_axis(level - level.mean(1, keepdims=True), day, 1)
    return wave * _amplitude(rng, count, length)
