"""Greedy weighted ensembling of forecasts (Caruana et al. 2004)."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
ROUNDS = 20


def greedy_weights(
    forecasts: Sequence[Array], target: Array, scale: Array, rounds: int = ROUNDS
) -> tuple[Array, float]:
    """Weights of forecasts that minimise the mean scaled absolute error of their weighted mean, and that error.

    In each round the forecast is added, with replacement, that lowers the error of the mean most; the best round
    counts. Equal inputs give equal weights: of equal errors the first forecast is taken.

    Parameters
    ----------
    forecasts
        One array for each member, all of one shape.
    target
        The observed values, NaN where there are none.
    scale
        What errors are divided by; broadcasts to the shape of `target`.
    """
    counts = np.zeros(len(forecasts))
    total = np.zeros_like(target)
    best, weights = np.inf, counts
    for number in range(1, rounds + 1):
        errors = [scaled_error((total + one) / number, target, scale) for one in forecasts]
        chosen = int(np.argmin(errors))
        total = total + forecasts[chosen]
        counts[chosen] += 1
        if errors[chosen] < best:
            best, weights = errors[chosen], counts / number
    return weights, best


def scaled_error(forecast: Array, target: Array, scale: Array) -> float:
    """Mean of |target - forecast| / scale over the observed values; infinite for a forecast with missing values."""
    error = np.abs(target - forecast) / scale
    seen = ~np.isnan(target / scale)
    values = error[seen]
    return float(values.mean()) if len(values) and np.isfinite(values).all() else float("inf")
