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
from latentcast.data.windows.origins import Origins, rolling_origins, starts_at
from latentcast.evaluation.forecasts import Computed, ForecastBatch
from latentcast.forecaster.forecaster import Forecaster
from latentcast.forecaster.inputs import prepare
from latentcast.forecaster.judge import forecast_windows, scores_for
from latentcast.forecaster.judged_sums import Judged
from latentcast.models.config.run import RunConfig, resolve_config
from latentcast.workflows.fitting.fit import with_stages

CHECKED = 16  # series that are fitted between two looks at the clock
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
    items, steps = rolling_origins(task.panel, task.parts, task.horizon)
    if not len(items):
        raise DataError(
            f"{task.name}: the validation part of no series holds a forecast of {task.horizon} steps; shorten the"
            " horizon, or lengthen the part (data.split)",
            setting="data.split",
        )
    return items, steps


def forecast_origins(
    task: Searched, forecaster: Forecaster, origins: Origins, deadline: float | None
) -> tuple[Array, Array, Array, Computed]:
    """What a `JudgedCandidate` holds. Raises OutOfTime when the deadline passes before all are made."""
    items = origins[0]
    prepared = prepare(forecaster, task.panel)
    starts = starts_at(origins, task.panel, prepared.panel, forecaster.task.lookback)
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
