"""Trends: slow components of a series, each of about unit size over its length."""

import numpy as np

from latentcast.data.simulation.draws import Array, Generator, log_uniform


def straight(rng: Generator, count: int, length: int) -> Array:
    """A straight line."""
    return np.linspace(-1, 1, length) * rng.normal(0, 1.2, (count, 1))


def piecewise(rng: Generator, count: int, length: int) -> Array:
    """A line whose slope changes one to three times."""
    time = np.linspace(0, 1, length)
    line = time * rng.normal(0, 1, (count, 1))
    for _ in range(3):
        knot = rng.uniform(0, 1, (count, 1))
        line = line + np.maximum(time - knot, 0) * rng.normal(0, 2.5, (count, 1)) * (rng.random((count, 1)) < 0.6)
    return line


def logistic(rng: Generator, count: int, length: int) -> Array:
    """Growth that saturates."""
    time = np.linspace(0, 1, length)
    middle, steep = rng.uniform(-0.2, 1.2, (count, 1)), log_uniform(rng, 3, 25, (count, 1))
    return rng.normal(0, 1.5, (count, 1)) * np.tanh(0.5 * steep * (time - middle))


def exponential(rng: Generator, count: int, length: int) -> Array:
    """Growth or decay by a constant rate."""
    rate = rng.normal(0, 1.5, (count, 1))
    return (np.exp(rate * np.linspace(-1, 1, length)) - 1) / np.maximum(np.abs(rate), 0.5)


def random_walk(rng: Generator, count: int, length: int) -> Array:
    """A random walk with drift."""
    walk = np.cumsum(rng.normal(size=(count, length)), 1) / np.sqrt(length)
    return walk + np.linspace(0, 1, length) * rng.normal(0, 1, (count, 1))


def local_linear(rng: Generator, count: int, length: int) -> Array:
    """A slope that is a damped random walk, summed up."""
    slope = np.cumsum(rng.normal(size=(count, length)), 1) / np.sqrt(length) + rng.normal(0, 0.5, (count, 1))
    return np.cumsum(slope, 1) / length * 2


def business_cycle(rng: Generator, count: int, length: int) -> Array:
    """Slow waves of irregular length."""
    time = np.arange(length)
    total = np.zeros((count, length))
    for _ in range(3):
        period = log_uniform(rng, max(8, length / 8), 2.5 * length, (count, 1))
        total += rng.normal(0, 0.7, (count, 1)) * np.sin(2 * np.pi * (time / period + rng.random((count, 1))))
    return total


TRENDS = {
    "straight": (straight, 0.22),
    "piecewise": (piecewise, 0.12),
    "logistic": (logistic, 0.08),
    "exponential": (exponential, 0.1),
    "random-walk": (random_walk, 0.22),
    "local-linear": (local_linear, 0.13),
    "business-cycle": (business_cycle, 0.13),
}


def trends(rng: Generator, count: int, length: int) -> Array:
    """[count, length] rows of different trends."""
    names = list(TRENDS)
    weights = np.array([TRENDS[name][1] for name in names])
    pick = rng.choice(len(names), count, p=weights / weights.sum())
    result = np.empty((count, length))
    for number, name in enumerate(names):
        rows = np.flatnonzero(pick == number)
        if len(rows):
            result[rows] = TRENDS[name][0](rng, len(rows), length)
    return result
