"""One pass over windows with anything that predicts."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from latentcast.core.types import Batch, Prediction
from latentcast.data.scaling.scaler import BatchUnits, UnitConversion
from latentcast.data.windows.windows import Windows
from latentcast.evaluation.conformal import unit
from latentcast.evaluation.interval_metrics import IntervalErrors, crps_of_paths, crps_of_quantiles
from latentcast.evaluation.metrics import Array, Errors


@dataclass(frozen=True)
class ForecastBatch:
    """One batch of windows: which ones, and what was forecast and observed, [batch, horizon, target] in both units.

    Where intervals are asked for, in standardised units:

    unit       [batch, 1, target] what their scores are measured in (`conformal.unit`)
    quantiles  [batch, horizon, target, quantile] of a model that forecasts them
    paths      [batch, path, horizon, target] of a model that samples
    lo, hi     [batch, horizon, target, level]; beside them quantiles or paths stay where the intervals are theirs
    """

    which: NDArray[np.int64]
    items: NDArray[np.int64]
    starts: NDArray[np.int64]
    scaled: Array
    original: Array
    target_scaled: Array
    target_original: Array
    seen: NDArray[np.bool_] | None
    here: BatchUnits
    unit: Array | None = None
    quantiles: Array | None = None
    paths: Array | None = None
    lo: Array | None = None
    hi: Array | None = None

    def in_original(self, values: Array) -> Array:
        """[batch, horizon, target, …] from standardised to original units."""
        return self.here.to_original(values)

    def only(self, keep: NDArray[Any]) -> "ForecastBatch":
        """Some of the windows, by mask or by number."""
        cut = {f.name: v[keep] for f in fields(self) if (v := getattr(self, f.name)) is not None}
        return replace(self, **cut)

    @classmethod
    def joined(cls, parts: Sequence["ForecastBatch"]) -> "ForecastBatch":
        """Several batches as one."""
        first = parts[0]
        there = [f.name for f in fields(cls) if getattr(first, f.name) is not None]
        joined: dict[str, Any] = {
            name: BatchUnits.joined([part.here for part in parts])
            if name == "here"
            else np.concatenate([getattr(part, name) for part in parts])
            for name in there
        }
        return replace(first, **joined)


Sampler = Callable[..., Tensor]  # (batch, seeds=…) → [batch, path, horizon, target]


def forecasts(
    predict: Callable[[Batch], Prediction],
    windows: Windows,
    actual: Array,
    units: UnitConversion,
    targets: tuple[int, ...],
    *,
    batch_size: int,
    device: torch.device,
    spread: Array | None = None,
    sample: Sampler | None = None,
    seeds: Tensor | None = None,
) -> Iterator[ForecastBatch]:
    """Every window once, in order. The last batch is as short as it is: nothing is dropped.

    `actual` [steps, channels] in original units is what forecasts are held against: the float32 values that a network
    reads would turn a zero into nearly zero, and MAPE into nonsense. With `spread`, the standard deviation of each
    series
    [items, targets] in standardised units, there is what intervals are made of; `sample` draws paths by the `seeds`
    [windows].
    """
    columns = list(targets)
    ahead = windows.lookback + np.arange(windows.horizon)
    for which, batch in windows.in_batches(batch_size):
        spreads = quantiles = paths = None
        with torch.inference_mode():
            moved = batch.to(device)
            prediction = predict(moved)
            values = prediction.values.cpu().double().numpy()
            if spread is not None and prediction.quantiles is not None:
                quantiles = prediction.quantiles.cpu().double().numpy()
            if sample is not None and seeds is not None:
                paths = sample(moved, seeds=seeds[which].to(device)).cpu().double().numpy()
        items = windows.items[which].numpy()
        starts = windows.starts[which].numpy()
        if spread is not None:
            seen_past = None  # what was observed indeed: gaps that were filled say nothing of how restless a series is
            if windows.masks is not None:
                observed = windows.masks.observed.gather(starts)[:, : windows.lookback]
                seen_past = None if observed.all() else _of(columns, observed.numpy())
            spreads = unit(_of(columns, batch.past.numpy()), seen_past, spread[items][:, None])
        here = units.at(items, starts[:, None] + ahead)
        target = actual[starts[:, None] + ahead][..., columns]
        seen = None if batch.target_observed is None else batch.target_observed.numpy()
        yield ForecastBatch(
            which.numpy(), items, starts, values, here.to_original(values), here.to_scaled(target), target, seen, here,
            spreads, quantiles, paths,
        )  # fmt: skip


def _of(columns: list[int], values: NDArray[Any]) -> NDArray[Any]:
    """Some of the channels; no copy where they are all of them."""
    return values if columns == list(range(values.shape[-1])) else values[..., columns]


def accumulate_errors(
    judged: Iterable[ForecastBatch],
    naive_error: Array,
    errors: tuple[Errors, Errors] | None = None,
    intervals: tuple[IntervalErrors, IntervalErrors] | None = None,
) -> tuple[Errors, Errors]:
    """(scaled, original) errors of all batches, added to `errors` when given; those of their intervals to `intervals`.

    `naive_error` [items, targets] is in original units; after a transform there is no MASE of scaled values.
    """
    scaled, original = errors or (Errors(), Errors())
    for batch in judged:
        naive = naive_error[batch.items][:, None]
        straight = batch.here.units.transform is None
        scaled.add(
            batch.target_scaled, batch.scaled, batch.seen, naive / batch.here.std if straight else naive * np.nan
        )
        original.add(batch.target_original, batch.original, batch.seen, naive)
        if intervals is not None and batch.lo is not None and batch.hi is not None:
            intervals[0].add(batch.target_scaled, batch.lo, batch.hi, batch.seen)
            ends = batch.in_original(batch.lo), batch.in_original(batch.hi)
            intervals[1].add(batch.target_original, *ends, batch.seen)
            crps = _crps(batch.target_scaled, batch.paths, batch.quantiles, intervals[0].quantile_levels)
            if crps is not None:
                intervals[0].add_crps(crps, batch.seen)
                intervals[1].add_crps(_in_original_units(batch, crps, intervals[1].quantile_levels), batch.seen)
    return scaled, original


def _crps(
    target: Array, paths: Array | None, quantiles: Array | None, quantile_levels: tuple[float, ...]
) -> Array | None:
    if paths is not None:
        return crps_of_paths(target, paths) if paths.shape[1] > 1 else None
    if quantiles is not None:
        return crps_of_quantiles(target, quantiles, quantile_levels)
    return None


def _in_original_units(batch: ForecastBatch, crps: Array, quantile_levels: tuple[float, ...]) -> Array:
    """It grows with the unit, as an error does, where nothing is bent."""
    if batch.here.units.linear:
        return crps * batch.here.std
    paths = None if batch.paths is None else np.moveaxis(batch.in_original(np.moveaxis(batch.paths, 1, -1)), -1, 1)
    quantiles = None if batch.quantiles is None else batch.in_original(batch.quantiles)
    bent = _crps(batch.target_original, paths, quantiles, quantile_levels)
    assert bent is not None
    return bent
