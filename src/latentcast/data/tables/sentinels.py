"""Values that stand for missing ones, by convention, and were read as numbers."""

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from latentcast.data.tables.runs import heads_of

_USUAL = (-99, -200, -999, -9999, -99999, -32768, 999, 9999, 99999, 32767, -99.9, -999.9, 999.9)
HUGE = 1e15
_FAR = 3  # times the range of the other values
LONE = 1e6  # times the next largest value of its series
_MANY, _SHARE = 8, 0.01  # values of a series by which one is an outlier, and the share that outliers may have
_BLOCK = 2**16  # values that are looked at together
IMPLAUSIBLE = 1e9  # times the largest of the other values: a fill value such as 1e20, and no measurement


def without_fill_values(
    values: NDArray[np.float64], names: tuple[str, ...]
) -> tuple[NDArray[np.float64], tuple[str, ...]]:
    """Huge values of each column, beyond any plausible range of its others, become missing, with a note.

    Infinite ones stay, and so do huge ones of a column that holds nothing else. `values` itself is left as it is.
    """
    notes: list[str] = []
    found = values
    for at, name in enumerate(names):
        column = values[:, at]
        if np.fmax.reduce(column, initial=0.0) < HUGE and np.fmin.reduce(column, initial=0.0) > -HUGE:
            continue  # without an array of sizes, which holds as much as the values
        size = np.abs(column)
        huge = (size >= HUGE) & np.isfinite(size)
        if not huge.any():
            continue
        most = float(np.fmax.reduce(size[~huge], initial=0.0))
        fill = huge & (size >= IMPLAUSIBLE * most) & (most > 0)
        if fill.any():
            count = "once" if fill.sum() == 1 else f"{int(fill.sum())} times"
            notes.append(
                f"{name!r} holds {column[fill.argmax()]:g} {count}, more than {IMPLAUSIBLE:g} times its other values"
                f" (up to {most:g}): it counts as missing"
            )
            found = values.copy() if found is values else found
            found[fill, at] = np.nan
    return found, tuple(notes)


def without_lone_outliers(
    values: NDArray[np.float64], codes: NDArray[np.int64], names: tuple[str, ...], ids: tuple[str, ...]
) -> tuple[NDArray[np.float64], tuple[str, ...]]:
    """The few values of a series that are `LONE` times its next largest become missing, with a note.

    One such value makes the standard deviation of its series so large that no network, and no float32, tells all
    others apart. `values` itself is left as it is.
    """
    notes: list[str] = []
    found = values
    for at, name in enumerate(names):
        rows = _of_wide_series(values[:, at], codes)
        if not len(rows):
            continue
        size, its = _sizes(values[rows, at]), codes[rows]
        groups = pd.Series(size).groupby(its)
        top, many = groups.transform("max").to_numpy(), groups.transform("count").to_numpy()
        largest = size == top
        second = pd.Series(np.where(largest, np.nan, size)).groupby(its).transform("max").to_numpy()
        count = pd.Series(largest).groupby(its).transform("sum").to_numpy()
        lone = largest & (top > LONE * second) & (many >= _MANY) & (count <= np.maximum(1, _SHARE * many))
        if lone.any():
            first = int(lone.argmax())
            row = int(rows[first])
            where = f"{name!r} of {ids[codes[row]]!r}" if ids[codes[row]] else repr(name)
            others = f", and {int(lone.sum()) - 1} more like it" if lone.sum() > 1 else ""
            notes.append(
                f"{where} holds {values[row, at]:g} (row {row}{others}), more than {LONE:g} times the next largest"
                f" value of its series ({second[first]:g}): it counts as missing"
            )
            found = values.copy() if found is values else found
            found[rows[lone], at] = np.nan
    return found, tuple(notes)


def _sizes(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Distance from zero; NaN where it is zero or none."""
    size = np.abs(values)
    size[~(size > 0) | ~np.isfinite(size)] = np.nan
    return size


def _of_wide_series(values: NDArray[np.float64], codes: NDArray[np.int64]) -> NDArray[np.int64]:
    """Rows of the series whose largest value is `LONE` times their least: no other series can have such a value."""
    if (codes[1:] >= codes[:-1]).all():
        heads = heads_of(codes)
        ends = np.append(heads[1:], len(codes))
        wide = np.zeros(len(heads), np.bool_)
        first = 0
        while first < len(heads):  # some series at a time: their sizes stay in the processor's cache
            last = max(int(np.searchsorted(ends, heads[first] + _BLOCK, side="right")), first + 1)
            size = _sizes(values[heads[first] : ends[last - 1]])
            begins = heads[first:last] - heads[first]
            with np.errstate(invalid="ignore"):
                wide[first:last] = np.fmax.reduceat(size, begins) > LONE * np.fmin.reduceat(size, begins)
            first = last
        return np.flatnonzero(np.repeat(wide, ends - heads)) if wide.any() else np.zeros(0, np.int64)
    size = _sizes(values)
    if not np.fmax.reduce(size, initial=0.0) > LONE * np.fmin.reduce(size, initial=np.inf):
        return np.zeros(0, np.int64)
    groups = pd.Series(size).groupby(codes)
    wide = np.zeros(int(codes.max()) + 1, np.bool_)
    most, least = groups.max(), groups.min()
    wide[most.index.to_numpy()] = (most > LONE * least).to_numpy()
    return np.flatnonzero(wide[codes])


def sentinel_notes(values: NDArray[np.float64], channels: tuple[str, ...]) -> tuple[str, ...]:
    """A note for each channel whose least or greatest value is a usual sign for a missing one, far from all others."""
    notes = []
    for name, column in zip(channels, values.T, strict=True):
        for extreme in (np.fmin.reduce(column), np.fmax.reduce(column)):
            if not (extreme in _USUAL or abs(extreme) >= HUGE):
                continue
            seen = column[~np.isnan(column)]
            others = seen[seen != extreme]
            if not len(others):
                continue
            low, high = float(others.min()), float(others.max())
            distance = max(low - extreme, extreme - high)
            if distance > _FAR * (high - low) and abs(extreme) > _FAR * max(abs(low), abs(high)):
                count = len(seen) - len(others)
                times = "once" if count == 1 else f"{count} times"
                notes.append(
                    f"{name!r} holds {extreme:g} {times}, far from its other values"
                    f" ({low:g} .. {high:g}); if it stands for a missing value, set data.missing={extreme:g}"
                )
    return tuple(notes)
