"""Standardisation with the statistics of the training part, per series."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from latentcast.data.panel import Panel


@dataclass(frozen=True)
class Scaler:
    """Mean and deviation (ddof 0) of the observed training values, each [items, channels]."""

    mean: NDArray[np.float64]
    std: NDArray[np.float64]

    @classmethod
    def fit(cls, panel: Panel, ends: NDArray[np.int64]) -> "Scaler":
        """From the first `ends[i]` steps of each item. A constant series is only centred, never divided by zero."""
        step = np.arange(len(panel.values)) - np.repeat(panel.offsets[:-1], panel.lengths)
        used = panel.observed & (step < np.repeat(ends, panel.lengths))[:, None]
        count = np.maximum(np.add.reduceat(used, panel.offsets[:-1], axis=0, dtype=np.int64), 1)
        mean = np.add.reduceat(np.where(used, panel.values, 0.0), panel.offsets[:-1], axis=0) / count
        residual = np.where(used, panel.values - np.repeat(mean, panel.lengths, axis=0), 0.0)
        std = np.sqrt(np.add.reduceat(residual**2, panel.offsets[:-1], axis=0) / count)
        constant = std <= np.maximum(1e-12 * np.abs(mean), 1e-150)  # what rounding leaves of a constant
        return cls(mean, np.where(constant, 1.0, std))

    @classmethod
    def identity(cls, panel: Panel) -> "Scaler":
        shape = (len(panel.ids), len(panel.channels))
        return cls(np.zeros(shape), np.ones(shape))

    def apply(self, panel: Panel) -> NDArray[np.float32]:
        """The panel's values, standardised; [steps, channels] in float32."""
        mean = np.repeat(self.mean, panel.lengths, axis=0)
        std = np.repeat(self.std, panel.lengths, axis=0)
        return np.ascontiguousarray((panel.values - mean) / std, dtype=np.float32)


def constant_series(panel: Panel, ends: NDArray[np.int64]) -> list[str]:
    """Names of the series whose training part never changes."""
    names = []
    for item, (begin, end) in enumerate(zip(panel.offsets[:-1], ends, strict=True)):
        values = panel.values[begin : begin + end]
        if len(values):
            flat = np.flatnonzero((values == values[0]).all(axis=0))
            names += [panel.series_name(item, int(channel)) for channel in flat]
    return names
