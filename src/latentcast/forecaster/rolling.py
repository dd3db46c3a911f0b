"""Horizons beyond the trained one: forecasts are appended to the past, and the model forecasts on from there."""

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from latentcast.core.errors import SettingsError
from latentcast.forecaster.inputs import LastWindows
from latentcast.forecaster.judge import forecast_windows
from latentcast.forecaster.state import FittedState

Array = NDArray[np.float64]


def check_rolls(fitted: FittedState, horizon: int) -> None:
    """Raise SettingsError for a model that reads what is not known beyond its horizon."""
    task = fitted.task
    if len(task.targets) != task.channels:
        raise SettingsError(
            f"horizon={horizon}: beyond {task.horizon} steps this {fitted.name} would need values of channels that it"
            f" does not forecast; fit it again (--horizon {horizon})"
        )
    if fitted.known.scaler.effects is not None:
        raise SettingsError(
            f"horizon={horizon}: this {fitted.name} was fitted with future covariates and forecasts {task.horizon}"
            f" steps; fit it again for more (--horizon {horizon})"
        )


def rolled(fitted: FittedState, inputs: LastWindows, horizon: int, batch_size: int | None) -> Array:
    """[items, horizon, target] forecasts in original units, made in blocks of the trained horizon."""
    task = fitted.task
    block, blocks = task.horizon, -(-horizon // task.horizon)
    room = inputs.prepared.panel.extended((blocks - 1) * block)
    values, observed = room.values.copy(), room.observed.copy()
    begins, ends = room.offsets[:-1], room.offsets[1:]
    made: list[Any] = []
    for number in range(blocks):
        origins = ends - (blocks - number) * block
        prepared = replace(inputs.prepared, panel=replace(room, values=values, observed=observed))
        starts = np.maximum(origins - task.lookback, begins)
        windows = starts, inputs.windows[1]
        batches = forecast_windows(fitted, prepared, windows, batch_size)
        made.append(np.concatenate([batch.original for batch in batches]))
        steps = origins[:, None] + np.arange(block)
        values, observed = values.copy(), observed.copy()
        values[steps], observed[steps] = made[-1], True
    return np.concatenate(made, axis=1)[:, :horizon]
