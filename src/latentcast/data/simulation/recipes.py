"""Recipes: how components become series. Each returns [count, length] series of one kind, before links."""

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from scipy.signal import lfilter

from latentcast.data.simulation import events, links
from latentcast.data.simulation.draws import Array, Generator, log_uniform, standardised
from latentcast.data.simulation.noise import autoregressive, noise, power_law, volatile, white
from latentcast.data.simulation.seasonality import double, profiles, seasonal
from latentcast.data.simulation.state_space import observed, state_space
from latentcast.data.simulation.trends import trends


@dataclass(frozen=True)
class Shape:
    """Sizes of a chunk of series: `season` and `second` in steps, 1 and 0 where there is none."""

    count: int
    length: int
    season: int = 1
    second: int = 0


class Recipe(Protocol):
    def __call__(self, rng: Generator, shape: Shape) -> Array: ...


def _wave(rng: Generator, shape: Shape) -> Array:
    if shape.season < 2:
        return np.zeros((shape.count, shape.length))
    if shape.second:
        return double(rng, shape.count, shape.length, shape.season, shape.second)
    return seasonal(rng, shape.count, shape.length, shape.season)


def structural(rng: Generator, shape: Shape) -> Array:
    """Trend, season and noise of independent sizes, with level shifts and outliers."""
    count, length = shape.count, shape.length
    trend = trends(rng, count, length) * log_uniform(rng, 0.05, 8, (count, 1))
    wave = _wave(rng, shape) * log_uniform(rng, 0.1, 5, (count, 1)) * (rng.random((count, 1)) > 0.08)
    size = log_uniform(rng, 0.03, 1.5, (count, 1)) * events.noise_levels(rng, count, length)
    total = trend + wave + noise(rng, count, length) * size
    total += events.level_shifts(rng, count, length) + events.holidays(rng, count, length)
    return links.observe(rng, total + events.outliers(rng, count, length) * size)


def sarima(rng: Generator, shape: Shape) -> Array:
    """Autoregressive moving averages, seasonal ones too, integrated up to once, with drift."""
    count, length, season = shape.count, shape.length, shape.season
    base = autoregressive(rng, count, length)
    if season > 1:
        base = _seasonal_filter(rng, base, season)
    if rng.random() < 0.5:
        base = np.cumsum(base + rng.normal(0, 0.1, (count, 1)), 1)
        base = base / np.maximum(base.std(1, keepdims=True), 1e-9)
    wave = _wave(rng, shape) * log_uniform(rng, 0.05, 3, (count, 1)) * (rng.random((count, 1)) > 0.4)
    return links.observe(rng, standardised(base) + wave)


