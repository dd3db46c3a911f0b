"""Read covariates known in advance for the horizon from a table of their own."""

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from latentcast.core.errors import DataError, TimeError, shorten, suggest
from latentcast.data.features.regression import Effects
from latentcast.data.panel.panel import Panel
from latentcast.data.settings import DataSettings
from latentcast.data.tables.clock import Clock, localised, on_the_clock_of
from latentcast.data.tables.id_text import id_text
from latentcast.data.tables.ids import join_ids
from latentcast.data.tables.sentinels import HUGE, IMPLAUSIBLE
from latentcast.data.tables.table import LARGEST, as_numbers, as_text, is_long, with_text_names
from latentcast.data.tables.time_column import joined_time, time_column
from latentcast.data.tables.timestamps import read_stamps, show


def lay_ahead(room: Panel, frame: pd.DataFrame | None, effects: Effects, settings: DataSettings, horizon: int) -> Panel:
    """Write the covariates of the horizon into a panel whose items end with `horizon` empty steps.

    `frame` has the time column, in long data the ids, and the covariates that the model uses; other columns and rows
    of other steps are ignored. Raises DataError where a covariate, a series or a step is missing or a value is not
    finite, and TimeError for a repeated step.
    """
    names = [column.name for column in effects.proven if column.kind != "holiday"]
    if not names:
        return room
    last = room.offsets[1:, None] - np.arange(horizon, 0, -1)  # [items, horizon]
    if frame is None:
        span = f"{show(room.times[last].min())} .. {show(room.times[last].max())}"
        raise DataError(
            f"this model was trained with what is known in advance ({', '.join(names)}): give it for the {horizon}"
            f" steps to be forecast ({span}), as a table with a time column"
            f"{'' if room.ids == ('',) else ', the ids'} and {'it' if len(names) == 1 else 'them'} (future)"
        )
    frame = with_text_names(frame)
    frame, _ = joined_time(frame, settings)
    if lacking := [name for name in names if name not in frame.columns]:
        raise DataError(
            f"the table of what is known in advance lacks {shorten(lacking)}; {suggest(lacking[0], frame.columns)}"
        )
    items = _items(frame, room, settings)
    column = frame[time_column(frame, settings)]
    read = read_stamps(column, settings.time_format, room.frequency.alias, like=room.written)
    if settings.zone is not None:
        local, clock = localised(read.times, items, settings.zone, "future")
        read = replace(read, times=local, clock=clock)
    fitted = Clock(room.clock.zone, wall=room.clock.wall)
    times, _ = on_the_clock_of(fitted, read.clock, read.times, first=str(room.times[0]), step=room.frequency.step)
    rows = _rows(items, times, room, last)
    covariates = dict(room.covariates)
    for name in names:
        text = room.covariates[name].dtype == object
        given = _column(frame[name], name, text=text)
        values = given[np.maximum(rows, 0)]
        missing = (rows < 0) | pd.isna(values)
        if missing.any():
            raise _lacking(name, missing, room, last)
        if not text and (beyond := np.abs(values) > (most := _largest(room.covariates[name]))).any():
            item, step = np.argwhere(beyond)[0]
            whose = f" of {room.ids[item]}" if room.ids[item] else ""
            raise DataError(
                f"{name!r} is infinite or beyond ±{most:g} at {int(beyond.sum())} of the steps to be forecast"
                f" (first: {values[item, step]} at {show(room.times[last[item, step]])}{whose}); give finite numbers"
            )
        covariates[name] = covariates[name].copy()
        covariates[name][last] = values
    return replace(room, covariates=covariates)


def _items(frame: pd.DataFrame, room: Panel, settings: DataSettings) -> NDArray[np.int64]:
    """Return [rows] the item of each row; -1 for unknown series."""
    if room.ids == ("",) and not (is_long(frame, settings) and not settings.align):
        return np.zeros(len(frame), np.int64)
    names = settings.id_names or ("unique_id",)
    if missing := [name for name in names if name not in frame.columns]:
        raise DataError(
            f"the table of what is known in advance needs the column {missing[0]!r} that tells series apart"
        )
    frame, id_name = join_ids(frame, settings), settings.id_name
    numbers = {name: number for number, name in enumerate(room.ids)}
    found = np.array([numbers.get(id_text(name), -1) for name in frame[id_name]], np.int64)
    if not len(found) or (found >= 0).any():
        return found
    if room.ids == ("",):
        raise DataError(
            f"the data hold one series without an id, and the table of what is known in advance names series in"
            f" {id_name!r}; leave this column out of the table (drop(columns={id_name!r}) in pandas)"
        )
    given = [id_text(name) for name in frame[id_name].drop_duplicates()]
    raise DataError(
        f"no id of the table of what is known in advance ({shorten(given, 3)}) is one of the data"
        f" ({shorten(room.ids, 3)}); write them alike (column {id_name!r})"
    )


def _rows(items: NDArray[np.int64], times: NDArray[Any], room: Panel, last: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return [items, horizon] the row of the table for each step; -1 without one."""
    there: dict[tuple[int, Any], list[int]] = {}
    for row, key in enumerate(zip(items.tolist(), times.tolist(), strict=True)):
        there.setdefault(key, []).append(row)
    found = [[there.get((item, stamp), [-1]) for stamp in row] for item, row in enumerate(room.times[last].tolist())]
    twice = [(item, at) for item, rows in enumerate(found) for at, several in enumerate(rows) if len(several) > 1]
    if twice:
        item, at = twice[0]
        whose = f" of series {room.ids[item]!r}" if room.ids[item] else ""
        raise TimeError(
            f"in what is known in advance {len(twice)} of the steps to be forecast occur twice (first:"
            f" {show(room.times[last[item, at]])}{whose}); keep one row of each"
        )
    return np.array(found, np.int64)[..., 0]


def _largest(known: NDArray[np.float64]) -> float:
    """The largest plausible value of a covariate: larger ones stand for missing values, such as 1e20."""
    most = float(np.nanmax(np.abs(known), initial=0.0))
    return min(max(HUGE, IMPLAUSIBLE * most), LARGEST)


def _column(column: pd.Series, name: str, *, text: bool) -> NDArray[Any]:
    if text:
        return as_text(column)
    numbers = as_numbers(column)
    if numbers is None:
        raise DataError(f"the covariate {name!r} was a number in training, and is text in what is known in advance")
    return numbers


def _lacking(name: str, missing: NDArray[np.bool_], room: Panel, last: NDArray[np.int64]) -> DataError:
    places = np.argwhere(missing)
    stamps = [show(room.times[last[item, step]]) for item, step in places[:5]]
    whose = {room.ids[item] for item, _ in places}
    series = f" of {shorten(sorted(whose), 3)}" if whose != {""} else ""
    return DataError(
        f"{name!r} is known in advance, and missing for {len(places)} of the steps to be forecast{series} (first:"
        f" {', '.join(stamps)}); give it for every one of the {last.shape[1]} steps, or train with a shorter horizon"
    )
