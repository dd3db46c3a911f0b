"""Values that stand for missing ones, by convention, and were read as numbers."""

import numpy as np
from numpy.typing import NDArray

_USUAL = (-99, -200, -999, -9999, -99999, -32768, 999, 9999, 99999, 32767, -99.9, -999.9, 999.9)
_HUGE = 1e15
_FAR = 3  # times the range of the other values


def sentinel_notes(values: NDArray[np.float64], channels: tuple[str, ...]) -> tuple[str, ...]:
    """A note for each channel whose least or greatest value is a usual sign for a missing one, far from all others."""
    notes = []
    for name, column in zip(channels, values.T, strict=True):
        for extreme in (np.fmin.reduce(column), np.fmax.reduce(column)):
            if not (extreme in _USUAL or abs(extreme) >= _HUGE):
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
