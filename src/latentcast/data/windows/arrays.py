"""A batch of windows as arrays: what every way of computing a forecast reads."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class WindowUnits:
    """Location and scale that lead back to original units, [windows, 1, channels]."""

    loc: NDArray[np.float32]
    scale: NDArray[np.float32]


@dataclass(frozen=True)
class WindowArrays:
    """Windows in standardised units, as `core.types.Batch` holds them, before masked gaps are filled.

    Attributes
    ----------
    numbers, starts, items
        [windows], the number of each window among those asked for, its first step and its item.
    past
        [windows, lookback, channels].
    observed
        What of the look-back counts as observed; None: all of it.
    season
        Steps of the season by which masked gaps are filled from the window itself. None: the look-back is filled
        already.
    target, target_observed
        [windows, horizon, targets], the outcome, and what of it was observed; None: all of it.
    past_known, future_known
        Features known in advance, [windows, lookback or horizon, known].
    static
        Features of the series of each window, [windows, static].
    item
        The number of the item among those of the fit, -1 for others.
    units
        Location and scale that lead back to original units.
    phase
        [windows], absolute number of the first step, counted from 1970 in steps of the data; None where steps cannot be
        counted.
    """

    numbers: NDArray[np.int64]
    starts: NDArray[np.int64]
    items: NDArray[np.int64]
    past: NDArray[np.float32]
    observed: NDArray[np.bool_] | None
    season: int | None
    target: NDArray[np.float32]
    target_observed: NDArray[np.bool_] | None
    past_known: NDArray[np.float32] | None = None
    future_known: NDArray[np.float32] | None = None
    static: NDArray[np.float32] | None = None
    item: NDArray[np.int64] | None = None
    units: WindowUnits | None = None
    phase: NDArray[np.int64] | None = None