def _seasonal_filter(rng: Generator, rows: Array, season: int) -> Array:
    """A seasonal autoregression of order one, often integrated: the same phase of later cycles resembles."""
    count, length = rows.shape
    cycles = -(-length // season)
    padded = np.zeros((count, cycles * season))
    padded[:, : rows.shape[1]] = rows
    folded = padded.reshape(count, cycles, season)
    folded[:, 0] += rng.uniform(0, 4) * profiles(rng, count, season)
    strength = 1.0 if rng.random() < 0.4 else rng.uniform(0.2, 0.98)
    moving = rng.uniform(-0.8, 0.0)
    return lfilter([1.0, moving], [1.0, -strength], folded, axis=1).reshape(count, -1)[:, :length]


def martingale(rng: Generator, shape: Shape) -> Array:
    """Random walks, as prices: normal or heavy-tailed steps, volatility clusters, hardly any drift."""
    count, length = shape.count, shape.length
    kind = rng.random()
    steps = white(rng, count, length) if kind < 0.6 else volatile(rng, count, length)
    drift = rng.normal(0, 0.08, (count, 1)) * (rng.random((count, 1)) < 0.4)
    walk = np.cumsum(steps + drift, 1)
    rough = rng.exponential(0.3, (count, 1)) * (rng.random((count, 1)) < 0.2)
    walk = walk + rough * white(rng, count, length)
    unit = walk / np.sqrt(length)
    geometric = np.exp(np.clip(unit * log_uniform(rng, 0.05, 1.2, (count, 1)), -8, 8))
    level = log_uniform(rng, 0.5, 40, (count, 1))
    return np.where(rng.random((count, 1)) < 0.5, geometric, unit + level)


def coloured(rng: Generator, shape: Shape) -> Array:
    """Smooth or rough noise with a power-law spectrum, as many measurements of nature, with a season or not."""
    count, length = shape.count, shape.length
    base = power_law(rng, count, length)
    wave = _wave(rng, shape) * log_uniform(rng, 0.1, 3, (count, 1)) * (rng.random((count, 1)) > 0.25)
    fine = white(rng, count, length) * log_uniform(rng, 0.01, 0.5, (count, 1))
    return links.observe(rng, base + wave + fine)


def persistent(rng: Generator, shape: Shape) -> Array:
    """A seasonal wave on a level that reverts slowly, with short shocks: temperatures, loads, traffic."""
    count, length = shape.count, shape.length
    total = _wave(rng, shape) * log_uniform(rng, 0.2, 3, (count, 1))
    for rows in np.array_split(np.arange(count), max(1, count // 16)):
        slow, quick = 1 - log_uniform(rng, 0.003, 0.1), rng.uniform(0.2, 0.95)
        shocks = white(rng, len(rows), length + 200)
        level = standardised(lfilter([1.0], [1.0, -slow], shocks, axis=1)[:, 200:])
        short = lfilter([1.0], [1.0, -quick], white(rng, len(rows), length), axis=1)
        total[rows] += level * log_uniform(rng, 0.1, 2, (len(rows), 1))
        total[rows] += standardised(short) * log_uniform(rng, 0.05, 1, (len(rows), 1))
    total += events.holidays(rng, count, length, share=0.2) + events.level_shifts(rng, count, length, share=0.1)
    return links.observe(rng, total)


def intermittent(rng: Generator, shape: Shape) -> Array:
    """Demand that is mostly zero: Bernoulli occasions, negative binomial sizes, rates that follow season and trend."""
    count, length = shape.count, shape.length
    pattern = _wave(rng, shape) * rng.uniform(0, 0.7, (count, 1)) + trends(rng, count, length) * rng.uniform(
        0, 0.5, (count, 1)
    )
    rate = np.clip(log_uniform(rng, 0.04, 0.9, (count, 1)) * np.exp(np.clip(pattern, -4, 2)), 0, 0.98)
    occasion = rng.random((count, length)) < rate
    mean = log_uniform(rng, 0.2, 20, (count, 1))
    shape_of = log_uniform(rng, 0.5, 5, (count, 1))
    sizes = 1 + rng.poisson(mean * rng.standard_gamma(np.broadcast_to(shape_of, (count, length))) / shape_of)
    return occasion * sizes.astype(np.float64)


def calendar(rng: Generator, shape: Shape) -> Array:
    """Growing business series: multiplicative season on a smooth level, little noise, level shifts now and then."""
    count, length = shape.count, shape.length
    growth = trends(rng, count, length) * log_uniform(rng, 0.05, 1.2, (count, 1))
    wave = _wave(rng, shape) * log_uniform(rng, 0.02, 0.5, (count, 1))
    walk = np.cumsum(white(rng, count, length), 1) * log_uniform(rng, 0.001, 0.05, (count, 1))
    fine = noise(rng, count, length) * log_uniform(rng, 0.005, 0.25, (count, 1))
    shifts = events.level_shifts(rng, count, length, share=0.12) * 0.15
    return np.exp(np.clip(growth + wave + walk + fine + shifts, -10, 10))


def ets(rng: Generator, shape: Shape) -> Array:
    """Level, slope and season that change by the same errors (exponential smoothing), with breaks of the slope."""
    return observed(rng, state_space(rng, shape.count, shape.length, shape.season))


def mixture(rng: Generator, shape: Shape) -> Array:
    """Sums of two other recipes."""
    names = [name for name in RECIPES if name not in ("mixture", "intermittent")]
    first, second = rng.choice(names, 2, replace=False)
    share = rng.uniform(0.2, 0.8, (shape.count, 1))
    one, two = RECIPES[first][0](rng, shape), RECIPES[second][0](rng, shape)
    return share * standardised(one) + (1 - share) * standardised(two)


RECIPES: dict[str, tuple[Recipe, float]] = {
    "structural": (structural, 0.24),
    "calendar": (calendar, 0.15),
    "ets": (ets, 0.1),
    "sarima": (sarima, 0.15),
    "martingale": (martingale, 0.11),
    "coloured": (coloured, 0.07),
    "persistent": (persistent, 0.12),
    "intermittent": (intermittent, 0.04),
    "mixture": (mixture, 0.02),
}
