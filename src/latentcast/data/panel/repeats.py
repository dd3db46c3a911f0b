"""Stamps that occur twice in a series: copies of a row are left out, others are an error with the ways out."""

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from latentcast.core.errors import TimeError
from latentcast.core.notes import Note, NoteCode
from latentcast.data.tables.infer import infer
from latentcast.data.tables.table import Table
from latentcast.data.tables.timestamps import show

_FEW = 0.02  # share of rows that may repeat a stamp by mistake


def same_values(one: NDArray[Any], other: NDArray[Any]) -> bool:
    """Whether values are equal, missing ones too."""
    return bool(((one == other) | (pd.isna(one) & pd.isna(other))).all())


def without_copies(stamps: NDArray[Any], table: Table) -> tuple[NDArray[Any], Table, tuple[str, ...]]:
    """The rows without those that repeat the time and all values of the row before, and a note."""
    copies = (stamps[1:] == stamps[:-1]) & (table.codes[1:] == table.codes[:-1])
    if not copies.any() or _why_twice(stamps[1:][copies]):
        return stamps, table, ()
    at = np.flatnonzero(copies)
    columns = (*table.values.T, *table.covariates.values())
    for column in columns:
        at = at[[same_values(column[row : row + 1], column[row + 1 : row + 2]) for row in at]]
    if not len(at):
        return stamps, table, ()
    kept = np.delete(np.arange(len(stamps)), at + 1)
    covariates = {name: column[kept] for name, column in table.covariates.items()}
    made = replace(table, codes=table.codes[kept], values=table.values[kept], covariates=covariates)
    text = f"{len(at)} rows repeat the time and the values of another row and were left out"
    return stamps[kept], made, (Note(text, NoteCode.ORDER),)


def refuse_repeats(stamps: NDArray[Any], table: Table) -> None:
    """Raise TimeError where a stamp of a series occurs twice."""
    repeated = (stamps[1:] == stamps[:-1]) & (table.codes[1:] == table.codes[:-1])
    if repeated.any():
        at = int(repeated.argmax())
        name = table.ids[table.codes[at]]
        whose = f" of series {name!r}" if name else ""
        many = "" if name else " (many series? name the column that tells them apart: data.id)"
        hint = _why_twice(stamps[1:][repeated]) or many
        alias = None if hint not in ("", many) else _step_of_rest(stamps, table, repeated)
        means = f" (their means: data.resample={alias})" if alias else ""
        raise TimeError(
            f"{int(repeated.sum())} time stamps occur twice (first: {show(stamps[at])}{whose});"
            f" keep one row of each, or aggregate them{means}{hint}",
            setting="data.resample" if alias else None,
            value=alias,
        )


def _step_of_rest(stamps: NDArray[Any], table: Table, repeated: NDArray[np.bool_]) -> str | None:
    """The step of the other stamps, where few occur twice; None for whole numbers, and where there is none."""
    if repeated.mean() > _FEW or not np.issubdtype(stamps.dtype, np.datetime64):
        return None
    kept = np.append(True, ~repeated)
    try:
        return infer(stamps[kept], table.codes[kept]).alias
    except TimeError as error:
        return error.value if error.setting == "data.resample" else None


def _why_twice(stamps: NDArray[Any]) -> str:
    """Hint for stamps that repeat only in Sunday nights, as when the clocks go back."""
    if not np.issubdtype(stamps.dtype, np.datetime64):
        return ""
    dates = pd.DatetimeIndex(stamps)
    night = (dates.hour <= 3) & (dates.day_of_week == 6) & dates.month.isin([3, 4, 9, 10, 11])
    return "; where the clocks go back in that hour, set their zone (data.zone=Europe/Berlin)" if night.all() else ""
