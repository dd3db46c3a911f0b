"""Consecutive forecast origins that adaptive intervals process before the requested ones."""

from collections.abc import Iterator
from dataclasses import replace
from math import gcd

import numpy as np
from numpy.typing import NDArray

from latentcast.core.errors import DataError
from latentcast.data.panel.panel import Panel
from latentcast.data.windows.windows import Starts
from latentcast.evaluation.forecasts import ForecastBatch

RECENT = 1000  # steps before the first window asked for, in which outcomes are followed


def consecutive_origins(
    panel: Panel,
    starts: NDArray[np.int64],
    items: NDArray[np.int64],
    held: NDArray[np.int64],
    lookback: int,
    stride: int = 1,
) -> tuple[Starts, int]:
    """Return all windows that adaptive radii process, (starts, items), and their spacing.

    They begin where the windows of the calibration end: `held` [items] is the step, counted from an item's
    start, from which on outcomes are new, but at most RECENT steps before the first one asked for. They are as far
    apart as those of the calibration were (`stride`), or as what was asked for needs.
    """
    asked_of = {item: starts[items == item] for item in np.unique(items)}
    pace = gcd(stride, *(int(apart) for asked in asked_of.values() for apart in np.unique(np.diff(np.sort(asked)))))
    found_starts, found_items = [], []
    for item, asked in asked_of.items():
        new = panel.offsets[item] + max(int(held[item]) - lookback, 0)
        begin = min(max(new, asked.min() - RECENT), asked.min())
        found_starts.append(np.arange(asked.max(), begin - 1, -pace)[::-1])
        found_items.append(np.full(len(found_starts[-1]), item))
    return (np.concatenate(found_starts), np.concatenate(found_items)), pace


def check_outcomes(
    panel: Panel, starts: NDArray[np.int64], held: NDArray[np.int64], lookback: int, stride: int = 1
) -> list[str]:
    """Check that outcomes are known before the windows at `starts`, one of each item, for radii to adapt to.

    Notes where some items show none; raises DataError where no item does.
    """
    new = panel.offsets[:-1] + np.maximum(held - lookback, 0)
    none = np.flatnonzero(new > starts - stride)
    missing = "no outcome after the windows that were calibrated on"
    if len(none) == len(starts):
        raise DataError(
            f"adaptive intervals follow outcomes, and these data show {missing}: give at least {lookback + stride}"
            " steps of the recent past, or say interval_method='conformal'"
        )
    if not len(none):
        return []
    return [f"{len(none)} of {len(starts)} series show {missing}: their intervals are conformal"]


def select_requested(batches: Iterator[ForecastBatch], starts: NDArray[np.int64]) -> Iterator[ForecastBatch]:
    """Select the requested windows at `starts` from consecutive ones, in the requested order."""
    order = np.argsort(starts)
    ascending = starts[order]
    kept = []
    for batch in batches:
        at = np.minimum(np.searchsorted(ascending, batch.index.starts), len(starts) - 1)
        there = ascending[at] == batch.index.starts
        if there.any():
            one = batch.only(there)
            one = replace(one, index=replace(one.index, numbers=order[at[there]]))
            if (np.diff(order) == 1).all():
                yield one
            else:  # asked for in another order than that of time
                kept.append(one)
    if kept:
        whole = ForecastBatch.joined(kept)
        yield whole.only(np.argsort(whole.index.numbers))
