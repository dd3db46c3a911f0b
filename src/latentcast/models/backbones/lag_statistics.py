"""Lags for prompts, for a whole batch at once."""

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


def top_lags(x: Array, count: int) -> NDArray[np.int64]:
    """[series, time] → [series, count] lags of the highest local maxima of the autocorrelation, best first; 0 where
    there are fewer.

    The autocorrelation is linear (zero-padded), after removing the linear trend: a circular one is symmetric, and a
    trend hides all maxima. Lag 0 and the ends are no maxima. Lags of equal height keep their order.
    """
    time = x.shape[1]
    step = np.arange(time) - (time - 1) / 2
    centred = x - x.mean(1, keepdims=True)
    flat = centred - np.outer(centred @ step / max(float(step @ step), 1.0), step)
    spectrum = np.fft.rfft(flat, 2 * time)
    r = np.fft.irfft(np.abs(spectrum) ** 2, 2 * time)[:, :time]
    peak = np.zeros(r.shape, bool)
    peak[:, 1:-1] = (r[:, 1:-1] > r[:, :-2]) & (r[:, 1:-1] >= r[:, 2:])
    peak &= (r > 1e-9 * r[:, :1]) & (r[:, :1] > 1e-12 * (x * x).sum(1, keepdims=True))  # differences by rounding are
    # no maxima
    height = np.where(peak, r, -np.inf)
    best = np.argsort(-height, axis=1, kind="stable")[:, :count]
    lags = np.where(np.take_along_axis(peak, best, 1), best, 0)
    return np.pad(lags, ((0, 0), (0, count - lags.shape[1])))
