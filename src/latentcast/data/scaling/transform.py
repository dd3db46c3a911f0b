"""Transforms of values before they are standardised: log(1 + y), and Box–Cox (Box & Cox 1964)."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from latentcast.core.errors import DataError
from latentcast.data.panel.panel import Panel
from latentcast.data.settings import Kind

POWERS = np.linspace(-1, 2, 31)  # among which the likeliest is chosen for each series
HIGHEST = 1e30


@dataclass(frozen=True)
class Transform:
    """`power` [items, channels] of Box–Cox; log1p has none."""

    kind: Kind
    power: NDArray[np.float64]

    @classmethod
    def learned(cls, kind: Kind, panel: Panel, used: NDArray[np.bool_]) -> "Transform | None":
        """From the values that are `used` [steps, channels]. Raises DataError for values that it is not defined for."""
        shape = (len(panel.ids), len(panel.channels))
        if kind == "none":
            return None
        check(kind, panel)
        if kind == "log1p":
            return cls(kind, np.zeros(shape))
        log = np.log(np.where(panel.observed, panel.values, 1.0))
        count = np.maximum(np.add.reduceat(used, panel.offsets[:-1], axis=0, dtype=np.int64), 1)

        def mean(x: NDArray[np.float64]) -> NDArray[np.float64]:
            return np.asarray(np.add.reduceat(np.where(used, x, 0.0), panel.offsets[:-1], axis=0) / count)

        likely = np.empty((len(POWERS), *shape))
        for row, power in enumerate(POWERS):  # profile log-likelihood, up to a constant
            moved = log if abs(power) < 1e-9 else np.expm1(power * log) / power
            variance = mean((moved - np.repeat(mean(moved), panel.lengths, axis=0)) ** 2)
            likely[row] = -0.5 * np.log(np.maximum(variance, 1e-300)) + (power - 1) * mean(log)
        return cls(kind, POWERS[likely.argmax(0)])

    def only(self, rows: NDArray[np.int64]) -> "Transform":
        return Transform(self.kind, self.power[rows])

    def forward(self, values: NDArray[np.float64], power: NDArray[np.float64]) -> NDArray[np.float64]:
        """`power` broadcasts against the values. Values that it is not defined for come out at the edge."""
        if self.kind == "log1p":
            return np.asarray(np.log1p(np.maximum(values, -1 + 1e-12)))
        log = np.log(np.maximum(values, 1e-300))
        flat = np.abs(power) < 1e-9
        return np.where(flat, log, np.expm1(power * log) / np.where(flat, 1.0, power))

    def back(self, values: NDArray[np.float64], power: NDArray[np.float64]) -> NDArray[np.float64]:
        """The inverse; beyond what a power reaches, the edge."""
        if self.kind == "log1p":
            return np.minimum(np.expm1(np.minimum(values, 69.0)), HIGHEST)
        flat = np.abs(power) < 1e-9
        inside = np.where(flat, 1.0, np.maximum(power * values + 1, 1e-12))
        with np.errstate(over="ignore"):
            bent = np.exp(np.minimum(np.log(inside) / np.where(flat, 1.0, power), 69.0))
        return np.where(flat, np.exp(np.minimum(values, 69.0)), bent)


def check(kind: Kind, panel: Panel) -> None:
    """Raises DataError where an observed value has no logarithm."""
    least = -1.0 if kind == "log1p" else 0.0
    below = panel.observed & (panel.values <= least)
    if below.any():
        step, channel = np.argwhere(below)[0]
        name = panel.series_name(int(panel.item_of_step[step]), int(channel))
        other = "data.transform=log1p takes zeros; " if kind == "boxcox" and panel.values[below].min() > -1 else ""
        raise DataError(
            f"transform={kind} wants values above {least:g}, and {int(below.sum())} are not (first:"
            f" {panel.values[step, channel]:g} in {name}); {other}data.transform=none takes all",
            setting="data.transform",
            value="none",
        )
