"""Links: from a standardised series to values as they are observed (positive, counts, clipped, rounded …)."""

import numpy as np

from latentcast.data.simulation.draws import Array, Generator, blended, log_uniform


def additive(rng: Generator, rows: Array) -> Array:
    """On a level, far from zero or not; a quarter of the rows around zero."""
    count = len(rows)
    level = log_uniform(rng, 1, 60, (count, 1)) * (rng.random((count, 1)) > 0.25)
    return rows + level


def exponential(rng: Generator, rows: Array) -> Array:
    """Multiplicative components: positive values."""
    return np.exp(np.clip(rows * log_uniform(rng, 0.02, 0.9, (len(rows), 1)), -12, 12))


def clipped(rng: Generator, rows: Array) -> Array:
    """Zero below a threshold, as rain, sunshine or traffic at night."""
    return np.maximum(rows - rng.uniform(-2.0, 0.7, (len(rows), 1)), 0.0)


def bounded(rng: Generator, rows: Array) -> Array:
    """Shares between 0 and 100."""
    return 100 / (1 + np.exp(-(rows * rng.uniform(0.3, 2.5, (len(rows), 1)) + rng.normal(0, 1.5, (len(rows), 1)))))


def counts(rng: Generator, rows: Array) -> Array:
    """Poisson or negative binomial counts whose rate follows the series."""
    count = len(rows)
    rate = log_uniform(rng, 0.3, 200, (count, 1)) * np.exp(np.clip(rows * rng.uniform(0.1, 0.8, (count, 1)), -6, 4))
    shape = log_uniform(rng, 0.7, 30, (count, 1))
    over = rng.random((count, 1)) < 0.5
    rate = np.where(over, rate * rng.standard_gamma(np.broadcast_to(shape, rows.shape)) / shape, rate)
    return rng.poisson(np.minimum(rate, 1e6)).astype(np.float64)


def rounded(rng: Generator, rows: Array) -> Array:
    """Few distinct values, as of coarse instruments."""
    step = log_uniform(rng, 0.05, 0.6, (len(rows), 1))
    return np.round(rows / step) * step + 20 * (rng.random((len(rows), 1)) < 0.5)


LINKS = {
    "additive": (additive, 0.42),
    "exponential": (exponential, 0.33),
    "clipped": (clipped, 0.06),
    "bounded": (bounded, 0.05),
    "counts": (counts, 0.08),
    "rounded": (rounded, 0.06),
}


def observe(rng: Generator, rows: Array) -> Array:
    """Rows through two links drawn by their weights; each row through one of them."""
    names = list(LINKS)
    weights = np.array([LINKS[name][1] for name in names])
    first, second = rng.choice(len(names), 2, p=weights / weights.sum())
    one = LINKS[names[first]][0](rng, rows)
    if first == second:
        return one
    return blended(rng, [one, LINKS[names[second]][0](rng, rows)], [0.5, 0.5])
