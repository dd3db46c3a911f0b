"""Read the rows of a frame: values, stamps and series, in the order of the frame."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from latentcast.core.errors import DataError, TimeError
from latentcast.core.notes import Note, NoteCode
from latentcast.data.panel.counted import with_frequency
from latentcast.data.settings import DataSettings
from latentcast.data.sources.formats.notes import notes_of
from latentcast.data.sources.text_numbers import with_text_numbers
from latentcast.data.tables.clock import localised
from latentcast.data.tables.ids import join_ids, settle
from latentcast.data.tables.several_values import one_value, words_of
from latentcast.data.tables.table import Table, read_table, with_text_names, without_row_numbers
from latentcast.data.tables.time_column import joined_time, with_row_numbers
from latentcast.data.tables.timestamps import Stamps, read_stamps, show


@dataclass(frozen=True)
class Rows:
    """A frame that was read; it is not held.

    stamps    when each row is, in the order of the frame
    table     values and series
    settings  those of the caller, with what was inferred
    found     the inferred ones alone: time, id, value, ignore
    notes     of the frame's reader, and on columns that were found
    """

    stamps: Stamps
    table: Table
    settings: DataSettings
    found: Mapping[str, Any]
    notes: tuple[str, ...]


def read_rows(frame: pd.DataFrame, settings: DataSettings) -> Rows:
    """Find the columns and read them; the frame itself is not changed. Raises TimeError or DataError."""
    frame = with_text_names(frame)
    if not len(frame):
        raise DataError("the table has no row")
    frame, left_out = without_row_numbers(frame, settings)
    frame, numbers = with_text_numbers(frame, settings)
    frame, settings, counted = with_frequency(frame, settings)
    frame, joined = joined_time(frame, settings)
    frame = with_row_numbers(frame, settings)
    stated, (settings, chosen) = settings, settle(frame, settings)
    names = ("time", "id", "value", "ignore")
    found = {name: value for name in names if (value := getattr(settings, name)) != getattr(stated, name)}
    frame, settings = one_value(frame, settings)
    frame = join_ids(frame, settings)
    table = read_table(frame, settings)
    read = _read(frame[table.time], table, settings)
    if settings.zone is not None:
        read = _in_zone(read, table, settings.zone)
    read_so = (*numbers, *counted, *joined, *chosen, *words_of(stated), *read.notes)
    own = (Note(note, NoteCode.READING) for note in read_so)
    return Rows(read, table, settings, found, (*notes_of(frame), *left_out, *own, *table.notes))


def _read(column: pd.Series, table: Table, settings: DataSettings) -> Stamps:
    """The stamps; where rows count as steps and the column cannot be read as dates, the numbers of the rows."""
    try:
        read = read_stamps(column, settings.time_format, settings.freq)
    except TimeError:
        if settings.steps != "rows" or column.isna().any() or settings.time_format is not None:
            raise
        numbers = pd.Series(table.codes).groupby(table.codes).cumcount().to_numpy(np.int64) + 1
        text = (
            f"{table.time!r} (such as {column.iloc[0]!r}) cannot be read as dates: rows count as steps in the order in"
            " which they stand, and forecasts have step numbers"
        )
        return Stamps(numbers, notes=(text,))
    if settings.steps == "rows" and (words := _mixed(read.times, table)):
        return replace(read, notes=(*read.notes, words))
    return read


def _mixed(times: NDArray[Any], table: Table) -> str:
    """Words on stamps that begin anew: rows that count as steps are sorted by time, and these are mixed up."""
    same = np.diff(table.codes) == 0
    if not ((times[1:] < times[:-1]) & same).any():
        return ""
    again = pd.MultiIndex.from_arrays([table.codes, times]).duplicated()
    again[1:] &= (times[1:] != times[:-1]) | ~same
    if not again.any():
        return ""
    row = int(again.argmax())
    return (
        f"stamps in {table.time!r} occur again after other ones (first: {show(times[row])}, row {row}), and rows"
        " were put in order of time: where they begin anew each year, or belong to several series, name a column that"
        " goes on (data.time) or the one that tells series apart (data.id)"
    )


def _in_zone(read: Stamps, table: Table, zone: str) -> Stamps:
    """Localise stamps without a zone in the zone that is set; days in rows already are."""
    if read.clock.zone == zone:
        return read
    if read.clock.zone is not None or not np.issubdtype(read.times.dtype, np.datetime64):
        has = f"stamps of {read.clock.zone}" if read.clock.zone else "whole numbers"
        raise TimeError(f"data.zone={zone} is for dates without a zone; {table.time!r} holds {has}: leave it out")
    times, clock = localised(read.times, table.codes, zone, table.time)
    return replace(read, times=times, clock=clock)
