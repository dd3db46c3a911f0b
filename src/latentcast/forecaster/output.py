"""Turn forecasts into frames of the same kind as the input."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from latentcast.data.panel.give_back import as_it_came, origins
from latentcast.data.panel.panel import Panel
from latentcast.data.sources.frames import Source
from latentcast.data.types import Frame
from latentcast.evaluation.forecasts import ForecastBatch
from latentcast.forecaster.state import FittedState


def forecast_frame(fitted: FittedState, panel: Panel, values: Any, columns: Mapping[str, Any]) -> pd.DataFrame:
    """[items, horizon, target] values beyond the end of a panel → one row per series and step, with more columns."""
    targets = fitted.task.targets
    times = panel.future_times(values.shape[1])
    wide = panel.ids == ("",)
    names = [panel.channels[channel] for channel in targets] if wide else list(panel.ids)
    return pd.DataFrame(
        {
            "unique_id": np.repeat(np.array(names, dtype=object), values.shape[1] * (1 if wide else len(targets))),
            "ds": panel.clock.restore(np.repeat(times, len(targets), axis=0).reshape(-1)),
            fitted.name: values.transpose(0, 2, 1).reshape(-1),
            **columns,
        }
    )


def give_back(fitted: FittedState, source: Source, panel: Panel, frame: pd.DataFrame) -> Frame:
    """The frame in the kind, the number type of ids and the time unit of the data."""
    return source.give_back_as(as_it_came(frame, source, panel, fitted.run.data), origins(source, fitted.run.data))


def window_frame(fitted: FittedState, panel: Panel, batches: Sequence[ForecastBatch]) -> pd.DataFrame:
    """unique_id, ds, cutoff and y of every forecast value, in the order of `one_column`; y is NaN where unobserved."""
    horizon, targets = fitted.task.horizon, fitted.task.targets
    items = np.concatenate([batch.index.items for batch in batches])
    begins = np.concatenate([batch.index.starts for batch in batches]) + fitted.task.lookback
    steps = begins[:, None] + np.arange(horizon)
    names = [panel.series_name(item, channel) for item in items for channel in targets]
    actual = [
        found.original if found.observed is None else np.where(found.observed, found.original, np.nan)
        for found in (batch.outcome for batch in batches)
    ]
    return pd.DataFrame(
        {
            "unique_id": np.repeat(np.array(names, dtype=object), horizon),
            "ds": panel.clock.restore(np.repeat(panel.times[steps], len(targets), axis=0).reshape(-1)),
            "cutoff": panel.clock.restore(np.repeat(panel.times[begins - 1], len(targets) * horizon)),
            "y": one_column(actual),
        }
    )


def one_column(pieces: Sequence[Any]) -> Any:
    """[batch, horizon, target] pieces → one value per window, target and step."""
    return np.concatenate([piece.transpose(0, 2, 1).reshape(-1) for piece in pieces])
