"""Forecast windows with a network and sum errors."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from latentcast.core.errors import DataError
from latentcast.data.scaling.scaler import BatchUnits, UnitConversion
from latentcast.data.windows.arrays import WindowArrays
from latentcast.data.windows.windows import Windows
from latentcast.evaluation.conformal import unit, wider
from latentcast.evaluation.interval_metrics import IntervalErrors, crps_of_paths, crps_of_quantiles
from latentcast.evaluation.metrics import Array, Errors


@dataclass(frozen=True)
class WindowIndex:
    """Which windows a batch holds, each [batch].

    Attributes
    ----------
    numbers
        Number of each window among those that were asked for.
    items
        The item that it belongs to.
    starts
        Its first step, counted over all steps of the panel.
    """

    numbers: NDArray[np.int64]
    items: NDArray[np.int64]
    starts: NDArray[np.int64]


@dataclass(frozen=True)
class Outcome:
    """The observed values of the horizon, [batch, horizon, target]; `observed` is None where all of them were."""

    scaled: Array
    original: Array
    observed: NDArray[np.bool_] | None


@dataclass(frozen=True)
class Distribution:
    """What intervals are made from, in standardised units.

    Attributes
    ----------
    unit
        [batch, 1, target], the unit of interval scores (`conformal.unit`).
    quantiles
        [batch, horizon, target, quantile], of a model that forecasts them.
    paths
        [batch, path, horizon, target], of a model that samples.
    """

    unit: Array
    quantiles: Array | None = None
    paths: Array | None = None


@dataclass(frozen=True)
class Bands:
    """Lower and upper ends of intervals, [batch, horizon, target, level] in standardised units."""

    lo: Array
    hi: Array


@dataclass(frozen=True)
class ForecastBatch:
    """One batch of windows, forecast: `scaled` and `original` are [batch, horizon, target] in both units.

    `distribution` is set where intervals are asked for, `bands` where they are made.
    """

    index: WindowIndex
    scaled: Array
    original: Array
    outcome: Outcome
    units: BatchUnits
    distribution: Distribution | None = None
    bands: Bands | None = None

    def in_original(self, values: Array) -> Array:
        """[batch, horizon, target, …] from standardised to original units."""
        return self.units.to_original(values)

    def only(self, keep: NDArray[Any]) -> "ForecastBatch":
        """Select windows by mask or by number."""
        return _only(self, keep)

    @classmethod
    def joined(cls, parts: Sequence["ForecastBatch"]) -> "ForecastBatch":
        """Concatenate batches."""
        return _joined(parts)


Part = TypeVar("Part")


def _only(value: Part, keep: NDArray[Any]) -> Part:
    if isinstance(value, np.ndarray | BatchUnits):
        return value[keep]  # type: ignore[return-value]
    cut = {f.name: _only(v, keep) for f in fields(value) if (v := getattr(value, f.name)) is not None}  # type: ignore[arg-type]
    return replace(value, **cut)  # type: ignore[type-var]


def _joined(parts: Sequence[Part]) -> Part:
    first: Any = parts[0]
    if isinstance(first, np.ndarray):
        return np.concatenate(parts)  # type: ignore[arg-type,return-value]
    if isinstance(first, BatchUnits):
        return BatchUnits.joined(list(parts))  # type: ignore[arg-type,return-value]
    names = [f.name for f in fields(first) if getattr(first, f.name) is not None]
    return replace(first, **{name: _joined([getattr(part, name) for part in parts]) for name in names})


@dataclass(frozen=True)
class Computed:
    """What a model gives for a batch of windows, in standardised units.

    Attributes
    ----------
    values
        [batch, horizon, target].
    quantiles
        [batch, horizon, target, quantile], of a model that forecasts them.
    paths
        [batch, path, horizon, target], where sampled ones are asked for.
    """

    values: Array
    quantiles: Array | None = None
    paths: Array | None = None


Compute = Callable[[Windows, WindowArrays], Computed]  # a batch of these windows, forecast


@dataclass(frozen=True)
class Sampling:
    """How many paths are drawn of each window, and the seed of each, [windows]."""

    paths: int
    seeds: NDArray[np.int64]


@dataclass(frozen=True)
class Target:
    """Targets of a forecast and their units.

    Attributes
    ----------
    values
        [steps, channels] in original units. Forecasts are compared with these float64 values: in the float32 values
        that a network reads, a zero becomes nearly zero, and MAPE loses its meaning.
    units
        How standardised numbers are converted back.
    channels
        Positions of the forecast channels.
    spread
        [items, targets], standard deviation of each series in standardised units, where intervals are asked for.
    silent
        [windows, targets], steps since the last observed value where a look-back holds none (`silence.silent_steps`).
    """

    values: Array
    units: UnitConversion
    channels: tuple[int, ...]
    spread: Array | None = None
    silent: NDArray[np.int64] | None = None


def forecasts(compute: Compute, windows: Windows, target: Target, *, batch_size: int) -> Iterator[ForecastBatch]:
    """Forecast every window once, in order. The last batch may be short: nothing is dropped."""
    ahead = windows.lookback + np.arange(windows.horizon)
    for numbers in windows.in_numbers(batch_size):
        read = windows.arrays(numbers)
        found = compute(windows, read)
        _check_finite(found, read)
        index = WindowIndex(numbers, read.items, read.starts)
        steps = index.starts[:, None] + ahead
        units = target.units.at(index.items, steps)
        actual = _of(list(target.channels), target.values[steps])
        distribution = None
        if target.spread is not None:
            distribution = Distribution(_score_unit(windows, read, target), found.quantiles, found.paths)
        outcome = Outcome(units.to_scaled(actual), actual, read.target_observed)
        yield ForecastBatch(index, found.values, units.to_original(found.values), outcome, units, distribution)


def _check_finite(found: Computed, read: WindowArrays) -> None:
    if not np.isfinite(found.values).all():
        most = float(np.abs(read.past).max())
        raise DataError(
            f"the forecast is not finite. The look-back holds values up to {most:.3g} standard"
            " deviations of the training part. Replace such values by missing ones (data.gaps)",
            setting="data.gaps",
        )


def _score_unit(windows: Windows, read: WindowArrays, target: Target) -> Array:
    assert target.spread is not None
    columns, seen = list(target.channels), None
    if windows.masks is not None:  # values that were observed: filled gaps do not show how restless a series is
        observed = windows.masks.observed.gather(read.starts)[:, : windows.lookback]
        seen = None if observed.all() else _of(columns, observed)
    units = unit(_of(columns, read.past), seen, target.spread[read.items][:, None])
    return units if target.silent is None else wider(units, target.silent[read.numbers], windows.horizon)


def _of(columns: list[int], values: NDArray[Any]) -> NDArray[Any]:
    """Select channels, without a copy where all are selected."""
    return values if columns == list(range(values.shape[-1])) else values[..., columns]


def accumulate_errors(
    judged: Iterable[ForecastBatch],
    naive_error: Array,
    errors: tuple[Errors, Errors] | None = None,
    intervals: tuple[IntervalErrors, IntervalErrors] | None = None,
    constant: NDArray[np.bool_] | None = None,
) -> tuple[Errors, Errors]:
    """(scaled, original) errors of all batches, added to `errors` when given; those of their intervals to `intervals`.

    `naive_error` [items, targets] is in original units; after a transform there is no MASE of scaled values. Series
    whose training part is `constant` [items, targets] have no scale, and count in original units alone.
    """
    scaled, original = errors or (Errors(), Errors())
    for batch in judged:
        naive, outcome = naive_error[batch.index.items][:, None], batch.outcome
        scaled_naive = naive / batch.units.std if batch.units.units.transform is None else naive * np.nan
        counted = _without(outcome.observed, constant, batch)
        scaled.add(outcome.scaled, batch.scaled, counted, scaled_naive)
        original.add(outcome.original, batch.original, outcome.observed, naive)
        if intervals is not None and batch.bands is not None:
            lo, hi = batch.bands.lo, batch.bands.hi
            intervals[0].add(outcome.scaled, lo, hi, counted, batch.index.items)
            ends = batch.in_original(lo), batch.in_original(hi)
            intervals[1].add(outcome.original, *ends, outcome.observed, batch.index.items)
            crps = _crps(outcome.scaled, batch.distribution, intervals[0].quantile_levels)
            if crps is not None:
                intervals[0].add_crps(crps, counted)
                intervals[1].add_crps(_crps_in_original(batch, crps, intervals[1].quantile_levels), outcome.observed)
    return scaled, original


def _without(
    observed: NDArray[np.bool_] | None, constant: NDArray[np.bool_] | None, batch: ForecastBatch
) -> NDArray[np.bool_] | None:
    """Mask observed outcomes of series that are not constant."""
    if constant is None:
        return observed
    kept = np.broadcast_to(~constant[batch.index.items][:, None], batch.scaled.shape)
    return kept if observed is None else observed & kept


def _crps(target: Array, distribution: Distribution | None, quantile_levels: tuple[float, ...]) -> Array | None:
    if distribution is None:
        return None
    if distribution.paths is not None:
        return crps_of_paths(target, distribution.paths) if distribution.paths.shape[1] > 1 else None
    if distribution.quantiles is not None:
        return crps_of_quantiles(target, distribution.quantiles, quantile_levels)
    return None


def _crps_in_original(batch: ForecastBatch, crps: Array, quantile_levels: tuple[float, ...]) -> Array:
    """CRPS in original units: rescaled where the conversion is linear, else computed from converted values."""
    if batch.units.units.linear:
        return crps * batch.units.std
    assert batch.distribution is not None
    paths, quantiles = batch.distribution.paths, batch.distribution.quantiles
    if paths is not None:
        paths = np.moveaxis(batch.in_original(np.moveaxis(paths, 1, -1)), -1, 1)
    if quantiles is not None:
        quantiles = batch.in_original(quantiles)
    converted = _crps(batch.outcome.original, Distribution(batch.distribution.unit, quantiles, paths), quantile_levels)
    assert converted is not None
    return converted
