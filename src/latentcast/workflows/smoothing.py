"""Level, slope, season and residuals of exponential smoothing: what `auto-ets` fitted to the last look-back."""

from collections.abc import Callable
from functools import partial
from itertools import product
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from latentcast.core.errors import DataError, SettingsError
from latentcast.core.notes import Note, NoteCode
from latentcast.core.types import Batch
from latentcast.data.types import Frame, IntoFrame
from latentcast.data.windows.windows import batch_size_for_memory
from latentcast.forecaster.forecaster import Forecaster
from latentcast.forecaster.inputs import ForecastInputs, prepare_forecast
from latentcast.forecaster.judge import cut_windows
from latentcast.forecaster.load import as_forecaster
from latentcast.forecaster.output import give_back
from latentcast.models.hybrid.model import Hybrid
from latentcast.models.standalone.classical import AutoEts
from latentcast.models.standalone.ets_components import Components

Smoothing = tuple[str, AutoEts, Callable[[Batch], Batch]]


def smoothing_components(
    forecaster: Forecaster | str | Path, data: IntoFrame, *, future_covariates: IntoFrame | None = None
) -> Frame:
    """The components that exponential smoothing finds in the last look-back of every series.

    Parameters
    ----------
    forecaster
        An `auto-ets`, or a `hybrid` with such a member, or the folder of one.
    data, future_covariates
        As for `Forecaster.predict`.

    Returns
    -------
    frame of the same library as `data`
        One row for each series and step of its look-back, from its first observed step on: `unique_id`, `ds`, `model`
        (its label), `form` (as ETS(A,Ad,M): error, trend, season), `value` (gaps filled as the model read them),
        `level`, `slope`, `season` and `residual`. Original units; a multiplicative season is a factor, and residuals of
        a multiplicative error are relative ones. NaN where the form has no such component. After a transform
        (`data.transform`) all are standard deviations of the transformed values, with a note.

    Raises
    ------
    SettingsError
        The model is no `auto-ets`, and no hybrid with one.
    DataError
        As `Forecaster.predict`; and when every look-back is constant or too short to be fitted to.

    Examples
    --------
    >>> forecaster = latentcast.fit(frame, "auto-ets", lookback=48, horizon=2)
    >>> latentcast.smoothing_components(forecaster, frame).columns.tolist()[3:]
    ['form', 'value', 'level', 'slope', 'season', 'residual']
    """
    forecaster = as_forecaster(forecaster)
    models = _models(forecaster)
    targets = forecaster.task.targets
    inputs = prepare_forecast(forecaster, data, future_covariates)
    forecaster.told.extend(inputs.notes)
    starts, items = inputs.windows
    task, frames, lost = forecaster.task, [], 0
    size = batch_size_for_memory(task.lookback + task.horizon, task.channels)
    for which, batch in cut_windows(forecaster, inputs.prepared, inputs.windows).in_batches(size):
        for label, model, given_to in models:
            given = given_to(batch)
            places = product(range(len(which)), targets)
            for (row, channel), components in zip(places, model.components(given, targets), strict=True):
                if components is None:
                    lost += 1
                    continue
                at = (int(starts[which[row]]) + task.lookback, int(items[which[row]]), channel)
                scale = 1.0 if given.units is None else float(given.units.scale[row, 0, channel])
                frames.append(_rows(inputs, label, components, at, scale))
    if not frames:
        raise DataError(f"{forecaster.name}: every look-back is constant or too short, and has no components")
    _note(forecaster, lost)
    return give_back(forecaster, inputs.source, inputs.panel, pd.concat(frames, ignore_index=True))


def _models(forecaster: Forecaster) -> list[Smoothing]:
    """Label, model and the batch as it receives it of each exponential smoothing. Raises SettingsError without any."""
    model = forecaster.network.model
    if isinstance(model, AutoEts):
        return [(forecaster.name, model, lambda batch: batch)]
    members = model.named_networks() if isinstance(model, Hybrid) else ()
    found: list[Smoothing] = [
        (label, network.model, partial(model.given, label, network))
        for label, network in members
        if isinstance(network.model, AutoEts)
    ]
    if not found:
        raise SettingsError(
            f"{forecaster.name} has no components of exponential smoothing: fit auto-ets, or a hybrid with such a"
            " member (model hybrid)"
        )
    return found


def _rows(
    inputs: ForecastInputs, label: str, found: Components, at: tuple[int, int, int], scale: float
) -> pd.DataFrame:
    """The rows of one series; `at` are the step after its look-back, its item and its channel."""
    (end, item, channel), count, panel = at, len(found.level), inputs.panel

    def column(values: NDArray[np.float64] | None, unit: float = scale) -> NDArray[np.float64]:
        return np.full(count, np.nan) if values is None else values * unit

    return pd.DataFrame(
        {
            "unique_id": panel.series_name(item, channel),
            "ds": panel.clock.restore(panel.times[end - count : end]),
            "model": label,
            "form": found.form,
            "value": column(found.history),
            "level": column(found.level),
            "slope": column(found.slope),
            "season": column(found.season, 1.0 if found.season_multiplies else scale),
            "residual": column(found.residuals, 1.0 if found.error_multiplies else scale),
        }
    )


def _note(forecaster: Forecaster, lost: int) -> None:
    if lost:
        note = f"{lost} look-backs are constant or too short to be fitted to, and have no components"
        forecaster.told.extend([Note(note, NoteCode.MODEL)])
    if (transform := forecaster.run.data.transform) != "none":
        note = f"components are in standard deviations of the values after data.transform={transform}"
        forecaster.told.extend([Note(note, NoteCode.MODEL)])
