"""Convert between original and scaled units: transform, standardise by the training part of each series, and subtract
the effects of covariates.
"""

from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from latentcast.core.errors import DataError
from latentcast.data.features.regression import Effects
from latentcast.data.panel.blocks import STEPS, blocks, in_blocks
from latentcast.data.panel.panel import Panel
from latentcast.data.scaling.transform import Transform, check
from latentcast.data.settings import DataSettings

Array = NDArray[np.float64]
ROUNDING = 4 * float(np.finfo(np.float32).eps)
MOST = 1e15  # standard deviations: networks square values in float32, which ends at 3e38


@dataclass(frozen=True)
class Scaler:
    """Mean and standard deviation (ddof 0) of the observed training values, each [items, channels].

    transform    applied first: mean and standard deviation are of transformed values
    effects      of covariates, in standard deviations, subtracted last
    nonnegative  forecasts are clipped at zero
    """

    mean: Array
    std: Array
    transform: Transform | None = None
    effects: Effects | None = None
    nonnegative: bool = False

    @classmethod
    def fit(
        cls,
        panel: Panel,
        ends: NDArray[np.int64],
        settings: DataSettings | None = None,
    ) -> "Scaler":
        """Fit on the first `ends[i]` steps of each item by the settings, without the effects of covariates.

        A constant series is only centred, never divided by zero.

        Raises DataError for values that the transform is not defined for.
        """
        how = settings or DataSettings()
        bent = Transform.learned(how.transform, panel, _used(panel, ends)) if how.transform != "none" else None
        blank = replace(cls.identity(panel), transform=bent, nonnegative=how.nonnegative)
        if not how.scale:
            return blank
        bent_panel = panel if bent is None else replace(panel, values=blank._transformed(panel))
        moments = [_moments(part.values, part, ends[items]) for items, part in in_blocks(bent_panel)]
        mean, std = (np.concatenate(each) for each in zip(*moments, strict=True))
        constant = std <= np.maximum(1e-12 * np.abs(mean), 1e-150)  # largest relative spread of a constant by rounding
        return replace(blank, mean=mean, std=np.where(constant, 1.0, std))

    @classmethod
    def identity(cls, panel: Panel) -> "Scaler":
        shape = (len(panel.ids), len(panel.channels))
        return cls(np.zeros(shape), np.ones(shape))

    def only(self, rows: NDArray[np.int64]) -> "Scaler":
        """Of some items, in this order."""
        bent = None if self.transform is None else self.transform.only(rows)
        return replace(self, mean=self.mean[rows], std=self.std[rows], transform=bent)

    def with_items_from(self, other: "Scaler", rows: NDArray[np.int64], at: NDArray[np.int64]) -> "Scaler":
        """With the items `at` of another scaler at the places `rows`."""
        mean, std, bent = self.mean.copy(), self.std.copy(), self.transform
        mean[rows], std[rows] = other.mean[at], other.std[at]
        if bent is not None and other.transform is not None:
            power = bent.power.copy()
            power[rows] = other.transform.power[at]
            bent = replace(bent, power=power)
        return replace(other, mean=mean, std=std, transform=bent)

    def apply(self, panel: Panel) -> NDArray[np.float32]:
        """Return the scaled values of the panel, [steps, channels] in float32."""
        values = self._transformed(panel)
        scaled = np.empty(values.shape, np.float32)
        for first, last in blocks(panel.offsets, max(STEPS // len(panel.channels), 1)):
            begin, end = panel.offsets[first], panel.offsets[last]
            lengths = panel.lengths[first:last]
            exact = values[begin:end] - np.repeat(self.mean[first:last], lengths, axis=0)
            std = np.repeat(self.std[first:last], lengths, axis=0)
            exact /= std
            if np.abs(exact).max(initial=0) > MOST:
                far = (np.abs(exact) > MOST) & (std != 1)
                _refuse_far(panel, far & panel.observed[begin:end], int(begin))
                exact = np.where(far, 0.0, exact)  # what no model sees
            scaled[begin:end] = exact
        return scaled if self.effects is None else scaled - self.effects.of(panel)

    def spread(self, panel: Panel, ends: NDArray[np.int64]) -> Array:
        """Return [items, channels] the standard deviation of the first `ends[i]` observed steps in scaled units: 1
        after standardising, less where covariates explain some of it, 0 for a constant.
        """
        if self.effects is not None or self.transform is not None:
            return _moments(self.apply(panel).astype(np.float64), panel, ends)[1]
        rows = np.arange(len(panel.ids))
        found = [
            _moments(self.only(rows[items]).apply(part).astype(np.float64), part, ends[items])[1]
            for items, part in in_blocks(panel)
        ]
        return np.concatenate(found)

    def _transformed(self, panel: Panel) -> Array:
        if self.transform is None:
            return panel.values
        check(self.transform.kind, panel)
        return self.transform.forward(panel.values, np.repeat(self.transform.power, panel.lengths, axis=0))

    def units(self, panel: Panel, columns: list[int]) -> "UnitConversion":
        """Return the conversion back to original units for the given channels."""
        effects = None
        if self.effects is not None and self.effects.any:
            effects = self.effects.of(panel)[:, columns].astype(np.float64)
        power = None if self.transform is None else self.transform.power[:, columns]
        return UnitConversion(
            self.mean[:, columns], self.std[:, columns], effects, self.transform, power, self.nonnegative
        )


def _refuse_far(panel: Panel, far: NDArray[np.bool_], begin: int) -> None:
    """Raise DataError for observed values so far from the training part that no network can read them."""
    if far.any():
        step, channel = np.argwhere(far)[0]
        name = panel.series_name(int(panel.item_of_step[begin + step]), int(channel))
        raise DataError(
            f"{int(far.sum())} values of {name!r} lie more than {MOST:g} standard deviations from its training part"
            f" (first: {panel.values[begin + step, channel]:g}); where they stand for missing values, leave them"
            " missing; where the unit changed, convert it or fit again"
        )


def _used(panel: Panel, ends: NDArray[np.int64]) -> NDArray[np.bool_]:
    """[steps, channels] observed values among the first `ends[i]` steps of each item."""
    return np.asarray(panel.observed & (panel.within < np.repeat(ends, panel.lengths))[:, None])


def _moments(values: Array, panel: Panel, ends: NDArray[np.int64]) -> tuple[Array, Array]:
    """Mean and standard deviation of these values [steps, channels] where they are used, [items, channels]."""
    used, begins = _used(panel, ends), panel.offsets[:-1]
    count = np.maximum(np.add.reduceat(used, begins, axis=0, dtype=np.int64), 1)
    mean = np.add.reduceat(np.where(used, values, 0.0), begins, axis=0) / count
    off = np.where(used, values - np.repeat(mean, panel.lengths, axis=0), 0.0)
    return mean, np.asarray(np.sqrt(np.add.reduceat(off**2, begins, axis=0) / count))


@dataclass(frozen=True)
class UnitConversion:
    """mean, std, power [items, targets]; effects [steps, targets] in standard deviations. Values in original units are
    cut at zero (`nonnegative`) and rounded (`whole`)."""

    mean: Array
    std: Array
    effects: Array | None = None
    transform: Transform | None = None
    power: Array | None = None
    nonnegative: bool = False
    whole: bool = False

    @property
    def linear(self) -> bool:
        """Whether scaled and original distances differ only by the standard deviation."""
        return self.transform is None and not (self.nonnegative or self.whole)

    def at(self, items: NDArray[np.int64], steps: NDArray[np.int64]) -> "BatchUnits":
        """For windows of these items, [batch], whose values stand at `steps` [batch, horizon] of the panel."""
        mean, std = self.mean[items][:, None], self.std[items][:, None]
        if self.effects is not None:
            mean = mean + std * self.effects[steps]
        return BatchUnits(mean, std, None if self.power is None else self.power[items][:, None], self)


@dataclass(frozen=True)
class BatchUnits:
    """The same for one batch: mean, std, power [batch, 1 or horizon, targets]."""

    mean: Array
    std: Array
    power: Array | None
    units: UnitConversion = field(repr=False)

    def __getitem__(self, keep: NDArray[np.int64] | NDArray[np.bool_]) -> "BatchUnits":
        return BatchUnits(self.mean[keep], self.std[keep], None if self.power is None else self.power[keep], self.units)

    @classmethod
    def joined(cls, parts: "list[BatchUnits]") -> "BatchUnits":
        first = parts[0]
        power = None if first.power is None else np.concatenate([p.power for p in parts if p.power is not None])
        return cls(np.concatenate([p.mean for p in parts]), np.concatenate([p.std for p in parts]), power, first.units)

    def to_original(self, values: Array) -> Array:
        """[batch, horizon, targets, …]"""
        extra = (1,) * (values.ndim - 3)

        def wide(x: Array) -> Array:
            return x.reshape(*x.shape, *extra)

        part, mean = values * wide(self.std), wide(self.mean)
        out = part + mean
        # networks compute in float32: values of the size of its rounding error become 0
        rounding = ROUNDING * (np.abs(part) + np.abs(mean))
        if self.units.transform is None or self.power is None:
            out = np.where(np.abs(out) <= rounding, 0.0, out)
        else:
            power = wide(self.power)
            low, high = (self.units.transform.back(out + by, power) for by in (-rounding, rounding))
            out = np.where((low <= 0) & (high >= 0), 0.0, self.units.transform.back(out, power))
        out = np.round(out) if self.units.whole else out
        return np.maximum(out, 0.0) if self.units.nonnegative else out

    def to_scaled(self, values: Array) -> Array:
        """[batch, horizon, targets] of original values."""
        if self.units.transform is not None and self.power is not None:
            values = self.units.transform.forward(values, self.power)
        return np.asarray((values - self.mean) / self.std)


def constant_series(panel: Panel, ends: NDArray[np.int64]) -> list[str]:
    """Return the names of series that are constant in the training part."""
    flat = np.concatenate([_flat(part, ends[items]) for items, part in in_blocks(panel)])
    return [panel.series_name(item, channel) for item, channel in np.argwhere(flat)]


def _flat(panel: Panel, ends: NDArray[np.int64]) -> NDArray[np.bool_]:
    """[items, channels] whether all of the first `ends[i]` values are equal."""
    begins = panel.offsets[:-1]
    same = panel.values == np.repeat(panel.values[begins], panel.lengths, axis=0)
    same |= (panel.within >= np.repeat(ends, panel.lengths))[:, None]
    return np.asarray(np.logical_and.reduceat(same, begins) & (ends > 0)[:, None])
