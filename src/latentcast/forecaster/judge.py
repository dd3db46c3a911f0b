"""Run windows through the network: forecasts, intervals and errors."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from latentcast.core.errors import DataError, Fault, SettingsError, shorten
from latentcast.core.nested import python_values
from latentcast.core.notes import Note, NoteCode
from latentcast.data.scaling.scaler import UnitConversion
from latentcast.data.types import Level
from latentcast.data.windows.silence import silent_note, silent_steps
from latentcast.data.windows.view import PreparedPanel
from latentcast.data.windows.windows import MANY, Starts, Windows, batch_size_for_memory, make_windows, window_seeds
from latentcast.evaluation.baseline import SeasonalNaiveErrors
from latentcast.evaluation.drop_last import DropLast
from latentcast.evaluation.forecasts import ForecastBatch, Sampling, Target, accumulate_errors, forecasts
from latentcast.evaluation.interval_metrics import IntervalErrors
from latentcast.evaluation.metrics import Evaluation
from latentcast.evaluation.window_order import check_outcomes, consecutive_origins, select_requested
from latentcast.forecaster.calibration import Scores, check_base
from latentcast.forecaster.intervals import PATHS, Intervals, check_unasked, choose
from latentcast.forecaster.judged_sums import Judged, JudgedSums
from latentcast.forecaster.state import FittedState, check_forecasts

if TYPE_CHECKING:
    from latentcast.forecaster.fitted import FittedModel


def choose_intervals(fitted: FittedState, level: Level, method: str = "auto", paths: int = PATHS) -> Intervals | None:
    """Choose the intervals of these levels; None without a level.

    Raises SettingsError for a level or a method that cannot be had, DataError where nothing was held out.
    """
    if level is None:
        check_unasked(method, paths)
        return None
    check_forecasts(fitted)
    paths = python_values(paths)
    how = choose(
        level,
        method,
        model=fitted.name,
        calibration=fitted.calibration,
        quantile_levels=fitted.network.quantile_levels,
        samples=fitted.network.samples,
        paths=paths,
    )
    if paths != PATHS and how.base != "paths":
        raise SettingsError(
            Fault("paths", f"={paths}: {how.method} intervals of this {fitted.name} draw no paths; leave it out")
        )
    return how


def cut_windows(fitted: FittedState, prepared: PreparedPanel, starts_items: Starts) -> Windows:
    """Cut the windows that start at the given steps of the given items."""
    windows = make_windows(
        prepared.panel,
        prepared.scaler,
        starts_items,
        fitted.task.lookback,
        fitted.task.horizon,
        targets=fitted.task.targets,
        with_known=fitted.network.uses_known,
        prompter=fitted.network.prompter,
    )
    if not fitted.network.uses_phase:
        windows = windows.without_phase()
    return replace(windows, known=replace(windows.known, item_numbers=fitted.known.rows_of(prepared.panel)))


def forecast_windows(
    fitted: FittedState,
    prepared: PreparedPanel,
    starts_items: Starts,
    batch_size: int | None = None,
    how: Intervals | Scores | None = None,
) -> Iterator[ForecastBatch]:
    """Forecast from the windows that start at the given steps of the given items, in order.

    `how` selects interval construction or score collection; None forecasts points only. Raises SettingsError for a
    model that was only pretrained.
    """
    check_forecasts(fitted)
    task = fitted.task
    most = MANY if fitted.network.is_light else 512
    steps = task.lookback + task.horizon
    batch_size = batch_size_for_memory(steps, task.channels, most=most, stated=batch_size)
    asked = starts_items[0]
    pace = 1
    if how is not None and how.in_a_row:
        items, held = starts_items[1], held_until(fitted, prepared)
        starts_items, pace = consecutive_origins(prepared.panel, asked, items, held, task.lookback, how.stride)
    windows = cut_windows(fitted, prepared, starts_items)
    sampling = None
    if how is not None and how.base == "paths":
        seeds = window_seeds(prepared.panel, *starts_items, task.lookback, fitted.run.seed)
        sampling = Sampling(how.paths, seeds)
    columns = list(task.targets)
    target = Target(
        prepared.panel.values,
        _units(fitted, prepared, columns),
        task.targets,
        None if how is None else prepared.spread[:, columns],
        silent_of(fitted, prepared, starts_items),
    )
    batches = forecasts(fitted.engine.compute(sampling), windows, target, batch_size=batch_size)
    if how is None:
        return batches
    batches = how.around(batches, prepared.panel, pace)
    return select_requested(batches, asked) if how.in_a_row else batches


def _units(fitted: FittedState, prepared: PreparedPanel, columns: list[int]) -> UnitConversion:
    """The way back to original units, in which a model may ask for values of at least zero, or whole ones."""
    units, asks, panel = prepared.scaler.units(prepared.panel, columns), fitted.network, prepared.panel
    if (
        asks.nonnegative
        and (least := float(panel.values[:, columns].min(initial=0.0, where=panel.observed[:, columns]))) < 0
    ):
        raise DataError(
            f"nonnegative: the data hold {least:g}, and no forecast may lie below zero; leave the setting out, or"
            " correct the data",
            setting="model.nonnegative",
            value="false",
        )
    return replace(units, nonnegative=units.nonnegative or asks.nonnegative, whole=asks.whole)


def silent_of(fitted: FittedState, prepared: PreparedPanel, starts_items: Starts) -> NDArray[np.int64] | None:
    """[windows, targets] steps since the last observed value of silent look-backs; None where every value was."""
    if prepared.panel.complete:
        return None
    task = fitted.task
    return silent_steps(prepared.panel, starts_items[0], task.lookback, task.targets)


def outcome_notes(
    fitted: FittedState, prepared: PreparedPanel, starts_items: Starts, how: Intervals | None
) -> list[str]:
    """Notes on limits of adaptive intervals. Raises DataError where no series has an outcome."""
    if how is None or how.method != "adaptive":
        return []
    starts, held = starts_items[0], held_until(fitted, prepared)
    notes = check_outcomes(prepared.panel, starts, held, fitted.task.lookback, how.stride)
    return [Note(note, NoteCode.INTERVALS) for note in notes]


def held_until(fitted: FittedState, prepared: PreparedPanel) -> Any:
    """[items] steps, counted from an item's start, before which outcomes were calibrated on; 0 of a new series."""
    parts, calibration = prepared.parts, fitted.calibration
    ends = parts.test_end if calibration and calibration.part == "test" else parts.val_end
    return np.where(fitted.known.rows_of(prepared.panel) >= 0, ends, 0)


