"""Models fitted before rolling origins, and their forecasts from these: each a task of its own."""

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import reduce
from operator import add
from typing import Any

import numpy as np
from numpy.typing import NDArray

from latentcast.benchmarking.auto import search
from latentcast.benchmarking.origins import Searched
from latentcast.core.cluster import Cluster, Engine, TaskLost, each, each_here
from latentcast.core.errors import LatentcastError
from latentcast.core.nested import merge
from latentcast.data.panel.panel import Panel
from latentcast.data.panel.split import Split
from latentcast.evaluation.baseline import BaselineSums, SeasonalNaiveErrors
from latentcast.evaluation.forecasts import ForecastBatch, accumulate_errors
from latentcast.evaluation.interval_metrics import IntervalErrors, IntervalFigures
from latentcast.evaluation.metrics import Array, Baseline, Errors
from latentcast.forecaster.forecaster import Forecaster
from latentcast.forecaster.inputs import prepare
from latentcast.forecaster.intervals import Intervals
from latentcast.forecaster.judge import choose_intervals, constant_of, forecast_windows
from latentcast.forecaster.judged_sums import interval_figures
from latentcast.models.config.run import RunConfig
from latentcast.workflows.fitting.pipeline import run_fit
from latentcast.workflows.fitting.spec import FitOptions, FitSpec, TrainingData

AUTO = "auto"  # the model that is chosen before each origin


@dataclass(frozen=True)
class RollingPlan:
    """What all models of a backtest have in common."""

    panel: Panel
    name: str
    values: Mapping[str, Any]
    defaults: Mapping[str, Any]
    levels: tuple[float, ...] | None
    method: str
    refit: bool
    progress: bool


@dataclass(frozen=True)
class Rolled:
    """One model's forecasts from all origins."""

    forecaster: Forecaster
    judged: list[ForecastBatch]
    errors: tuple[Errors, Errors]
    intervals: IntervalFigures | None
    baseline: Baseline
    seconds: float


@dataclass(frozen=True)
class _Piece:
    """One model fitted once, and its forecasts from the origins that belong to this fit."""

    forecaster: Forecaster
    judged: list[ForecastBatch]
    how: Intervals | None
    naive_error: Array
    constant: NDArray[np.bool_] | None
    baseline_model: str
    baseline: tuple[BaselineSums, BaselineSums]
    seconds: float


_Task = tuple[RunConfig, NDArray[np.int64]]


def roll(
    plan: RollingPlan, runs: Sequence[RunConfig], origins: NDArray[np.int64], engine: Engine, cluster: Cluster
) -> Iterator[Rolled]:
    """Every model, fitted before the first origin, or before each, and its forecasts from every origin.

    Raises what a fit raises, and LatentcastError where a worker was lost again and again.
    """
    groups = list(origins[:, None] if plan.refit else [origins])
    tasks: list[_Task] = [(run, group) for run in runs for group in groups]
    done: dict[int, Any] = {}
    ran = (
        each(_piece, plan, tasks, cluster) if engine == "ray" else each_here(_piece, plan, tasks, cluster.workers or 1)
    )
    for number, piece in ran:
        if isinstance(piece, TaskLost):
            raise LatentcastError(f"backtest: {tasks[number][0].name}: {piece.why}")
        done[number] = piece
    for place, _ in enumerate(runs):
        yield _joined(plan, [done[place * len(groups) + number] for number in range(len(groups))])


def _piece(plan: RollingPlan, task: _Task) -> _Piece:
    """Fit once, before the first of some origins, and forecast from all of them."""
    (run, group), began = task, time.monotonic()
    panel, ends, how = plan.panel, group[0], None
    parts = Split(ends - validation_steps(run, ends), ends, ends)
    past = panel.cut(ends)
    forecaster = _fitted(plan, run, TrainingData(plan.name, past, parts))
    # the statistics of the past apply to the whole panel: the future is only read as target
    view = replace(prepare(forecaster, past, future_only=True), panel=panel)
    starts = (panel.offsets[:-1] + group - forecaster.task.lookback).reshape(-1)
    items = np.tile(np.arange(len(panel.ids)), len(group))
    if plan.levels is not None:
        how = choose_intervals(forecaster, plan.levels, plan.method)
    columns = list(forecaster.task.targets)
    naive_error, constant = view.naive_error[:, columns], constant_of(forecaster, view)
    beside = SeasonalNaiveErrors(panel, columns, forecaster.task.lookback, naive_error, constant)
    batches = list(beside.around(forecast_windows(forecaster, view, (starts, items), how=how)))
    seconds = time.monotonic() - began
    return _Piece(forecaster, batches, how, naive_error, constant, beside.model, beside.sums, seconds)


def _joined(plan: RollingPlan, pieces: Sequence[_Piece]) -> Rolled:
    """The errors of all origins of one model."""
    errors, found, levels = (Errors(), Errors()), None, plan.levels
    judged = list[ForecastBatch]()
    for piece in pieces:
        if levels is not None and piece.how is not None:
            taus = piece.how.quantile_levels
            found = found or (IntervalErrors(levels, taus), IntervalErrors(levels, taus))
        accumulate_errors(piece.judged, piece.naive_error, errors, found, piece.constant)
        judged += [replace(batch, distribution=None) for batch in piece.judged]
    last = pieces[-1]
    figures = None if last.how is None or found is None else interval_figures(last.how, found)
    sums = (reduce(add, (piece.baseline[unit] for piece in pieces)).result() for unit in (0, 1))
    baseline = Baseline(last.baseline_model, *sums)
    return Rolled(last.forecaster, judged, errors, figures, baseline, sum(piece.seconds for piece in pieces))


def validation_steps(run: RunConfig, ends: NDArray[np.int64]) -> NDArray[np.int64]:
    """Length of the validation part: the last tenth before an origin, at least one horizon."""
    return np.maximum(run.horizon, ends // 10)


def _fitted(plan: RollingPlan, run: RunConfig, data: TrainingData) -> Forecaster:
    """A model fitted to the past; of `auto` the one that is chosen there."""
    if run.name != AUTO:
        return run_fit(FitSpec(run), data, FitOptions(progress=plan.progress))
    assert data.parts is not None
    shared = {key: value for key, value in plan.values.items() if key not in ("models", "lookback", "horizon")}
    values = merge(shared, plan.values.get("models", {}).get(AUTO, {}))
    longest = int(data.parts.train_end.min()) - run.horizon  # every series is forecast
    task = Searched(plan.name, data.panel, data.parts, run.horizon, values, plan.defaults, longest)
    return search(task).forecaster
