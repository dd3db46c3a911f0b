"""Random numbers that every family of the simulator draws, and the types that it works with."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Generator = np.random.Generator


def log_uniform(rng: Generator, low: float, high: float, size: Any = None) -> Any:
    """Numbers between `low` and `high` whose logarithms are uniform."""
    return np.exp(rng.uniform(np.log(low), np.log(high), size))


def standardised(rows: Array) -> Array:
    """Rows with mean 0 and standard deviation 1; constant rows become 0."""
    rows = rows - rows.mean(1, keepdims=True)
    return rows / np.maximum(rows.std(1, keepdims=True), 1e-9)


def blended(rng: Generator, parts: list[Array], weights: list[float]) -> Array:
    """Each row from one of `parts` ([count, length] each), drawn with `weights`."""
    share = np.asarray(weights) / np.sum(weights)
    pick = rng.choice(len(parts), len(parts[0]), p=share)
    return np.stack(parts)[pick, np.arange(len(parts[0]))]
