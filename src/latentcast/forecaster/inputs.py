"""Prepare data for a fitted model: open them, put them on the grid of the fit, attach its statistics."""

from dataclasses import dataclass, replace

import numpy as np

from latentcast.core.errors import Fault, SettingsError
from latentcast.data.features.future import lay_ahead
from latentcast.data.panel.conform import read_alike
from latentcast.data.panel.padding import fill_up
from latentcast.data.panel.panel import Panel
from latentcast.data.sources.frames import Source
from latentcast.data.sources.open import open_data
from latentcast.data.types import IntoFrame
from latentcast.data.windows.view import PreparedPanel
from latentcast.data.windows.windows import Starts
from latentcast.forecaster.drift import Drift, drift
from latentcast.forecaster.state import FittedState


@dataclass(frozen=True)
class LastWindows:
    """A panel, and the last window of each of its series.

    Attributes
    ----------
    panel
        The data on the grid of the fit, without the horizon.
    prepared
        The same with room for the horizon behind each series, and the statistics of the fit.
    windows
        First step and item of the last window of each series.
    notes
        What the user should know of these data: drift, short series, early ends.
    """

    panel: Panel
    prepared: PreparedPanel
    windows: Starts
    notes: tuple[str, ...]


@dataclass(frozen=True)
class ForecastInputs(LastWindows):
    """The data of a forecast beyond the end of each series; results come back as the same kind of frame as `source`."""

    source: Source


def read_panel(fitted: FittedState, source: Source, *, gaps: str | None = None) -> Panel:
    """The data on the grid of the fit; `gaps` replaces the gap policy of the fit.

    Raises DataError when columns, frequency or clock differ from those of the fit.
    """
    panel = read_alike(
        source,
        fitted.run.data,
        fitted.card.schema.to_dict(),
        gaps=gaps,
        remedy=fitted.engine.transfer_hint,
    )
    if gaps is None:
        fitted.told.extend(panel.notes)
    return panel


def prepare(
    fitted: FittedState, panel: Panel, *, future_only: bool = False, among_longer: bool = False
) -> PreparedPanel:
    """The panel split into parts, with the statistics of the fit; with `future_only` all steps count as past."""
    return fitted.known.view(panel, fitted.run.data, fitted.task, future_only=future_only, among_longer=among_longer)


def open_prepared(
    fitted: FittedState, data: IntoFrame, *, gaps: str | None = None, future_only: bool = False
) -> tuple[Source, PreparedPanel]:
    """Open data and prepare them as the fit reads them."""
    source, _ = open_data(data)
    return source, prepare(fitted, read_panel(fitted, source, gaps=gaps), future_only=future_only)


def prepare_forecast(
    fitted: FittedState, data: IntoFrame, future_covariates: IntoFrame | None = None, *, whole: bool = True
) -> ForecastInputs:
    """Everything that a forecast beyond the end of each series reads; with `whole` also what lies before look-backs.

    Raises DataError when the data are not of the fit's kind, SettingsError for covariates that the model does not take.
    """
    source, _ = open_data(data)
    panel = read_panel(fitted, source)
    laid, change = laid_out(fitted, panel, whole=whole)
    room = laid.prepared.panel
    if (effects := fitted.known.scaler.effects) is not None:
        ahead = None if future_covariates is None else open_data(future_covariates)[0].frame
        room = lay_ahead(room, ahead, effects, fitted.run.data, fitted.task.horizon)
    elif future_covariates is not None:
        raise SettingsError(Fault("future_covariates", f": this {fitted.name} was fitted without any (data.future)"))
    notes = (*laid.notes, *fitted.known.ends_apart(panel), *change.notes())
    return ForecastInputs(panel, replace(laid.prepared, panel=room), laid.windows, notes, source)


def laid_out(fitted: FittedState, panel: Panel, *, whole: bool = True) -> tuple[LastWindows, Drift]:
    """The last window of each series of a panel, with room for the horizon, and how far the data have drifted.

    Without `whole`, steps before the look-backs are left out where no forecast reads them.
    """
    read = panel if whole or _reaches_back(fitted, panel) else panel.last(fitted.task.lookback)
    filled = fill_up(read, fitted.task.lookback)
    prepared = prepare(fitted, filled.panel, future_only=True)
    change = drift_of(fitted, read, prepared)
    room = filled.panel.extended(fitted.task.horizon)
    starts = room.offsets[1:] - fitted.task.lookback - fitted.task.horizon
    windows = starts, np.arange(len(panel.ids))
    notes = (*filled.notes, *prepared.notes[len(panel.notes) :])
    return LastWindows(panel, replace(prepared, panel=room), windows, notes), change


def _reaches_back(fitted: FittedState, panel: Panel) -> bool:
    """Whether something before the look-backs counts: gaps, covariates, transforms, notes, or series to be measured."""
    scaler = fitted.known.scaler
    plain = scaler.effects is None and scaler.transform is None and panel.said is None and panel.complete
    return not plain or bool((fitted.known.rows_of(panel) < 0).any())


def drift_of(fitted: FittedState, panel: Panel, prepared: PreparedPanel) -> Drift:
    """How the last look-back of each series compares with its training part."""
    return drift(panel, prepared.scaler, fitted.task.lookback, scaled=fitted.run.data.scale)
