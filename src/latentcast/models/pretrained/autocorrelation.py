"""Autocorrelations, the autoregression that follows from them, and mean differences at growing lags."""

import numpy as np

from latentcast.models.pretrained.context import Rows, mean_difference

ORDER = 4


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


def autoregression(rows: Rows, correlation: Rows, steps: np.ndarray) -> Rows:
    """[series, steps] forecasts of deviations `rows` by the Yule-Walker equations of `correlation` [series, ORDER]."""
    place = np.arange(ORDER)
    full = np.concatenate([np.ones((len(rows), 1)), correlation], 1)
    matrix = full[:, np.abs(place[:, None] - place)] + 1e-3 * np.eye(ORDER)
    weights = np.linalg.solve(matrix, correlation[..., None].astype(np.float64))[..., 0]
    last = int(steps.max())
    state = [rows[:, -1 - k].astype(np.float64) if k < rows.shape[1] else 0 * rows[:, 0] for k in range(ORDER)]
    result = np.empty((len(rows), last), np.float32)
    for at in range(last):
        value = sum(weights[:, k] * state[k] for k in range(ORDER))
        state = [value, *state[:-1]]
        result[:, at] = value
    return result[:, steps - 1]


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
