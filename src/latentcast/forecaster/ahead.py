"""Forecasts beyond the end of each series: any horizon, levels, quantiles, or sampled paths."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from math import isfinite
from typing import Any

import numpy as np
import pandas as pd

from latentcast.core.errors import SettingsError
from latentcast.core.nested import python_values
from latentcast.core.notes import Note, NoteCode
from latentcast.data.types import Frame, IntoFrame, Level
from latentcast.evaluation.forecasts import ForecastBatch
from latentcast.forecaster.inputs import LastWindows, prepare_forecast
from latentcast.forecaster.intervals import Intervals, check_unasked, interval_columns, levels_of, quantile_columns
from latentcast.forecaster.judge import choose_intervals, forecast_windows, outcome_notes
from latentcast.forecaster.output import forecast_frame, give_back, one_column
from latentcast.forecaster.rolling import check_rolls, rolled
from latentcast.forecaster.state import FittedState

log = logging.getLogger("latentcast")


@dataclass(frozen=True)
class Asked:
    """The request of `Forecaster.predict`."""

    horizon: int | None
    level: Level
    quantiles: Any
    method: str
    paths: int
    batch_size: int | None


@dataclass(frozen=True)
class Plan:
    """How a request is forecast: by which model, for how many steps, with which columns.

    Attributes
    ----------
    fitted
        The model, at a longer horizon where its weights allow one.
    steps
        Steps that come back.
    rolls
        Whether forecasts become the past of the next ones.
    levels, quantiles
        Levels in per cent and quantile levels whose columns come back.
    how
        How intervals are made; None without any.
    batch_size
        Windows forecast together.
    notes
        What the user should know of this request.
    """

    fitted: FittedState
    steps: int
    rolls: bool
    levels: tuple[float, ...]
    quantiles: tuple[float, ...]
    how: Intervals | None
    batch_size: int | None
    notes: tuple[Note, ...] = ()


def planned(fitted: FittedState, asked: Asked) -> Plan:
    """What is asked for as a plan. Raises SettingsError or DataError for what this model does not have."""
    horizon = _horizon(asked.horizon)
    trained = fitted.task.horizon
    notes: tuple[Note, ...] = ()
    if horizon is not None and horizon > trained:
        fitted, notes = _longer(fitted, horizon)
    rolls = bool(notes)
    levels = None if asked.level is None else levels_of(asked.level)
    taus = quantiles_of(asked.quantiles)
    wanted = sorted({*(levels or ()), *(level for level in map(level_for, taus) if level)})
    if rolls and wanted:
        raise SettingsError(
            f"horizon={horizon}: intervals are calibrated for the {trained} steps that this {fitted.name} was trained"
            " for; leave out level and quantiles, or fit it again for the longer horizon"
        )
    if levels is None and taus and not wanted:
        check_unasked(asked.method, asked.paths)
    how = choose_intervals(fitted, wanted or None, asked.method, asked.paths)
    return Plan(fitted, horizon or trained, rolls, levels or (), taus, how, asked.batch_size, notes)


def forecast_ahead(fitted: FittedState, data: IntoFrame, future_covariates: IntoFrame | None, asked: Asked) -> Frame:
    """The frame that `Forecaster.predict` gives."""
    plan = planned(fitted, asked)
    fitted = plan.fitted
    for note in plan.notes:
        log.warning(note)
    whole = plan.how is not None and plan.how.in_a_row
    inputs = prepare_forecast(fitted, data, future_covariates, whole=whole)
    fitted.told.extend((*inputs.notes, *outcome_notes(fitted, inputs.prepared, inputs.windows, plan.how)))
    values, columns = forecast_values(plan, inputs)
    frame = forecast_frame(fitted, inputs.panel, values, columns)
    return give_back(fitted, inputs.source, inputs.panel, frame)


def forecast_values(plan: Plan, inputs: LastWindows) -> tuple[Any, dict[str, Any]]:
    """[items, steps, target] forecasts in original units, and further columns: one value per item, target and step."""
    fitted, taus = plan.fitted, plan.quantiles
    if plan.rolls:
        values = rolled(fitted, inputs, plan.steps, plan.batch_size)
        columns = {f"{fitted.name}-q-0.5": one_column([values]) for _ in taus}  # the median is the forecast
    else:
        batches = list(forecast_windows(fitted, inputs.prepared, inputs.windows, plan.batch_size, plan.how))
        values = np.concatenate([batch.original for batch in batches])
        columns = _columns(fitted, batches, plan.how, plan.levels, taus)
    made, steps = values.shape[1], min(plan.steps, values.shape[1])
    columns = {name: column.reshape(-1, made)[:, :steps].reshape(-1) for name, column in columns.items()}
    return values[:, :steps], columns


def sampled_ahead(
    fitted: FittedState, data: IntoFrame, future_covariates: IntoFrame | None, paths: int, batch_size: int | None
) -> Frame:
    """The frame that `Forecaster.sample` gives."""
    if not fitted.network.samples:
        raise SettingsError(
            f"{fitted.name} draws no paths: token-transformer and other models with a distribution of their own do;"
            " predict(level=…) gives intervals of any model"
        )
    paths = python_values(paths)
    if isinstance(paths, bool) or not isinstance(paths, int) or paths < 1:
        raise SettingsError(f"paths={paths!r}: wanted a whole number of at least 1")
    how = Intervals((50.0,), "paths", None, fitted.network.quantile_levels, paths)
    inputs = prepare_forecast(fitted, data, future_covariates)
    fitted.told.extend(inputs.notes)
    batches = list(forecast_windows(fitted, inputs.prepared, inputs.windows, batch_size, how))
    drawn = np.concatenate([_original_paths(batch) for batch in batches])  # item horizon target path
    horizon, targets = drawn.shape[1:3]
    times = inputs.panel.future_times(horizon)
    names = [inputs.panel.series_name(item, at) for item in range(len(drawn)) for at in fitted.task.targets]
    frame = pd.DataFrame(
        {
            "unique_id": np.repeat(np.array(names, dtype=object), paths * horizon),
            "ds": inputs.panel.clock.restore(np.repeat(times, targets * paths, axis=0).reshape(-1)),
            "path": np.tile(np.repeat(np.arange(paths), horizon), len(names)),
            fitted.name: drawn.transpose(0, 2, 3, 1).reshape(-1),
        }
    )
    return give_back(fitted, inputs.source, inputs.panel, frame)


def quantiles_of(quantiles: Any) -> tuple[float, ...]:
    """Quantile levels between 0 and 1, ascending, each once. Raises SettingsError with every fault."""
    if quantiles is None:
        return ()
    several = isinstance(quantiles, Sequence | np.ndarray) and not isinstance(quantiles, str)
    given = list(quantiles) if several else [quantiles]
    faults = [] if given else ["quantiles=[]: wanted at least one, as quantiles=[0.1, 0.5, 0.9]"]
    for value in given:
        number = isinstance(value, int | float | np.number) and not isinstance(value, bool)
        if not number or not isfinite(value) or not 0 < value < 1:
            faults.append(f"quantiles={value!r}: wanted numbers between 0 and 1, as quantiles=[0.1, 0.5, 0.9]")
    if faults:
        raise SettingsError(faults)
    return tuple(sorted({float(str(value)) for value in given}))  # float32's 0.9 is 0.9


def level_for(quantile: float) -> float:
    """The level in per cent of the interval that ends at a quantile; 0 for the median."""
    return round(abs(2 * quantile - 1) * 100, 9)


def _horizon(horizon: int | None) -> int | None:
    horizon = python_values(horizon)
    if horizon is not None and (isinstance(horizon, bool) or not isinstance(horizon, int) or horizon < 1):
        raise SettingsError(f"horizon={horizon!r}: wanted a whole number of at least 1")
    return horizon


def _longer(fitted: FittedState, horizon: int) -> tuple[FittedState, tuple[Note, ...]]:
    """Return the model at a longer horizon, and a note where its forecasts must roll instead."""
    try:
        return fitted.engine.at_horizon(horizon), ()
    except SettingsError:  # its weights belong to its horizon
        check_rolls(fitted, horizon)
    text = (
        f"a horizon of {horizon} steps is longer than the {fitted.task.horizon} that this {fitted.name} was trained"
        " for: its forecasts are read as the past of the next ones, and how well was never judged"
    )
    return fitted, (Note(text, NoteCode.MODEL),)


def _columns(
    fitted: FittedState,
    batches: Sequence[ForecastBatch],
    how: Intervals | None,
    levels: Sequence[float],
    taus: Sequence[float],
) -> dict[str, Any]:
    """Return the columns of requested intervals and quantiles."""
    if how is None and not taus:
        return {}
    made = {} if how is None else interval_columns(fitted.name, how.levels, batches)
    return quantile_columns(fitted.name, made, levels, taus, batches)


def _original_paths(batch: ForecastBatch) -> Any:
    """[batch, horizon, target, path] in original units."""
    assert batch.distribution is not None
    assert batch.distribution.paths is not None
    return batch.in_original(np.moveaxis(batch.distribution.paths, 1, -1))
