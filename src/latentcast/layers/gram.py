"""Sums of products over all windows of a series, without building the windows.

Consecutive windows differ by one step, so that Gᵢ₊₁ⱼ₊₁ = Gᵢⱼ + (the product that enters) − (the product that leaves):
every diagonal of the Gram matrix is a running sum that begins in its first row. The first row is a correlation at
`width` lags, which the FFT gives. All sums are float64.
"""

from dataclasses import dataclass

import numpy as np
import scipy.fft
from numpy.typing import NDArray

Array = NDArray[np.float64]
_BLOCK = 1 << 16  # window starts of one FFT: bounds its memory


@dataclass(frozen=True)
class Runs:
    """Consecutive window starts: run r holds the starts first[r] … last[r], inclusive; shape [runs] each."""

    first: NDArray[np.int64]
    last: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.first)

    @property
    def windows(self) -> int:
        return int((self.last - self.first + 1).sum())

    @classmethod
    def of_starts(cls, starts: NDArray[np.int64]) -> "Runs":
        """Group ascending window starts into runs."""
        if not len(starts):
            return cls(starts, starts)
        breaks = np.flatnonzero(np.diff(starts) != 1)
        return cls(starts[np.r_[0, breaks + 1]], starts[np.r_[breaks, len(starts) - 1]])


@dataclass(frozen=True)
class WindowSums:
    """Weighted sums over windows z of `width` steps: Σ w z zᵀ, Σ w z and Σ w. They add up over series and over time.

    gram [maps, width, width] · total [maps, width] · weight [maps]
    """

    gram: Array
    total: Array
    weight: Array

    def __add__(self, other: "WindowSums") -> "WindowSums":
        return WindowSums(self.gram + other.gram, self.total + other.total, self.weight + other.weight)

    def __sub__(self, other: "WindowSums") -> "WindowSums":
        return WindowSums(self.gram - other.gram, self.total - other.total, self.weight - other.weight)

    @property
    def width(self) -> int:
        return self.gram.shape[-1]

    def pooled(self, groups: NDArray[np.int64]) -> "WindowSums":
        """The sums of the maps that share a group number; groups [maps] count from 0."""
        sums = [np.zeros((groups.max() + 1, *part.shape[1:])) for part in (self.gram, self.total, self.weight)]
        for into, part in zip(sums, (self.gram, self.total, self.weight), strict=True):
            np.add.at(into, groups, part)
        return WindowSums(*sums)

    def steps(self, first: int, last: int) -> "WindowSums":
        """The sums of the steps first … last − 1 of each window, over the same windows: a nested block."""
        return WindowSums(self.gram[:, first:last, first:last], self.total[:, first:last], self.weight)


def window_sums(
    values: Array, runs: Runs, width: int, groups: NDArray[np.int64] | None = None, decay: float = 1.0
) -> WindowSums:
    """Sum z zᵀ and z over every window of `runs`.

    Parameters
    ----------
    values
        Series one after another, shape [steps, channels]; finite. The caller keeps windows within a series.
    runs
        Window starts, as positions in `values`.
    width
        Steps of a window: look-back and horizon together.
    groups
        Map of each channel, shape [channels], counted from 0: channels of one group are summed. Default: one map per
        channel.
    decay
        A window weighs `decay` times as much as the one that starts a step later; the last step of `values` has
        weight 1. Default: all windows weigh the same.
    """
    channels = values.shape[1]
    groups = np.arange(channels) if groups is None else groups
    maps = int(groups.max()) + 1
    first_row, total = np.zeros((maps, width)), np.zeros((maps, width))
    change, step = np.zeros((maps, width, width)), np.zeros((maps, width))
    weights = _start_weights(len(values), runs, decay)
    leaving, entering = decay * weights[runs.first], weights[runs.last]
    for channel, into in enumerate(groups):
        series = np.ascontiguousarray(values[:, channel])
        row, start_sum = _lag_products(series, weights, width)
        first_row[into] += row
        total[into, 0] += start_sum
        for signed, starts, share in ((1, runs.last + 1, entering), (-1, runs.first, leaving)):
            _add_edges(change[into], step[into], series, starts, signed * share)
    weight = np.bincount(groups, minlength=maps) * weights.sum()
    for i in range(width - 1):
        total[:, i + 1] = decay * total[:, i] + step[:, i]
    return WindowSums(_run_diagonals(first_row, change, decay), total, weight)


def cross_products(values: Array, columns: Array, runs: Runs, width: int) -> Array:
    """Σ over windows of column × window step: [maps = channels, columns, width].

    `columns` [steps, channels, columns] holds what belongs to the window that starts at each step.
    """
    result = np.zeros((values.shape[1], columns.shape[2], width))
    starts = _start_weights(len(values), runs, 1.0)
    for channel in range(values.shape[1]):
        series = np.ascontiguousarray(values[:, channel])
        for number in range(columns.shape[2]):
            result[channel, number] = _correlate(columns[:, channel, number] * starts, series, width)
    return result


def _start_weights(steps: int, runs: Runs, decay: float) -> Array:
    """The weight of the window that starts at each step, 0 where none starts."""
    change = np.zeros(steps + 1)
    np.add.at(change, runs.first, 1.0)
    np.add.at(change, runs.last + 1, -1.0)
    weights = np.cumsum(change[:-1])
    if decay != 1.0:
        weights *= decay ** np.arange(steps - 1, -1, -1.0)
    return weights


def _lag_products(series: Array, weights: Array, width: int) -> tuple[Array, float]:
    """Σ w x[s] x[s + j] for each lag j < width, and Σ w x[s]."""
    weighted = series * weights
    return _correlate(weighted, series, width), float(weighted.sum())


def _correlate(weighted: Array, series: Array, width: int) -> Array:
    """Σ over s of weighted[s] · series[s + j], for each lag j < width."""
    row = np.zeros(width)
    block = max(_BLOCK, 4 * width)
    length = scipy.fft.next_fast_len(min(block, len(series)) + width, real=True)
    for begin in range(0, len(series), block):
        ours, theirs = weighted[begin : begin + block], series[begin : begin + block + width]
        product = scipy.fft.rfft(ours, length)
        np.conjugate(product, out=product)
        product *= scipy.fft.rfft(theirs, length)
        row += scipy.fft.irfft(product, length)[:width]
    return row


def _add_edges(change: Array, step: Array, series: Array, starts: NDArray[np.int64], weights: Array) -> None:
    """Add the products and sums of the windows at `starts`, but for their last step, which no diagonal needs."""
    width = len(change)
    view = np.lib.stride_tricks.sliding_window_view(series, width - 1) if width > 1 else np.zeros((len(series) + 1, 0))
    rows = max(1, (1 << 22) // width)
    for begin in range(0, len(starts), rows):
        edges = view[starts[begin : begin + rows]]
        weighted = edges * weights[begin : begin + rows, None]
        change[:-1, :-1] += weighted.T @ edges
        step[:-1] += weighted.sum(0)


def _run_diagonals(first_row: Array, change: Array, decay: float) -> Array:
    """The Gram matrices from their first rows, in the place of what changes from each row to the next."""
    width = first_row.shape[1]
    row = first_row
    for i in range(width):
        following = decay * row[:, :-1] + change[:, i, i : width - 1] if i < width - 1 else row
        change[:, i, i:] = row
        change[:, i:, i] = row
        row = following
    return change
