"""Seasonal-naive errors on the same windows: the baseline shown with every model."""

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from latentcast.data.panel.panel import Panel
from latentcast.evaluation.forecasts import ForecastBatch
from latentcast.evaluation.metrics import Array, Baseline, ratio

Mask = NDArray[np.bool_]


def last_of_each_phase(panel: Panel, channels: list[int], season: int) -> Array:
    """Return [steps, channels] the last observed value of each step's phase in its item; NaN before the first one."""
    if panel.complete:  # without a copy where all channels are forecast
        return panel.values if channels == list(range(len(panel.channels))) else panel.values[:, channels]
    values = panel.values[:, channels]
    observed = panel.observed[:, channels]
    if observed.all():
        return values
    found = np.empty_like(values)
    for begin, end in zip(panel.offsets[:-1], panel.offsets[1:], strict=True):
        rows = -(-(end - begin) // season)
        where = np.full((rows * season, len(channels)), -1, np.int64)
        steps = np.arange(begin, end)[:, None]
        where[: end - begin] = np.where(observed[begin:end], steps, -1)
        where = np.maximum.accumulate(where.reshape(rows, season, -1), axis=0).reshape(rows * season, -1)[: end - begin]
        found[begin:end] = np.where(where < 0, np.nan, values[where, np.arange(len(channels))])
    return found


def _where(mask: Mask, values: Array) -> Array:
    """The values that count: without a copy where all do."""
    return values if mask.all() else values[mask]


@dataclass
class BaselineSums:
    """Running sums of the errors of seasonal-naive."""

    se: float = 0.0
    ae: float = 0.0
    count: int = 0
    ase: float = 0.0
    scaled: int = 0

    def add(self, error: Array, naive: Array) -> None:
        error, counts = np.abs(error), naive > 0
        self.se += float(np.square(error).sum())
        self.ae += float(error.sum())
        self.count += error.size
        self.ase += float(ratio(error, naive, counts).sum())
        self.scaled += int(counts.sum())

    def __add__(self, other: "BaselineSums") -> "BaselineSums":
        own = (self.se, self.ae, self.count, self.ase, self.scaled)
        more = (other.se, other.ae, other.count, other.ase, other.scaled)
        return BaselineSums(*(a + b for a, b in zip(own, more, strict=True)))  # type: ignore[arg-type]

    def result(self) -> dict[str, float]:
        mse, mae = (total / self.count if self.count else float("nan") for total in (self.se, self.ae))
        mase = self.ase / self.scaled if self.scaled else float("nan")
        return {"MSE": mse, "MAE": mae, "RMSE": float(np.sqrt(mse)), "MASE": mase}


@dataclass
class SeasonalNaiveErrors:
    """Sums the errors of the seasonal-naive forecast while batches of windows pass through.

    It repeats the last season before the origin; an unobserved value is replaced by the one a season earlier. Without
    an earlier season, or for data without a season, it repeats the last observed value.

    `naive_error` and `constant` [items, targets] as for `accumulate_errors`.
    """

    panel: Panel
    channels: list[int]
    lookback: int
    naive_error: Array
    constant: Mask | None = None
    sums: tuple[BaselineSums, BaselineSums] = field(default_factory=lambda: (BaselineSums(), BaselineSums()))

    def __post_init__(self) -> None:
        self.by_phase = last_of_each_phase(self.panel, self.channels, self.panel.season)
        self.last = self.by_phase if self.panel.season == 1 else last_of_each_phase(self.panel, self.channels, 1)

    def around(self, batches: Iterator[ForecastBatch]) -> Iterator[ForecastBatch]:
        """Yield the batches unchanged."""
        for batch in batches:
            self._add(batch)
            yield batch

    def forecast(self, batch: ForecastBatch) -> Array:
        """[batch, horizon, target] in original units."""
        season, ahead = self.panel.season, np.arange(batch.original.shape[1])
        origins = batch.index.starts + self.lookback
        begins = self.panel.offsets[batch.index.items]
        steps = origins[:, None] + ahead % season - season
        inside = steps >= begins[:, None]
        if inside.all():
            values = self.by_phase[steps]
        else:
            values = np.where(inside[..., None], self.by_phase[np.maximum(steps, begins[:, None])], np.nan)
        missing = np.isnan(values)
        if missing.any():
            values = np.where(missing, self.last[origins - 1][:, None], values)
        return values

    def _add(self, batch: ForecastBatch) -> None:
        values, outcome = self.forecast(batch), batch.outcome
        naive = np.broadcast_to(self.naive_error[batch.index.items][:, None], values.shape)
        kept = ~np.isnan(values)
        if outcome.observed is not None:
            kept &= outcome.observed
        scaled = kept if self.constant is None else kept & ~self.constant[batch.index.items][:, None]
        error = outcome.scaled - batch.units.to_scaled(values)
        linear = batch.units.units.transform is None
        scaled_naive = naive / batch.units.std if linear else np.full_like(naive, np.nan)
        self.sums[0].add(_where(scaled, error), _where(scaled, np.broadcast_to(scaled_naive, values.shape)))
        self.sums[1].add(_where(kept, outcome.original - values), _where(kept, naive))

    @property
    def model(self) -> str:
        """Name of the forecast: naive for data without a season."""
        return "seasonal-naive" if self.panel.season > 1 else "naive"

    def result(self) -> Baseline:
        return Baseline(self.model, *(sums.result() for sums in self.sums))
