"""The one way of forecasts out: frames of the same kind as the data that came in."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from latentcast.data.panel.give_back import as_it_came, origins
from latentcast.data.panel.panel import Panel
from latentcast.data.sources.frames import Source
from latentcast.data.types import Frame
from latentcast.evaluation.forecasts import ForecastBatch
from latentcast.forecaster.fitted import FittedModel
from latentcast.forecaster.inputs import ForecastInputs
from latentcast.forecaster.intervals import Intervals, interval_columns


def to_frame(
    fitted: FittedModel, inputs: ForecastInputs, batches: Sequence[ForecastBatch], how: Intervals | None
) -> Frame:
    """unique_id, ds, the forecast and its intervals, in original units."""
    values = np.concatenate([batch.original for batch in batches])
    intervals = {} if how is None else interval_columns(fitted.name, how.levels, batches)
    return give_back(fitted, inputs.source, inputs.panel, forecast_frame(fitted, inputs.panel, values, intervals))


def forecast_frame(fitted: FittedModel, panel: Panel, values: Any, columns: Mapping[str, Any]) -> pd.DataFrame:
    """[items, horizon, target] values beyond the end of a panel → one row per series and step, with more columns."""
    targets = fitted.task.targets
    times = panel.future_times(fitted.task.horizon)
    names = [panel.series_name(item, channel) for item in range(len(values)) for channel in targets]
    return pd.DataFrame(
        {
            "unique_id": np.repeat(np.array(names, dtype=object), values.shape[1]),
            "ds": panel.clock.restore(np.repeat(times, len(targets), axis=0).reshape(-1)),
            fitted.name: values.transpose(0, 2, 1).reshape(-1),
            **columns,
        }
    )


def give_back(fitted: FittedModel, source: Source, panel: Panel, frame: pd.DataFrame) -> Frame:
    """The frame in the kind, the number type of ids and the time unit of the data."""
    return source.give_back_as(as_it_came(frame, source, panel, fitted.run.data), origins(source, fitted.run.data))
