"""Notes on series that leave little to forecast from, or that are asked for more than they can say."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from latentcast.core.errors import shorten

FAR = 256  # steps ahead from which the network is told no larger number
FEW = 8


def notes_of(rows: NDArray[np.float64], names: list[str], season: int, steps: int) -> Iterator[str]:
    """Sentences about rows [series, time] that are right-aligned, NaN where nothing was observed."""
    there = np.isfinite(rows)
    some = there.any(1)
    low, high = (np.where(there, rows, fill) for fill in (np.inf, -np.inf))
    flat = some & (low.min(1) == high.max(1))
    number = there.sum(1)
    last = rows.shape[1] - 1 - there[:, ::-1].argmax(1)
    length = last - there.argmax(1) + 1
    missing = rows.shape[1] - 1 - last
    if flat.any():
        yield f"{_some(names, flat)}: one value all along; it is continued, and intervals have no width"
    few = some & ~flat & (number < FEW)
    if few.any():
        yield f"{_some(names, few)}: fewer than {FEW} observed values, so little is known of trend, season and width"
    short = some & ~flat & ~few & (length < 2 * season)
    if season > 1 and short.any():
        yield f"{_some(names, short)}: shorter than two seasons of {season} steps, so the season is hardly known"
    late = some & (missing > 0)
    if late.any():
        most = int(missing[late].max())
        yield (
            f"{_some(names, late)}: the last {most} {'step is' if most == 1 else 'steps are'} not observed, and the"
            " forecasts look that much farther ahead"
        )
    if steps > FAR:
        yield f"horizon={steps}: the weights know steps up to {FAR}; later ones continue them, with widths untested"


def _some(names: list[str], which: NDArray[np.bool_]) -> str:
    return shorten([names[at] for at in np.flatnonzero(which)], 5)
