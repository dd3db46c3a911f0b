"""Rolling origins of the validation part, and a candidate's forecasts from them."""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from latentcast.benchmarking.auto_result import Trial
from latentcast.benchmarking.candidates import Candidate
from latentcast.core.errors import DataError
from latentcast.core.nested import merge
from latentcast.data.panel.panel import Panel
from latentcast.data.panel.split import Split
from latentcast.data.windows.view import PreparedPanel
from latentcast.evaluation.forecasts import Computed, ForecastBatch
from latentcast.forecaster.forecaster import Forecaster
from latentcast.forecaster.inputs import prepare
from latentcast.forecaster.judge import forecast_windows, scores_for
from latentcast.forecaster.judged_sums import Judged
from latentcast.models.config.run import RunConfig, resolve_config
from latentcast.workflows.fitting.fit import with_stages

ORIGINS = (3, 30)  # rolling origins of each series: of many, and of few
FORECASTS = 1200  # that are judged of each candidate, about: origins of all series
VALUES = 2**21  # forecast values that are judged of each candidate, at most
CHECKED = 16  # series that are fitted between two looks at the clock
Origins = tuple[NDArray[np.int64], NDArray[np.int64]]  # items, and the step at which each forecast begins
Array = NDArray[np.float64]


def settings_with(values: Mapping[str, Any], candidate: Candidate) -> dict[str, Any]:
    return with_stages(merge(candidate.settings(), {key: value for key, value in values.items() if key != "model"}))


@dataclass(frozen=True)
class Searched:
    """The data of a choice, and the settings that all candidates share; `longest` limits look-backs."""

    name: str
    panel: Panel
    parts: Split
    horizon: int
    values: Mapping[str, Any]
    defaults: Mapping[str, Any]
    longest: int | None = None

    def resolved(self, candidate: Candidate) -> RunConfig:
        """Every setting of a candidate."""
        return resolve_config({**settings_with(self.values, candidate), "horizon": self.horizon}, self.defaults)


@dataclass(frozen=True)
class JudgedCandidate:
    """A candidate that has forecast from all origins.

    Attributes
    ----------
    values, target, scale
        [origin, horizon, target] forecasts, observed values and what errors are divided by, in original units.
    made
        The same forecasts in standardised units, with the quantiles of a model that has them.
    """

    trial: Trial
    forecaster: Forecaster
    values: Array
    target: Array
    scale: Array
    made: Computed


class OutOfTime(Exception):
    """The limit passed while forecasts were made."""


def origins_of(task: Searched) -> Origins:
    """Items and the step at which each forecast begins: evenly spaced in the validation part, the last included."""
    low = np.maximum(task.parts.train_end, task.horizon)  # padded series have as many steps of the past
    high = task.parts.val_end - task.horizon
    items = np.flatnonzero(high >= low)
    if not len(items):
        raise DataError(
            f"{task.name}: the validation part of no series holds a forecast of {task.horizon} steps; shorten the"
            " horizon, or lengthen the part (data.split)",
            setting="data.split",
        )
    each = max(1, VALUES // (task.horizon * len(task.panel.channels)))
    if len(items) > each:
        items = items[np.linspace(0, len(items) - 1, each).round().astype(int)]
    few, many = ORIGINS
    wanted = min(many, max(few, FORECASTS // (len(items) * len(task.panel.channels))))
    count = max(1, min(wanted, each // len(items)))
    pairs = [
        (item, step)
        for item in items
        for step in np.unique(np.linspace(high[item], low[item], count).round().astype(np.int64))
    ]
    chosen = np.array(pairs, dtype=np.int64)
    return chosen[:, 0], chosen[:, 1]


def forecast_origins(
    task: Searched, forecaster: Forecaster, origins: Origins, deadline: float | None
) -> tuple[Array, Array, Array, Computed]:
    """What a `JudgedCandidate` holds. Raises OutOfTime when the deadline passes before all are made."""
    items = origins[0]
    prepared = prepare(forecaster, task.panel)
    starts = window_starts_of(task, forecaster, prepared, origins)
    slow = deadline is not None and not forecaster.network.calibrates  # each forecast is a fit
    together = max(1, CHECKED // len(task.panel.channels)) if slow else None
    batches = []
    scores = scores_for(forecaster, Judged("val", task.name), len(items))
    kept = scores if forecaster.network.quantile_levels else None  # of the others, points are enough
    for batch in forecast_windows(forecaster, prepared, (starts, items), together, kept):
        batches.append(batch)
        done = sum(len(one.original) for one in batches)
        if deadline is not None and time.monotonic() > deadline and done < len(items):
            raise OutOfTime
    values = np.concatenate([batch.original for batch in batches])
    outcomes = [batch.outcome for batch in batches]
    target = np.concatenate(
        [one.original if one.observed is None else np.where(one.observed, one.original, np.nan) for one in outcomes]
    )
    scale = prepared.naive_error[:, list(forecaster.task.targets)]
    usual = np.nanmean(scale) if np.isfinite(scale).any() else 1.0
    made = Computed(np.concatenate([batch.scaled for batch in batches]), _quantiles(batches))
    return values, target, np.where(np.isfinite(scale), scale, usual)[items][:, None], made


def _quantiles(batches: list[ForecastBatch]) -> Array | None:
    each = [None if batch.distribution is None else batch.distribution.quantiles for batch in batches]
    return None if each[0] is None else np.concatenate([one for one in each if one is not None])


def window_starts_of(
    task: Searched, forecaster: Forecaster, prepared: PreparedPanel, origins: Origins
) -> NDArray[np.int64]:
    """The first step of each window, in the padded panel of a forecaster."""
    items, steps = origins
    pads = prepared.panel.lengths - task.panel.lengths
    return np.asarray(prepared.panel.offsets[items] + pads[items] + steps - forecaster.task.lookback)
