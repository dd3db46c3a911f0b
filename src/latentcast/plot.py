"""The end of each series and its forecast, drawn."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from latentcast.data.panel import Panel
from latentcast.errors import CheckpointError
from latentcast.forecaster import Forecaster, open_data

MOST = 8  # series drawn; a picture of hundreds shows none of them


def plot_forecast(forecaster: Forecaster, data: Any, forecast: pd.DataFrame, path: Path) -> None:
    """Draw up to eight series: their last steps, and what `forecaster.predict(data)` gave. Raises CheckpointError."""
    from utilsforecast.plotting import plot_series

    source, _ = open_data(data)
    past = _past(forecaster, forecaster.panel(source))
    ids = list(dict.fromkeys(forecast["unique_id"]))[:MOST]
    figure = plot_series(
        past[past["unique_id"].isin(ids)],
        forecast[forecast["unique_id"].isin(ids)],
        ids=ids,
        max_insample_length=max(3 * forecaster.task.horizon, forecaster.task.lookback),
        palette="Dark2",
    )
    try:
        figure.savefig(path, dpi=140, bbox_inches="tight")
    except OSError as error:
        raise CheckpointError(f"{path} cannot be written: {error.strerror}") from error


def _past(forecaster: Forecaster, panel: Panel) -> pd.DataFrame:
    """The panel in long form; what the gap policy filled is left out, so that gaps show as gaps."""
    targets = forecaster.task.targets
    names = np.array([[panel.series_name(item, c) for c in targets] for item in range(len(panel.ids))], dtype=object)
    values = np.where(panel.observed, panel.values, np.nan)[:, list(targets)]
    return pd.DataFrame(
        {
            "unique_id": names[panel.item_of_step].T.reshape(-1),
            "ds": forecaster.stamps(panel, np.tile(panel.times, len(targets))),
            "y": values.T.reshape(-1),
        }
    )
