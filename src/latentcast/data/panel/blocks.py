"""Pass over a panel some series at a time, so that what is made on the way stays in the processor's cache."""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from latentcast.data.panel.panel import Panel

STEPS = 2**16  # of one channel


def blocks(offsets: NDArray[np.int64], steps: int = STEPS) -> Iterator[tuple[int, int]]:
    """Yield the first item and the one after the last of blocks of about so many steps."""
    first, items = 0, len(offsets) - 1
    while first < items:
        last = max(int(np.searchsorted(offsets, offsets[first] + steps, side="right")) - 1, first + 1)
        yield first, last
        first = last


def in_blocks(panel: Panel) -> Iterator[tuple[slice, Panel]]:
    """Yield the items of each block and their panel, whose arrays are views."""
    for first, last in blocks(panel.offsets, max(STEPS // len(panel.channels), 1)):
        begin, end = panel.offsets[first], panel.offsets[last]
        yield (
            slice(first, last),
            replace(
                panel,
                values=panel.values[begin:end],
                observed=panel.observed[begin:end],
                times=panel.times[begin:end],
                offsets=panel.offsets[first : last + 1] - begin,
                ids=panel.ids[first:last],
                pads=None if panel.pads is None else panel.pads[first:last],
                covariates={name: column[begin:end] for name, column in panel.covariates.items()},
            ),
        )
