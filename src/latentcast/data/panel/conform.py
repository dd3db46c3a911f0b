"""Read new data with the schema of a fit."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from latentcast.core.errors import DataError, GapError, TimeError, shorten
from latentcast.data.panel.build import build
from latentcast.data.panel.panel import Panel
from latentcast.data.settings import DataSettings
from latentcast.data.sources.frames import Source
from latentcast.data.tables.clock import Clock, on_the_clock_of
from latentcast.data.tables.table import is_long, with_text_names
from latentcast.data.tables.time_column import joined_time, time_column

_ROWS = 6  # of a series, from which on they tell how far rows lie apart


def read_alike(
    source: Source,
    settings: DataSettings,
    schema: Mapping[str, Any],
    *,
    gaps: str | None = None,
    remedy: Callable[[Source], str],
) -> Panel:
    """Read data with the columns, the frequency and the clock of a fit (`schema` of its card).

    `gaps` is another policy than the fit's; `remedy` ends the message about other columns or steps.
    Raises GapError, TimeError and DataError when the data are not of the fit's kind.
    """
    frequency, channels = settings.freq or schema["freq"], tuple(schema["channels"])
    try:
        panel = build(source.frame, settings.model_copy(update={"freq": frequency, "gaps": gaps or settings.gaps}))
    except GapError as error:
        if gaps is not None:
            raise GapError(f"{error.args[0].split(';')[0]}: there is nothing to fill it from") from error
        raise GapError(f"{error}, when the model is fitted: what it was fitted with holds here too") from error
    except TimeError as error:
        its = f"the fit had steps of {frequency}, and its settings hold here too"
        raise TimeError(f"{error} ({its}){remedy(source)}") from error
    except DataError as error:
        if strange := _strange(source.frame, settings, channels):
            raise DataError(_others([], strange, remedy(source))) from error
        raise
    if panel.frequency.integer and not str(schema["freq"]).isdecimal():
        raise TimeError(
            f"the fit had dates with steps of {schema['freq']}, and the data have none: their steps are counted; give"
            f" them a column of dates{remedy(source)}"
        )
    if settings.freq is None and (apart := _rows_apart(panel)) > 1:
        raise TimeError(
            f"the fit had steps of {frequency}, and the rows of the data lie {apart} of them apart: they are of another"
            f" frequency{remedy(source)}"
        )
    zone = schema.get("zone")
    fitted = Clock(zone, wall=schema.get("wall", panel.clock.wall and zone is not None))
    times, clock = on_the_clock_of(fitted, panel.clock, panel.times, first=schema["first"], step=panel.frequency.step)
    panel = replace(panel, times=times, clock=clock)
    if panel.channels == channels:
        return panel
    missing = [name for name in channels if name not in panel.channels]
    extra = [name for name in panel.channels if name not in channels]
    if missing or extra:
        raise DataError(_others(missing, extra, remedy(source)))
    order = [panel.channels.index(name) for name in channels]
    return replace(panel, values=panel.values[:, order], observed=panel.observed[:, order], channels=channels)


def _rows_apart(panel: Panel) -> int:
    """Steps between rows with a value, where all lie a multiple of it apart; 1 where a series has too few to tell."""
    seen = np.asarray(panel.observed.any(axis=1))
    apart = []
    for begin, end in zip(panel.offsets[:-1], panel.offsets[1:], strict=True):
        at = np.flatnonzero(seen[begin:end])
        if len(at) < _ROWS:
            return 1
        apart.append(int(np.gcd.reduce(np.diff(at))))
        if apart[-1] == 1:
            return 1
    return int(np.gcd.reduce(apart))


def _others(missing: list[str], extra: list[str], remedy: str) -> str:
    what = [f"missing: {shorten(missing)}"] * bool(missing) + [f"not in the fit: {shorten(extra)}"] * bool(extra)
    drop = f"; drop {shorten(extra)} from the data" if extra else ""
    return f"the channels are not those of the fit ({'; '.join(what)}){drop}{remedy}"


def _strange(frame: pd.DataFrame, settings: DataSettings, channels: tuple[str, ...]) -> list[str]:
    """Columns that are neither channels nor settings of the fit."""
    frame, _ = joined_time(with_text_names(frame), settings)
    columns = list(frame.columns)
    known = {
        time_column(frame, settings),
        *channels,
        *settings.ignore,
        *settings.future,
        *settings.past,
        *settings.static,
    }
    if is_long(frame, settings):
        known |= {*(settings.id_names or ("unique_id",)), *(settings.value_names or ("y",))}
    elif settings.columns is not None or settings.features == "S":
        return []  # others are not read
    return [name for name in columns if name not in known]
