"""Greedy weighted ensembling of forecasts (Caruana et al. 2004), shrunk as far as held-out origins ask for it."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
ROUNDS = 20
STALE = 4  # rounds without a better error after which no more members are added
FOLDS = 5
PAYS = 0.005  # share of the held-out error that an ensemble must save to be worth its members
VALUES = 2**18  # forecast values of each member that weights are chosen by, at most
SHRINK = (0.0, 0.5, 1.0)  # from greedy weights towards equal ones of the same members


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


def ensemble_weights(forecasts: Sequence[Array], target: Array, scale: Array, groups: NDArray[np.int64]) -> Array:
    """Weights that forecast origins best which they were not chosen by: those of one member, or of several.

    The best member, greedy weights, equal weights of the same members, and weights half-way between these two are
    compared by cross-validation over the groups of origins. Several members are taken only where they save more than
    `PAYS` of the best member's error, on held-out origins and on all of them.

    Parameters
    ----------
    forecasts
        [origin, horizon, target] of each member.
    target, scale
        As for `greedy_weights`.
    groups
        [origin] the group of each: origins of one group are held out together.
    """
    stride = max(1, -(-target.size // VALUES))
    forecasts, target, scale, groups = (
        [one[::stride] for one in forecasts],
        target[::stride],
        scale[::stride],
        groups[::stride],
    )
    errors = [scaled_error(one, target, scale) for one in forecasts]
    single = np.eye(len(forecasts))[int(np.argmin(errors))]
    present = np.unique(groups)
    if len(present) < 2 or len(forecasts) < 2:
        return single
    held: list[list[float]] = []
    for fold in np.array_split(present, min(FOLDS, len(present))):
        out = np.isin(groups, fold)
        kept = [one[~out] for one in forecasts]
        own = np.eye(len(forecasts))[int(np.argmin([scaled_error(one, target[~out], scale[~out]) for one in kept]))]
        greedy, _ = greedy_weights(kept, target[~out], scale[~out])
        tried = [own, *(shrunk(greedy, share) for share in SHRINK)]
        held.append([_error(weights, [one[out] for one in forecasts], target[out], scale[out]) for weights in tried])
    means = np.nanmean(np.where(np.isfinite(held), held, np.nan), axis=0)
    best = int(np.nanargmin(means)) if np.isfinite(means).any() else 0
    if best == 0 or not means[best] < (1 - PAYS) * means[0]:
        return single
    weights = shrunk(greedy_weights(forecasts, target, scale)[0], SHRINK[best - 1])
    return weights if _error(weights, forecasts, target, scale) < (1 - PAYS) * min(errors) else single


def shrunk(weights: Array, share: float) -> Array:
    """A share of the way from weights to equal weights of the same members."""
    used = weights > 0
    return np.asarray((1 - share) * weights + share * used / used.sum())


def _error(weights: Array, forecasts: Sequence[Array], target: Array, scale: Array) -> float:
    mixed = sum(weight * one for weight, one in zip(weights, forecasts, strict=True) if weight > 0)
    return scaled_error(np.asarray(mixed), target, scale)


def scaled_error(forecast: Array, target: Array, scale: Array) -> float:
    """Mean of |target - forecast| / scale over the observed values; infinite for a forecast with missing values."""
    error = np.abs(target - forecast) / scale
    seen = ~np.isnan(target / scale)
    values = error[seen]
    return float(values.mean()) if len(values) and np.isfinite(values).all() else float("inf")
