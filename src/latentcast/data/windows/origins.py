"""Rolling origins of the validation part: what a choice of models is judged by."""

import numpy as np
from numpy.typing import NDArray

from latentcast.data.panel.panel import Panel
from latentcast.data.panel.split import Split

Origins = tuple[NDArray[np.int64], NDArray[np.int64]]  # items, and the step at which each forecast begins

ORIGINS = (3, 30)  # of each series: of many, and of few
FORECASTS = 1200  # from the origins of all series, about
VALUES = 2**21  # forecast values, at most


def rolling_origins(panel: Panel, parts: Split, horizon: int) -> Origins:
    """Origins evenly spaced in the validation part of each series, the last included; empty where none has room."""
    channels = len(panel.channels)
    low = np.maximum(parts.train_end, horizon)  # padded series have as many steps of the past
    high = parts.val_end - horizon
    items = np.flatnonzero(high >= low)
    if not len(items):
        return items, items
    each = max(1, VALUES // (horizon * channels))
    if len(items) > each:
        items = items[np.linspace(0, len(items) - 1, each).round().astype(int)]
    few, many = ORIGINS
    wanted = min(many, max(few, FORECASTS // (len(items) * channels)))
    count = max(1, min(wanted, each // len(items)))
    pairs = [
        (item, step)
        for item in items
        for step in np.unique(np.linspace(high[item], low[item], count).round().astype(np.int64))
    ]
    chosen = np.array(pairs, dtype=np.int64)
    return chosen[:, 0], chosen[:, 1]


def starts_at(origins: Origins, panel: Panel, padded: Panel, lookback: int) -> NDArray[np.int64]:
    """The first step of the window before each origin, in the padded panel of a forecaster."""
    items, steps = origins
    pads = padded.lengths - panel.lengths
    return np.asarray(padded.offsets[items] + pads[items] + steps - lookback)
