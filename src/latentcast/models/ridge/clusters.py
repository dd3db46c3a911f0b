"""Groups of channels that share a map: those with similar autocorrelation in the training part."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from latentcast.layers.gram import Array
from latentcast.models.ridge.stretches import Source, Steps

LAGS = 96
SEED = 0


def cluster_channels(source: Source, number: int) -> Steps:
    """Group [channels] of each channel by k-means on autocorrelations; fewer groups where channels are alike.

    Groups are numbered from 0 in the order of their first channel. Equal data give equal groups.
    """
    from scipy.cluster.vq import kmeans2  # a tenth of a second to import

    features = _autocorrelations(source)
    distinct = len(np.unique(features.round(9), axis=0))
    if distinct <= number:
        return _renumbered(np.unique(features.round(9), axis=0, return_inverse=True)[1].ravel())
    _, found = kmeans2(features, number, minit="++", seed=SEED, missing="warn")
    return _renumbered(found)


def _renumbered(groups: NDArray[Any]) -> Steps:
    _, first, inverse = np.unique(groups, return_index=True, return_inverse=True)
    order = np.argsort(np.argsort(first))
    return order[inverse.ravel()].astype(np.int64)


def _autocorrelations(source: Source) -> Array:
    """[channels, lags] autocorrelations of the training part; unobserved values count as the mean."""
    train, sums = source.train, None
    for begin, end in zip(train.floor, train.end, strict=True):
        values = source.values[begin:end]
        seen = np.ones(values.shape, np.bool_) if source.observed is None else source.observed[begin:end]
        mean = (values * seen).sum(0) / np.maximum(seen.sum(0), 1)
        centred = np.where(seen, values - mean, 0.0)
        size = 2 ** int(np.ceil(np.log2(2 * max(len(centred), 1))))
        power = np.abs(np.fft.rfft(centred, size, axis=0)) ** 2
        lagged = np.fft.irfft(power, size, axis=0)[: LAGS + 1]
        padded = np.zeros((LAGS + 1, values.shape[1]))
        padded[: len(lagged)] = lagged
        sums = padded if sums is None else sums + padded
    assert sums is not None
    variance = sums[0]
    return np.where(variance > 1e-12, sums[1:] / np.maximum(variance, 1e-12), 0.0).T
