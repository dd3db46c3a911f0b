"""Autocorrelations, the autoregression that follows from them, and mean differences at growing lags."""

import numpy as np

from latentcast.models.pretrained.context import Context, Rows, mean_difference


def correlations(rows: Rows, seen: Rows, lags: tuple[int, ...]) -> Rows:
    """[series, lag] autocorrelations of rows whose mean is taken out; 0 where a lag is too long."""
    count = np.maximum(seen.sum(1, keepdims=True), 1)
    centred = (rows - (rows * seen).sum(1, keepdims=True) / count) * seen
    variance = np.maximum((centred**2).sum(1), 1e-9)
    result = np.zeros((len(rows), len(lags)), np.float32)
    for column, lag in enumerate(lags):
        if 0 < lag < rows.shape[1]:
            result[:, column] = np.einsum("st,st->s", centred[:, lag:], centred[:, :-lag]) / variance
    return result


def autoregression(rows: Rows, seen: Rows, lags: tuple[int, ...], steps: np.ndarray) -> Rows:
    """[series, steps] forecasts of deviations `rows` from their values at `lags`, by the Yule-Walker equations."""
    place = np.array(lags)
    apart = np.abs(place[:, None] - place)
    needed = tuple(int(lag) for lag in np.unique(np.concatenate([apart.ravel(), place])))
    known = correlations(rows, seen, needed).astype(np.float64)
    known[:, needed.index(0)] = 1.0
    matrix = known[:, np.searchsorted(needed, apart)] + 1e-3 * np.eye(len(lags))
    right = known[:, np.searchsorted(needed, place)]
    weights = np.linalg.solve(matrix, right[..., None])[..., 0].T
    last, longest = int(steps.max()), int(place.max())
    state = np.zeros((longest + last, len(rows)))
    state[:longest] = rows[:, -longest:].T
    for at in range(longest, longest + last):
        state[at] = (weights * state[at - place]).sum(0)
    limit = np.abs(state[:longest]).max(0)
    return np.clip(state[longest + steps - 1], -limit, limit).T.astype(np.float32)


def spreads(rows: Rows, seen: Rows, steps: np.ndarray) -> Rows:
    """[series, steps] mean absolute change over as many steps, interpolated between lags that are powers of two."""
    length = int((rows.shape[1] - seen.argmax(1)).max())
    lags = [1]
    while lags[-1] * 2 <= max(length // 3, 1):
        lags.append(lags[-1] * 2)
    found = np.stack([mean_difference(rows, seen, lag) for lag in lags], 1)
    logs = np.log(np.maximum(found, 1e-6))
    place = np.log2(steps)
    low = np.clip(np.floor(place).astype(int), 0, len(lags) - 1)
    high = np.minimum(low + 1, len(lags) - 1)
    beyond = np.maximum(place - (len(lags) - 1), 0)
    inside = logs[:, low] + (logs[:, high] - logs[:, low]) * np.clip(place - low, 0, 1)
    rise = np.clip((logs[:, -1:] - logs[:, -2:-1]) if len(lags) > 1 else np.full((len(rows), 1), 0.3), 0.05, 0.35)
    return np.exp(inside + rise * beyond).astype(np.float32)


def walk_statistics(context: Context, adjusted: Rows, steps: Rows) -> Rows:
    """[series, 8] how far from a random walk: drift and autocorrelation in standard errors, ratios of variances."""
    number = np.sqrt(np.maximum(context.lengths[:, None] - 1, 1))
    size = np.maximum(np.sqrt((steps**2).mean(1, keepdims=True) * steps.shape[1]) / number, 1e-6)
    drift = steps.sum(1, keepdims=True) / number / size
    late = steps[:, -12:].sum(1, keepdims=True) / np.sqrt(min(12, steps.shape[1])) / size
    first = correlations(steps, context.seen[:, 1:], (1, 2)) * number
    base = np.maximum(mean_difference(adjusted, context.seen, 1), 1e-6)
    ratios = [
        np.log(np.maximum(mean_difference(adjusted, context.seen, lag) / base / np.sqrt(lag), 1e-3))
        for lag in (2, 4, 8, 24)
    ]
    return np.concatenate([drift, late, first, 3 * np.stack(ratios, 1).astype(np.float32)], 1)
