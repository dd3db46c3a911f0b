"""Sums of products over all windows of a series, without building the windows.

Consecutive windows differ by one step, so that Gᵢ₊₁ⱼ₊₁ = Gᵢⱼ + (the product that enters) − (the product that leaves):
every diagonal of the Gram matrix is a running sum that begins in its first row. The first row is a correlation at
`width` lags, which the FFT gives. All sums are float64.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
_LENGTH = 1 << 16  # most steps of one FFT, unless windows are longer: bounds its memory


@dataclass(frozen=True)
class Runs:
    """Consecutive window starts: run r holds the starts first[r] … last[r], inclusive; shape [runs] each.

    newest
        The start at which a decaying weight is 1; None for the last one of each run.
    """

    first: NDArray[np.int64]
    last: NDArray[np.int64]
    newest: NDArray[np.int64] | None = None

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

    def starts(self) -> NDArray[np.int64]:
        """Every start, run after run."""
        counts = self.last - self.first + 1
        before = np.cumsum(counts) - counts
        return np.arange(counts.sum()) + np.repeat(self.first - before, counts)

    def where(self, kept: NDArray[np.bool_]) -> "Runs":
        """Keep only some starts ([windows], in the order of `starts`); weights are unchanged."""
        starts, counts = self.starts()[kept], self.last - self.first + 1
        newest = np.repeat(self.last if self.newest is None else self.newest, counts)[kept]
        if not len(starts):
            return Runs(starts, starts, newest)
        breaks = np.flatnonzero((np.diff(starts) != 1) | (np.diff(newest) != 0))
        first, last = np.r_[0, breaks + 1], np.r_[breaks, len(starts) - 1]
        return Runs(starts[first], starts[last], newest[first])


@dataclass(frozen=True)
class WindowSums:
    """Weighted sums over windows z of `width` steps. They add up over series and over time.

    gram [maps, rows, width]: Σ w zᵢ zⱼ for the first `rows` steps i · squares [maps, width]: Σ w z² ·
    total [maps, width]: Σ w z · weight [maps]: Σ w
    """

    gram: Array
    squares: Array
    total: Array
    weight: Array

    def __add__(self, other: "WindowSums") -> "WindowSums":
        return WindowSums(*(ours + theirs for ours, theirs in zip(self.parts(), other.parts(), strict=True)))

    def __sub__(self, other: "WindowSums") -> "WindowSums":
        return self + other.times(-1.0)

    def times(self, factor: float) -> "WindowSums":
        """Multiply the weight of every window by `factor`."""
        return WindowSums(*(factor * part for part in self.parts()))

    def parts(self) -> tuple[Array, Array, Array, Array]:
        """The four sums."""
        return self.gram, self.squares, self.total, self.weight


def window_sums(
    values: Array,
    runs: Runs,
    width: int,
    *,
    rows: int | None = None,
    groups: NDArray[np.int64] | None = None,
    decay: float = 1.0,
) -> WindowSums:
    """Sum products, squares and values over every window of `runs`.

    Parameters
    ----------
    values
        Series one after another, shape [steps, channels]; finite. The caller keeps windows within a series.
    runs
        Window starts, as positions in `values`.
    width
        Steps of a window: look-back and horizon together.
    rows
        Steps of a window whose products with all others are summed: the look-back. Default: all of them.
    groups
        Map of each channel, shape [channels], counted from 0: channels of one group are summed. Default: one map per
        channel.
    decay
        A window weighs `decay` times as much as the one that starts a step later; the newest of its series weighs 1.
        Default: all windows weigh the same.

    Returns
    -------
    WindowSums
        Sums of the windows themselves, in the units of `values`.
    """
    values, runs = _compact(values, runs, width)
    channels, rows = values.shape[1], width if rows is None else rows
    groups = np.arange(channels) if groups is None else groups
    maps = int(groups.max()) + 1
    weights = _start_weights(len(values), runs, decay)
    first_row, squares, total = (np.zeros((maps, width)) for _ in range(3))
    change, square_step, total_step = np.zeros((maps, rows, width)), np.zeros((maps, width)), np.zeros((maps, width))
    edges = np.concatenate([runs.last + 1, runs.first])
    shares = np.concatenate([weights[runs.last], -decay * weights[runs.first]])
    for into in range(maps):
        members = np.ascontiguousarray(values[:, groups == into].T)
        for series in members:
            weighted = series * weights
            first_row[into] += _correlate(weighted, series, width)
            total[into, 0] += weighted.sum()
        squares[into, 0] = first_row[into, 0]
        for rows_of_edges, share in _edges(members, edges, shares, width):
            weighted = rows_of_edges * share[:, None]
            change[into, : rows - 1, : width - 1] += weighted[:, : rows - 1].T @ rows_of_edges
            square_step[into, : width - 1] += np.einsum("rw,rw->w", weighted, rows_of_edges)
            total_step[into, : width - 1] += weighted.sum(0)
    for i in range(width - 1):
        total[:, i + 1] = decay * total[:, i] + total_step[:, i]
        squares[:, i + 1] = decay * squares[:, i] + square_step[:, i]
    weight = np.bincount(groups, minlength=maps) * weights.sum()
    return WindowSums(_run_diagonals(first_row, change, decay), squares, total, weight)


def cross_products(values: Array, columns: Array, runs: Runs, width: int) -> Array:
    """Σ over windows of column × window step: [maps = channels, columns, width].

    `columns` [steps, channels, columns] holds the covariates of the window that starts at each step.
    """
    result = np.zeros((values.shape[1], columns.shape[2], width))
    starts = _start_weights(len(values), runs, 1.0)
    for channel in range(values.shape[1]):
        series = np.ascontiguousarray(values[:, channel])
        for number in range(columns.shape[2]):
            result[channel, number] = _correlate(columns[:, channel, number] * starts, series, width)
    return result


def _compact(values: Array, runs: Runs, width: int) -> tuple[Array, Runs]:
    """Only the steps that the windows of `runs` lie in, where these are few."""
    lengths = runs.last - runs.first + width
    if not len(runs) or lengths.sum() > 0.7 * len(values):
        return values, runs
    begins = np.cumsum(lengths) - lengths
    shift = runs.first - begins
    kept = values[Runs(runs.first, runs.last + width - 1).starts()]
    return kept, Runs(begins, runs.last - shift, None if runs.newest is None else runs.newest - shift)


def _start_weights(steps: int, runs: Runs, decay: float) -> Array:
    """Return the weight of the window that starts at each step, 0 without one."""
    if decay != 1.0:
        newest = np.repeat(runs.last if runs.newest is None else runs.newest, runs.last - runs.first + 1)
        weights, starts = np.zeros(steps), runs.starts()
        weights[starts] = decay ** (newest - starts)
        return weights
    change = np.zeros(steps + 1)
    np.add.at(change, runs.first, 1.0)
    np.add.at(change, runs.last + 1, -1.0)
    return np.cumsum(change[:-1])


def _correlate(weighted: Array, series: Array, width: int) -> Array:
    """Σ over s of weighted[s] · series[s + j], for each lag j < width."""
    row = np.zeros(width)
    needed = min(len(series), max(_LENGTH - width, 3 * width)) + width
    length = 1 << (needed - 1).bit_length()
    block = length - width
    for begin in range(0, len(series), block):
        product = np.fft.rfft(weighted[begin : begin + block], length)
        np.conjugate(product, out=product)
        product *= np.fft.rfft(series[begin : begin + length], length)
        row += np.fft.irfft(product, length)[:width]
    return row


def _edges(members: Array, starts: NDArray[np.int64], shares: Array, width: int) -> Iterator[tuple[Array, Array]]:
    """Return the windows at `starts` of every series without their last step, which no diagonal needs, and their
    weights."""
    if width == 1 or not len(starts):
        return
    view = np.lib.stride_tricks.sliding_window_view(members, width - 1, axis=1)
    size = max(1, (1 << 22) // (width * len(members)))
    for begin in range(0, len(starts), size):
        found = view[:, starts[begin : begin + size]].reshape(-1, width - 1)
        yield found, np.tile(shares[begin : begin + size], len(members))


def _run_diagonals(first_row: Array, change: Array, decay: float) -> Array:
    """Build the Gram matrices from their first rows, in place of the differences between rows."""
    rows, width = change.shape[1:]
    row = first_row
    for i in range(rows):
        following = decay * row[:, :-1] + change[:, i, i : width - 1] if i < rows - 1 else row
        change[:, i, i:] = row
        change[:, i:, i] = row[:, : rows - i]
        row = following
    return change
