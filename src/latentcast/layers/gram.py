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
_SHIFTED = 128  # windows after which the ones that a stride keeps shift by one
_LENGTH = 1 << 16  # most steps of one FFT, unless windows are longer: bounds its memory


@dataclass(frozen=True)
class Runs:
    """Window starts: run r holds first[r], first[r] + step, … last[r], inclusive; shape [runs] each.

    newest
        The start at which a decaying weight is 1; None for the last one of each run.
    step
        Steps from one start to the next.
    """

    first: NDArray[np.int64]
    last: NDArray[np.int64]
    newest: NDArray[np.int64] | None = None
    step: int = 1

    def __len__(self) -> int:
        return len(self.first)

    @property
    def windows(self) -> int:
        return int(self._counts().sum())

    def _counts(self) -> NDArray[np.int64]:
        return (self.last - self.first) // self.step + 1

    @classmethod
    def of_starts(cls, starts: NDArray[np.int64]) -> "Runs":
        """Group ascending window starts into runs."""
        if not len(starts):
            return cls(starts, starts)
        breaks = np.flatnonzero(np.diff(starts) != 1)
        return cls(starts[np.r_[0, breaks + 1]], starts[np.r_[breaks, len(starts) - 1]])

    def starts(self) -> NDArray[np.int64]:
        """Every start, run after run."""
        counts = self._counts()
        before = np.cumsum(counts) - counts
        return (np.arange(counts.sum()) - np.repeat(before, counts)) * self.step + np.repeat(self.first, counts)

    def every(self, stride: int) -> "Runs":
        """Keep one of `stride` starts, counted through all runs; weights are unchanged.

        Which one it is shifts from time to time: windows that all begin at an even hour say little of odd ones.
        """
        if stride == 1:
            return self
        number = np.arange(self.windows)
        return self._grouped((number + number // _SHIFTED) % stride == 0, self.step * stride)

    def where(self, kept: NDArray[np.bool_]) -> "Runs":
        """Keep only some starts ([windows], in the order of `starts`); weights are unchanged."""
        return self._grouped(kept, self.step)

    def _grouped(self, kept: NDArray[np.bool_], step: int) -> "Runs":
        starts, counts = self.starts()[kept], self._counts()
        newest = np.repeat(self.last if self.newest is None else self.newest, counts)[kept]
        if not len(starts):
            return Runs(starts, starts, newest, step)
        breaks = np.flatnonzero((np.diff(starts) != step) | (np.diff(newest) != 0))
        first, last = np.r_[0, breaks + 1], np.r_[breaks, len(starts) - 1]
        return Runs(starts[first], starts[last], newest[first], step)


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
    rows = width if rows is None else rows
    groups = np.arange(values.shape[1]) if groups is None else groups
    weights, shrink = _start_weights(len(values), runs, decay), decay**runs.step
    shares = np.concatenate([weights[runs.last], -shrink * weights[runs.first]])
    maps = int(groups.max()) + 1
    first_rows, change = np.zeros((maps, min(runs.step, rows), width)), np.zeros((maps, rows, width))
    squares, total, square_step, total_step = (np.zeros((maps, width)) for _ in range(4))
    for into in range(maps):
        members = np.ascontiguousarray(values[:, groups == into].T)
        _begin(members, weights, runs.step, (first_rows[into], squares[into], total[into]))
        _change(members, runs, shares, (change[into], square_step[into], total_step[into]))
    for i in range(width - runs.step):
        total[:, i + runs.step] = shrink * total[:, i] + total_step[:, i]
        squares[:, i + runs.step] = shrink * squares[:, i] + square_step[:, i]
    weight = np.bincount(groups, minlength=maps) * weights.sum()
    return WindowSums(_run_diagonals(first_rows, change, shrink, runs.step), squares, total, weight)


def _begin(members: Array, weights: Array, step: int, into: tuple[Array, Array, Array]) -> None:
    """Add the first `step` rows of a Gram matrix, and as many sums of squares and of values."""
    rows, squares, total = into
    for series in members:
        for row in range(min(step, len(total))):
            weighted = series[row:] * weights[: len(series) - row]
            if row < len(rows):
                rows[row] += _correlate(weighted, series, len(total))
            total[row] += weighted.sum()
            squares[row] += weighted @ series[row:]


def _change(members: Array, runs: Runs, shares: Array, into: tuple[Array, Array, Array]) -> None:
    """Add what enters, less what leaves, from one row to the one `runs.step` below: products, squares and values."""
    products, squares, total = into
    read, inner = len(total) - runs.step, max(len(products) - runs.step, 0)
    for windows, share in _edges(members, np.concatenate([runs.last + runs.step, runs.first]), shares, read):
        weighted = windows * share[:, None]
        products[:inner, :read] += weighted[:, :inner].T @ windows
        squares[:read] += np.einsum("rw,rw->w", weighted, windows)
        total[:read] += weighted.sum(0)


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
    newest = None if runs.newest is None else runs.newest - shift
    return kept, Runs(begins, runs.last - shift, newest, runs.step)


def _start_weights(steps: int, runs: Runs, decay: float) -> Array:
    """Return the weight of the window that starts at each step, 0 without one."""
    if decay != 1.0 or runs.step > 1:
        starts, newest = runs.starts(), runs.last if runs.newest is None else runs.newest
        weights, counts = np.zeros(steps), (runs.last - runs.first) // runs.step + 1
        weights[starts] = decay ** (np.repeat(newest, counts) - starts)
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
    for begin in range(0, len(weighted), block):
        product = np.fft.rfft(weighted[begin : begin + block], length)
        np.conjugate(product, out=product)
        product *= np.fft.rfft(series[begin : begin + length], length)
        row += np.fft.irfft(product, length)[:width]
    return row


def _edges(members: Array, starts: NDArray[np.int64], shares: Array, width: int) -> Iterator[tuple[Array, Array]]:
    """Return the first `width` steps of the windows at `starts` of every series, and their weights."""
    if width < 1 or not len(starts):
        return
    view = np.lib.stride_tricks.sliding_window_view(members, width, axis=1)
    size = max(1, (1 << 22) // (width * len(members)))
    for begin in range(0, len(starts), size):
        found = view[:, starts[begin : begin + size]].reshape(-1, width)
        yield found, np.tile(shares[begin : begin + size], len(members))


def _run_diagonals(first_rows: Array, change: Array, decay: float, step: int) -> Array:
    """Build the Gram matrices from their first `step` rows, in place of the differences between rows `step` apart."""
    rows, width = change.shape[1:]
    for phase in range(min(step, rows)):
        row = first_rows[:, phase, phase:]
        for i in range(phase, rows, step):
            more = i + step < rows
            following = decay * row[:, :-step] + change[:, i, i : width - step] if more else row
            change[:, i, i:] = row
            change[:, i:, i] = row[:, : rows - i]
            row = following
    return change