def judge(
    fitted: FittedState,
    prepared: PreparedPanel,
    which: Judged,
    how: Intervals | Scores | None = None,
    batch_size: int | None = None,
    kept: list[ForecastBatch] | None = None,
) -> Evaluation:
    """Forecast and judge every window of one part once; `kept` receives the forecasts.

    Raises DataError when the part holds no window.
    """
    starts_items = prepared.starts(which.part, fitted.task.lookback, fitted.task.horizon, which.stride)
    if not len(starts_items[0]):
        raise DataError(
            f"the {which.part} part of {which.data} holds no window of {fitted.task.lookback} + {fitted.task.horizon}"
            f" steps ({prepared.why_none(which.part, fitted.known.ends, fitted.known.rows_of(prepared.panel))})"
        )
    found = judged_sums(fitted, prepared, which, starts_items, how, batch_size, kept)
    return found.evaluation(fitted.name, which, how if isinstance(how, Intervals) else None)


def judged_sums(
    fitted: FittedState,
    prepared: PreparedPanel,
    which: Judged,
    starts_items: Starts,
    how: Intervals | Scores | None = None,
    batch_size: int | None = None,
    kept: list[ForecastBatch] | None = None,
) -> JudgedSums:
    """Forecast at least one window, and sum the errors."""
    task, count = fitted.task, len(starts_items[0])
    naive_error, constant = prepared.naive_error[:, list(task.targets)], constant_of(fitted, prepared)
    notes = _window_notes(fitted, prepared, which, starts_items)
    notes = (*notes, *_scale_notes(fitted, prepared, naive_error, constant))
    batches = forecast_windows(fitted, prepared, starts_items, batch_size, how)
    baseline = SeasonalNaiveErrors(prepared.panel, list(task.targets), task.lookback, naive_error, constant)
    batches = baseline.around(batches)
    short = None
    if which.drop is not None:
        short = DropLast(which.drop, count, naive_error, constant)
        batches = short.around(batches)
    found = None
    if isinstance(how, Intervals):
        taus = how.quantile_levels
        found = IntervalErrors(how.levels, taus), IntervalErrors(how.levels, taus)
        if how.calibration is not None and which.part in (how.calibration.part, "all"):
            text = "these intervals are judged on windows that they were calibrated on"
            notes = (*notes, Note(text, NoteCode.INTERVALS))
    errors = accumulate_errors(_keeping(batches, kept), naive_error, None, found, constant)
    dropped = None if short is None else short.result()
    return JudgedSums(count, errors, baseline.model, baseline.sums, found, notes, dropped)


