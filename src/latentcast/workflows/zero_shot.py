"""Forecasts of any table by the pretrained generalist: nothing is fitted, and torch is not imported."""

import logging
from collections.abc import Mapping, Sequence
from statistics import NormalDist
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from latentcast.core.errors import DataError, Fault, SettingsError
from latentcast.core.nested import nested
from latentcast.core.settings import validate
from latentcast.data.panel.build import build
from latentcast.data.panel.give_back import as_it_came, origins
from latentcast.data.panel.panel import Panel
from latentcast.data.settings import DataSettings
from latentcast.data.sources.open import open_data
from latentcast.data.types import Frame, IntoFrame, Level
from latentcast.models.pretrained.network import LEVELS, MEDIAN
from latentcast.models.pretrained.ragged import forecast_rows
from latentcast.models.pretrained.seasons import seasons_to_try
from latentcast.models.pretrained.weights import load_weights
from latentcast.models.pretrained.widths import widened, width_factor
from latentcast.workflows.zero_shot_notes import notes_of

log = logging.getLogger("latentcast")
CONTEXT = 1024
NAME = "generalist"


def zero_shot(
    data: IntoFrame,
    horizon: int | None = None,
    *,
    level: Level = None,
    season: int | None = None,
    seasons: Literal["auto", "given", "weighed", "detected"] = "auto",
    nonnegative: bool = False,
    integer: bool = False,
    weights: str = "small",
    settings: Mapping[str, Any] | None = None,
) -> Frame:
    """Forecast beyond the end of each series with the weights that the package ships.

    Parameters
    ----------
    data
        A frame, a file, or the name of a dataset.
    horizon
        Steps to forecast. None takes one season, at least 6 steps.
    level
        Levels of prediction intervals in per cent, one or several. They are the model's own quantiles, wider or
        narrower by what backtests inside the contexts of the table say.
    season
        Main season in steps. None takes that of the frequency.
    seasons
        How the season is chosen, see `GeneralistSettings`.
    nonnegative, integer
        Cut forecasts at zero; round them to whole numbers.
    weights
        Shipped weights by name, or a folder of `latentcast pretrain --model generalist`.
    settings
        Settings of the data: {"data.freq": "h", "data.columns": ["load"], ...}.

    Returns
    -------
    frame
        Columns unique_id, ds, generalist and, with levels, generalist-lo-80, generalist-hi-80, …, in original units;
        of the same kind as `data`.

    Raises
    ------
    DataError
        When the data cannot be read, hold no series with an observed value, or negative values with `nonnegative`.
    SettingsError
        When a level, the horizon or a setting is none.

    Examples
    --------
    >>> latentcast.zero_shot(frame, 3)["generalist"].round().tolist()
    [16.0, 17.0, 18.0]
    """
    levels = _levels(level)
    if horizon is not None and (isinstance(horizon, bool) or not isinstance(horizon, int) or horizon < 1):
        raise SettingsError(Fault("horizon", f"={horizon!r}: wanted a whole number of at least 1"))
    source, defaults = open_data(data)
    chosen = _data_settings(defaults, settings or {})
    panel = build(source.frame, chosen)
    chosen = chosen.model_copy(update=dict(panel.found))
    for note in panel.notes:
        log.warning(note)
    main = season or panel.season
    steps = horizon or max(6, main)
    rows, names = _rows(panel)
    if nonnegative and (least := float(np.nanmin(rows, initial=0.0))) < 0:
        raise DataError(
            f"nonnegative: the data hold {least:g}, and no forecast may lie below zero; leave it out, or fix the data"
        )
    for sentence in notes_of(rows, names, main, steps):
        log.warning(sentence)
    options, detected = seasons_to_try(main, seasons)
    found = forecast_rows(load_weights(weights), rows, options, steps, detected=detected, contexts=(CONTEXT,))
    if np.isnan(found).any():
        empty = [name for name, row in zip(names, found, strict=True) if np.isnan(row).any()]
        raise DataError(
            f"nothing was observed of {', '.join(empty[:5])}: leave them out (data.ignore), or give values",
            setting="data.ignore",
        )
    if levels:
        factor = width_factor(load_weights(weights), rows, options, steps, detected=detected, contexts=(CONTEXT,))
        found = widened(found, factor)
    found = np.maximum(found, 0.0) if nonnegative else found
    found = np.round(found) if integer else found
    frame = as_it_came(_frame(panel, names, found, levels), source, panel, chosen)
    return source.give_back_as(frame, origins(source, chosen))


def _data_settings(defaults: Mapping[str, Any], settings: Mapping[str, Any]) -> DataSettings:
    """Settings of the data. Raises SettingsError for any other: nothing would read it."""
    given = nested(settings)
    if strange := [name for name in given if name != "data"]:
        raise SettingsError(
            [f"{name}: zero-shot forecasts take settings of the data alone (data.…)" for name in strange]
        )
    return validate(DataSettings, {**defaults, **dict(given.get("data", {}))}, "data.")


def _levels(level: float | Sequence[float] | None) -> list[float]:
    if level is None:
        return []
    given = [level] if isinstance(level, int | float) else list(level)
    faults = [f"level={value!r}: wanted per cent between 0 and 100, as 80" for value in given if not 1 <= value < 100]
    if faults:
        raise SettingsError(faults)
    return sorted({float(value) for value in given})


def _rows(panel: Panel) -> tuple[NDArray[np.float64], list[str]]:
    """[series, time] the last values of every series, right-aligned, NaN where none was observed; and their names."""
    longest = min(CONTEXT, int(panel.lengths.max()))
    count = len(panel.channels)
    rows = np.full((len(panel.ids) * count, longest), np.nan)
    for item, (start, end) in enumerate(zip(panel.offsets[:-1], panel.offsets[1:], strict=True)):
        first = max(start, end - longest)
        values = np.where(panel.observed[first:end], panel.values[first:end], np.nan)
        rows[item * count : (item + 1) * count, longest - len(values) :] = values.T
    names = [panel.series_name(item, channel) for item in range(len(panel.ids)) for channel in range(count)]
    return rows, names


def _frame(panel: Panel, names: list[str], found: NDArray[np.float64], levels: list[float]) -> pd.DataFrame:
    steps = found.shape[1]
    times = panel.future_times(steps)
    columns = {f"{NAME}-lo-{level:g}": _at(found, 0.5 - level / 200) for level in reversed(levels)}
    columns |= {f"{NAME}-hi-{level:g}": _at(found, 0.5 + level / 200) for level in levels}
    return pd.DataFrame(
        {
            "unique_id": np.repeat(np.array(names, dtype=object), steps),
            "ds": panel.clock.restore(np.repeat(times, len(panel.channels), axis=0).reshape(-1)),
            NAME: found[..., MEDIAN].reshape(-1),
            **{name: values.reshape(-1) for name, values in columns.items()},
        }
    )


def _at(found: NDArray[np.float64], wanted: float) -> NDArray[np.float64]:
    """[series, horizon] a quantile between the known ones, on the scale of a normal distribution, or beyond them."""
    normal = NormalDist()
    known = np.array([normal.inv_cdf(level) for level in LEVELS])
    place = normal.inv_cdf(wanted)
    high = int(np.clip(np.searchsorted(known, place), 1, len(known) - 1))
    share = (place - known[high - 1]) / (known[high] - known[high - 1])
    return np.asarray(found[..., high - 1] + share * (found[..., high] - found[..., high - 1]))
