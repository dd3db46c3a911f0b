"""The look-back of a fit that names none."""

from typing import Any

import numpy as np

from latentcast.models.config.presets import MODEL_PRESETS

SEASONS, HORIZONS, LEAST, MOST = 4, 3, 24, 720
QUARTER = 0.25  # of the series may be too short for a window; these are padded


def default_lookback(model: str, season: int, horizon: int, lengths: Any) -> int:
    """Steps that a forecast reads: four seasons or three horizons, whichever is longer, at most 720.

    Models that read longer histories for the price of shorter ones (`ModelPreset.reads`) take more. Two thirds of what
    three of four series have for training besides the horizon are the limit, and one season the least.

    Parameters
    ----------
    model
        A name of `latentcast models`.
    season, horizon
        Steps of a season of the data, and steps to forecast.
    lengths
        Length of the training part of each series.
    """
    named = MODEL_PRESETS.get(model)
    wanted = max(min(max(SEASONS * season, HORIZONS * horizon, LEAST), MOST), 0 if named is None else named.reads)
    usable = (int(np.quantile(lengths, QUARTER)) - horizon) * 2 // 3
    return max(min(wanted, usable), season, 1)