def _keeping(batches: Iterator[ForecastBatch], kept: list[ForecastBatch] | None) -> Iterator[ForecastBatch]:
    """Yield the batches and keep them without interval inputs."""
    for batch in batches:
        if kept is not None:
            kept.append(replace(batch, distribution=None))
        yield batch


def _window_notes(fitted: FittedState, prepared: PreparedPanel, which: Judged, starts_items: Starts) -> tuple[str, ...]:
    """Notes on the figures of these windows."""
    notes = prepared.said(which.part, starts_items[1], fitted.card.schema.last, which.stride)
    silent = silent_of(fitted, prepared, starts_items)
    if silent is not None and (note := silent_note(silent)) is not None:
        notes = (*notes, note)
    return notes


def constant_of(fitted: FittedState, prepared: PreparedPanel) -> NDArray[np.bool_] | None:
    """[items, targets] series whose training part never changes, so that they have no scale; None where all have."""
    if not fitted.run.data.scale:
        return None
    columns = list(fitted.task.targets)
    constant = (prepared.scaler.std[:, columns] == 1) & (prepared.spread[:, columns] < 1e-6)
    return constant if constant.any() else None


def _scale_notes(
    fitted: FittedState, prepared: PreparedPanel, naive_error: Any, constant: NDArray[np.bool_] | None
) -> list[Note]:
    """Notes on series left out of scaled figures and of MASE."""

    def names(which: NDArray[np.bool_]) -> str:
        targets, panel = fitted.task.targets, prepared.panel
        return shorten([panel.series_name(item, targets[at]) for item, at in np.argwhere(which)], 3)

    notes = []
    if constant is not None:
        text = (
            f"scaled figures leave out {int(constant.sum())} of {constant.size} series: their training part is constant"
            f" and gives no scale ({names(constant)})"
        )
        notes.append(Note(text, NoteCode.CONSTANT))
    if (without := np.isnan(naive_error)).any():
        text = (
            f"MASE leaves out {int(without.sum())} of {without.size} series: their training part repeats itself"
            f" exactly, or is no longer than a season ({names(without)})"
        )
        notes.append(Note(text, NoteCode.CONSTANT))
    return notes


def calibrate_on(
    fitted: FittedModel,
    prepared: PreparedPanel,
    which: Judged,
    *,
    base: str = "auto",
    paths: int = PATHS,
    batch_size: int | None = None,
) -> Evaluation:
    """Judge one part, and replace the calibration of `fitted` by the scores of its windows."""
    starts_items = prepared.starts(which.part, fitted.task.lookback, fitted.task.horizon, which.stride)
    scores = scores_for(fitted, which, len(starts_items[0]), base, paths)
    evaluation = judge(fitted, prepared, which, scores, batch_size)
    take_scores(fitted, prepared, which, scores)
    return evaluation


def calibrate_at(fitted: FittedModel, prepared: PreparedPanel, which: Judged, starts_items: Starts) -> Evaluation:
    """As `calibrate_on`, of these windows alone."""
    scores = scores_for(fitted, which, len(starts_items[0]))
    found = judged_sums(fitted, prepared, which, starts_items, scores)
    take_scores(fitted, prepared, which, scores)
    return found.evaluation(fitted.name, which, None)


def scores_for(fitted: FittedState, which: Judged, windows: int, base: str = "auto", paths: int = PATHS) -> Scores:
    """What collects the scores of so many windows. Raises SettingsError for a base that the model has not."""
    task, levels = fitted.task, fitted.network.quantile_levels
    chosen = check_base(base, which.part, fitted.name, levels, samples=fitted.network.samples)
    return Scores(chosen, levels, paths, windows, task.horizon * len(task.targets), which.stride)


def take_scores(fitted: FittedModel, prepared: PreparedPanel, which: Judged, scores: Scores) -> None:
    """Replace the calibration of `fitted` by collected scores, and name it in the card."""
    fitted.calibration = scores.calibration(prepared.panel, which.part, constant_of(fitted, prepared))
    intervals = None
    if fitted.calibration is not None:
        chose = which.part == "val" and fitted.card.training is not None and fitted.run.training.chooses
        intervals = {"method": "conformal", **fitted.calibration.about(), "chose_weights": chose}
    fitted.card = replace(fitted.card, intervals=intervals)
