"""Weights of forecasts: greedy ones (Caruana et al. 2004) for many series, equal ones of the best for few."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
ROUNDS = 20
STALE = 4  # rounds without a better error after which no more members are added
PAYS = 0.005  # share of the error that greedy weights must save to be worth their members
MANY = 100  # series from which on weights are fitted
NEAR = 0.02  # share of the best error by which others count as equally good
VALUES = 2**18  # forecast values of each member that weights are chosen by, at most


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
    best, weights, last = np.inf, counts, 0
    for number in range(1, rounds + 1):
        errors = [scaled_error((total + one) / number, target, scale) for one in forecasts]
        chosen = int(np.argmin(errors))
        total = total + forecasts[chosen]
        counts[chosen] += 1
        if errors[chosen] < best:
            best, weights, last = errors[chosen], counts / number, number
        elif number - last >= STALE:
            break
    return weights, best


def ensemble_weights(forecasts: Sequence[Array], target: Array, scale: Array, items: NDArray[np.int64]) -> Array:
    """Weights of one member or of several.

    Of `MANY` series and more, greedy weights are taken where they save more than `PAYS` of the best member's error. The
    few origins of few series tell members that are nearly as good as the best one not apart, and weights that are
    fitted to them do worse later than equal ones: all members within `NEAR` of the best have the same weight. The first
    member, the naive one, is among these only where it is the best.

    Parameters
    ----------
    forecasts
        [origin, horizon, target] of each member.
    target, scale
        As for `greedy_weights`.
    items
        [origin] the series of each.
    """
    errors = np.array([scaled_error(one, target, scale) for one in forecasts])
    best = int(np.argmin(errors))
    single = np.eye(len(forecasts))[best]
    if not np.isfinite(errors[best]):
        return single
    if len(np.unique(items)) >= MANY:
        stride = max(1, -(-target.size // VALUES))
        weights, error = greedy_weights([one[::stride] for one in forecasts], target[::stride], scale[::stride])
        alone = scaled_error(forecasts[best][::stride], target[::stride], scale[::stride])
        return weights if error < (1 - PAYS) * alone else single
    near = errors <= (1 + NEAR) * errors[best]
    near[0] &= best == 0
    return np.asarray(near / near.sum())


def scaled_error(forecast: Array, target: Array, scale: Array) -> float:
    """Mean of |target - forecast| / scale over the observed values; infinite for a forecast with missing values."""
    error = np.abs(target - forecast) / scale
    seen = ~np.isnan(target / scale)
    values = error[seen]
    return float(values.mean()) if len(values) and np.isfinite(values).all() else float("inf")
