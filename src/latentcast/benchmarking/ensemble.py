"""Weights of forecasts: greedy ones (Caruana et al. 2004) where they pay; else the best and the pretrained member."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
ROUNDS = 20
STALE = 4  # rounds without a better error after which no more members are added
PAYS = 0.03  # share of the best error that greedy weights must save
NEAR = 0.05  # share of the best error by which a pretrained member may be worse and have half of the weight
ROUNDING = 1e-6  # of how far the values of a horizon lie apart: an error below it is none (networks: float32)
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


def ensemble_weights(
    forecasts: Sequence[Array], target: Array, scale: Array, pretrained: Sequence[int] = (), alone: bool = False
) -> Array:
    """Weights of one member or of several.

    Greedy weights are taken where they save more than `PAYS` of the best member's error: smaller gains at the origins
    are not found again later. Otherwise the best member stands alone, or has half of the weight and the best of the
    `pretrained` ones the other half, where that is `NEAR` the best: it learned from other data, so that its errors
    differ from those of members that were fitted to the same past. Where the first member, the naive one, is the best,
    and no greedy weights pay, or where it is exact but for rounding, it stands alone. No choice has a larger error.

    Parameters
    ----------
    forecasts
        [origin, horizon, target] of each member.
    target, scale
        As for `greedy_weights`.
    pretrained
        Positions of the members that were not fitted to these data.
    alone
        Take one member: of few forecasts, weights are chance. Of equal errors a pretrained one counts.
    """
    errors = np.array([scaled_error(one, target, scale) for one in forecasts])
    exact = errors[0] <= ROUNDING * _apart(target, scale)
    best = 0 if exact else int(np.argmin(errors))
    if alone and not exact:
        best = next((at for at in pretrained if errors[at] <= errors[best]), best)
    single = np.eye(len(forecasts))[best]
    if exact or alone or not np.isfinite(errors[best]):
        return single
    stride = max(1, -(-target.size // VALUES))
    weights, error = greedy_weights([one[::stride] for one in forecasts], target[::stride], scale[::stride])
    one = scaled_error(forecasts[best][::stride], target[::stride], scale[::stride])
    if error < (1 - PAYS) * one:
        return weights
    other = min(pretrained, key=lambda at: float(errors[at]), default=best)
    if best == 0 or errors[other] > (1 + NEAR) * errors[best]:
        return single
    half = (forecasts[best] + forecasts[other]) / 2
    pays = scaled_error(half, target, scale) <= errors[0]
    return np.asarray((single + np.eye(len(forecasts))[other]) / 2) if pays else single


def _apart(target: Array, scale: Array) -> float:
    """Mean distance of the observed values from the middle of their horizon, scaled."""
    seen, axis = np.isfinite(target), min(1, target.ndim - 1)
    count = np.maximum(seen.sum(axis=axis, keepdims=True), 1)
    middle = np.where(seen, target, 0.0).sum(axis=axis, keepdims=True) / count
    return scaled_error(np.broadcast_to(middle, target.shape), target, scale)


def scaled_error(forecast: Array, target: Array, scale: Array) -> float:
    """Mean of |target - forecast| / scale over the observed values; infinite for a forecast with missing values."""
    error = np.abs(target - forecast) / scale
    seen = ~np.isnan(target / scale)
    values = error[seen]
    return float(values.mean()) if len(values) and np.isfinite(values).all() else float("inf")
