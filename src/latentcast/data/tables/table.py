"""Turn a data frame into numbers, series and channels: find each column's role and check it."""

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from latentcast.core.assignments import assignment
from latentcast.core.errors import DataError, TimeError, UndeclaredColumns, shorten, suggest
from latentcast.core.notes import Note, NoteCode
from latentcast.data.settings import DataSettings
from latentcast.data.tables.id_text import id_text
from latentcast.data.tables.runs import factorize_ids
from latentcast.data.tables.sentinels import sentinel_notes, without_fill_values, without_lone_outliers
from latentcast.data.tables.time_column import UNNAMED, are_years, joined_time, time_column

_FEW = 12  # whole numbers of a covariate that may name categories
SMALLEST = 1e-30  # variances of smaller values underflow
LARGEST = 1e30  # float32 ends at 3e38, and errors are squared
_NUMBERS = ("integer", "floating", "mixed-integer-float", "decimal", "boolean", "empty")


@dataclass(frozen=True)
class Table:
    """Rows in their original order.

    time      name of the time column
    codes     [rows] the number of each row's series
    values    [rows, channels]; NaN where missing
    ids       name of each series; ("",) in wide data
    covariates      known in advance and static ones, [rows] each: numbers, or text with None where missing
    notes     what a user of the result should know
    """

    time: str
    codes: NDArray[np.int64]
    values: NDArray[np.float64]
    ids: tuple[str, ...]
    channels: tuple[str, ...]
    covariates: dict[str, NDArray[Any]] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


def with_text_names(frame: pd.DataFrame) -> pd.DataFrame:
    """The same data, not copied, under names that are text."""
    named = frame.copy(deep=False)
    named.columns = pd.Index([str(name) for name in frame.columns])
    return named


def read_table(frame: pd.DataFrame, settings: DataSettings) -> Table:
    """Find the columns by the settings or by their usual names; `frame` has text column names.

    Raises TimeError without a time column, and DataError when another column is missing, unknown, not used by any
    model, or holds something else than finite numbers.
    """
    columns = list(frame.columns)
    if len(set(columns)) < len(columns):
        twice = sorted({name for name in columns if columns.count(name) > 1})
        raise DataError(f"columns share a name: {shorten(twice)}; rename them")
    time = time_column(frame, settings)
    covariates = (*settings.future, *settings.past, *settings.static)
    named = (*settings.ignore, *(settings.columns or ()), *covariates)
    unknown = [f"{name!r} ({suggest(name, columns)})" for name in named if name not in columns]
    if unknown:
        raise DataError(f"no such column: {', '.join(unknown)}")
    if time in covariates:
        raise DataError(f"{time!r} is the time column and cannot be a covariate too")
    table = _long(frame, time, settings) if is_long(frame, settings) else _wide(frame, time, settings)
    values, filled = without_fill_values(table.values, table.channels)
    _refuse_infinite(values, table.channels)
    values, lone = without_lone_outliers(values, table.codes, table.channels, table.ids)
    _refuse_tiny(values, table.channels)
    found = {}
    for name, column in table.covariates.items():
        if column.dtype != object:
            column, more = without_fill_values(column[:, None], (name,))
            column, filled = column[:, 0], (*filled, *more)
            if np.abs(column[~np.isnan(column)]).max(initial=0) > LARGEST:
                raise DataError(f"the covariate {name!r} holds values that are infinite or beyond ±{LARGEST:g}")
        found[name] = column
    table = replace(table, values=values, covariates=found)
    signs = (Note(note, NoteCode.READING) for note in (*filled, *lone, *sentinel_notes(values, table.channels)))
    return replace(table, notes=(*signs, *_numbers_that_name(table, settings)))


def _refuse_infinite(values: NDArray[np.float64], channels: tuple[str, ...]) -> None:
    if (np.fmax.reduce(values, axis=None, initial=0.0) > LARGEST) or (
        np.fmin.reduce(values, axis=None, initial=0.0) < -LARGEST
    ):
        beyond = np.abs(values) > LARGEST
        row, at = np.argwhere(beyond)[0]
        raise DataError(
            f"{int(beyond.sum())} values are infinite or beyond ±{LARGEST:g} (first: {values[row, at]} in"
            f" {channels[at]}, row {row}); make them missing, or rescale the column"
        )


def _refuse_tiny(values: NDArray[np.float64], channels: tuple[str, ...]) -> None:
    largest = np.fmax(np.fmax.reduce(values, axis=0, initial=0.0), -np.fmin.reduce(values, axis=0, initial=0.0))
    for at in np.flatnonzero((largest > 0) & (largest < SMALLEST)):
        raise DataError(
            f"all values of {channels[at]} lie within ±{SMALLEST:g} (the largest is {largest[at]:.3g}): their squares"
            " cannot be computed; rescale the column"
        )


def _numbers_that_name(table: Table, settings: DataSettings) -> tuple[str, ...]:
    """Note on covariates with few distinct integers, which may be categories."""
    notes = []
    for name, column in table.covariates.items():
        if column.dtype == object:
            continue
        distinct = np.unique(column[~np.isnan(column)])
        if 2 < len(distinct) <= _FEW and (distinct == np.floor(distinct)).all():
            text = (
                f"the covariate {name!r} holds {len(distinct)} whole numbers and is read as one number; where they name"
                f" categories, set {assignment('data.categorical', *settings.categorical, name)}"
            )
            notes.append(Note(text, NoteCode.COVARIATES))
    return tuple(notes)


def without_row_numbers(frame: pd.DataFrame, settings: DataSettings) -> tuple[pd.DataFrame, tuple[str, ...]]:
    """The table without a first column that has no name and counts its rows, an index that was written along, and a
    note that says so; as it came where the settings name that column."""
    name = frame.columns[0] if len(frame.columns) else None
    one = (settings.time, *settings.id_names, *settings.value_names, settings.target)
    named = (*one, *(settings.columns or ()), *settings.ignore, *settings.future, *settings.past, *settings.static)
    if name not in UNNAMED or name in named or not pd.api.types.is_integer_dtype(frame.iloc[:, 0]):
        return frame, ()
    rest = frame.iloc[:, 1:]
    if not (np.diff(frame.iloc[:, 0].to_numpy()) == 1).all() or (
        are_years(frame.iloc[:, 0]) and not _has_time(rest, settings)
    ):
        return frame, ()
    text = "the first column has no name and counts the rows: it was left out, as their index"
    return rest, (Note(text, NoteCode.ORDER),)


def _has_time(frame: pd.DataFrame, settings: DataSettings) -> bool:
    try:
        time_column(joined_time(frame, settings)[0], settings)
    except TimeError:
        return False
    return True


def is_long(frame: pd.DataFrame, settings: DataSettings) -> bool:
    """Whether each row is one series at one step: as stated, or by what the settings and columns tell."""
    if settings.layout != "auto":
        return settings.layout == "long"
    stated = settings.align or settings.id is not None or settings.value is not None
    return stated or ("unique_id" in frame.columns and "unique_id" not in settings.ignore)


def _long(frame: pd.DataFrame, time: str, settings: DataSettings) -> Table:
    id_name, value = settings.id_name, str(settings.value or "y")
    columns = list(frame.columns)
    for name, setting in ((id_name, "data.id"), (value, "data.value")):
        if name not in columns:
            raise DataError(f"long data need a column {name!r}; there are {shorten(columns, 8)}: set it ({setting})")
    if taken := [name for name in (id_name, value) if name in (*settings.future, *settings.past, *settings.static)]:
        raise DataError(f"{shorten(taken)}: id and value are no covariates")
    if len({time, id_name, value}) < 3:
        raise DataError(f"time, id and value are three columns; got {time!r}, {id_name!r} and {value!r}")
    if settings.columns is not None:
        raise DataError(
            "data.columns chooses variates of wide data; in long data use data.value or data.ignore",
            setting="data.columns",
        )
    declared = (*settings.future, *settings.past, *settings.static)
    extra = [name for name in columns if name not in (time, id_name, value, *settings.ignore, *declared)]
    if extra:
        left_out = (*settings.ignore, *extra)
        raise UndeclaredColumns(
            f"long data have undeclared columns: {shorten(extra)}; declare them as covariates"
            " (data.future, data.past, data.static),"
            f" or leave them out on purpose ({assignment('data.ignore', *left_out)})",
            setting="data.ignore",
            value=left_out,
        )
    codes, ids = _series(frame[id_name])
    channels = (value, *settings.past)
    return Table(time, codes, _values(frame, list(channels), settings), ids, channels, _beside(frame, settings))


def _series(column: pd.Series) -> tuple[NDArray[np.int64], tuple[str, ...]]:
    """Number and names of the series, in the order in which they first appear."""
    codes, distinct = factorize_ids(column)
    ids = tuple(map(id_text, distinct))
    without = codes < 0
    if "" in ids:
        without |= codes == ids.index("")
    if without.any():
        raise DataError(
            f"{int(without.sum())} rows have no {column.name} (first: row {int(without.argmax())});"
            " name their series or leave them out"
        )
    if len(set(ids)) < len(ids):
        twice = sorted({name for name in ids if ids.count(name) > 1})
        raise DataError(
            f"{column.name} holds a number and a text that read the same: {shorten(twice)}; give the column one kind"
        )
    return codes.astype(np.int64, copy=False), ids


def _wide(frame: pd.DataFrame, time: str, settings: DataSettings) -> Table:
    if settings.static:
        raise DataError(
            f"data.static: {shorten(settings.static)}: in wide data there is one series, and nothing to tell apart",
            setting="data.static",
        )
    known = settings.future
    used = settings.columns or tuple(name for name in frame.columns if name not in (time, *settings.ignore, *known))
    if both := [name for name in used if name in known]:
        raise DataError(
            f"{shorten(both)}: known in advance (data.future) and to be forecast (data.columns)", setting="data.future"
        )
    if time in used:
        raise DataError(
            f"{time!r} is the time column and cannot be a variate too (data.columns)", setting="data.columns"
        )
    if len(set(used)) < len(used):
        raise DataError(f"data.columns names a column twice: {shorten(used, 8)}", setting="data.columns")
    if not used:
        raise DataError(f"there is no value column next to the time column {time!r}")
    if settings.features == "S" and settings.target in used:
        used = (str(settings.target), *settings.past)  # other variates are ignored
    values = _values(frame, list(used), settings)
    return Table(time, np.zeros(len(frame), np.int64), values, ("",), used, _beside(frame, settings))


def _beside(frame: pd.DataFrame, settings: DataSettings) -> dict[str, NDArray[Any]]:
    """Covariates as they came: numbers, or text."""
    found: dict[str, NDArray[Any]] = {}
    for name in (*settings.future, *settings.static):
        numbers = None if is_category(frame[name], settings) else as_numbers(frame[name])
        found[name] = as_text(frame[name]) if numbers is None else numbers
    return found


def is_category(column: pd.Series, settings: DataSettings) -> bool:
    """Whether a covariate is declared as categories, by its type or by the settings."""
    return isinstance(column.dtype, pd.CategoricalDtype) or str(column.name) in settings.categorical


def as_text(column: pd.Series) -> NDArray[Any]:
    """[rows] text, None where missing; of a whole number the same whatever its type."""
    return np.array([None if pd.isna(value) else id_text(value) for value in column], dtype=object)


def _values(frame: pd.DataFrame, names: list[str], settings: DataSettings) -> NDArray[np.float64]:
    """[rows, names]; not to be written to, as it may be a column of the frame itself."""
    found = ((name, frame[name]) for name in names)
    columns = {name: col.to_numpy() if col.dtype == np.float64 else as_numbers(col) for name, col in found}
    texts = [name for name, column in columns.items() if column is None]
    if lists := [name for name in texts if isinstance(_first(frame[name]), list | tuple | np.ndarray)]:
        ignored = (*settings.ignore, *lists)
        raise DataError(
            f"{shorten(lists)}: each entry is a list ({_example(frame[lists[0]])}), as where one row is one series;"
            f" give one row per step (frame.explode), or leave it out ({assignment('data.ignore', *ignored)})",
            setting="data.ignore",
            value=ignored,
        )
    if texts:
        ignore = (*settings.ignore, *texts)
        apart = "" if is_long(frame, settings) else ", or the one that tells series apart (data.id)"
        raise DataError(
            f"values must be numbers; {shorten(texts)} {'holds' if len(texts) == 1 else 'hold'} something else"
            f" ({_example(frame[texts[0]])}). Fix the values, or name the columns to leave out"
            f" ({assignment('data.ignore', *ignore)}){apart}",
            setting="data.ignore",
            value=ignore,
        )
    if len(names) == 1 and not settings.missing and (only := columns[names[0]]) is not None and _alone(only):
        only = only.reshape(-1, 1)
        only.flags.writeable = False
        return only
    values = np.empty((len(frame), len(names)))
    for at, name in enumerate(names):
        values[:, at] = columns[name]
    if settings.missing:
        values[np.isin(values, settings.missing)] = np.nan
    return values


def _alone(column: NDArray[Any]) -> bool:
    """Whether a column lies in one piece, in memory that holds no other column of its frame."""
    if not column.flags.c_contiguous:
        return False
    owner: Any = column
    while isinstance(owner.base, np.ndarray):
        owner = owner.base
    return bool(owner.nbytes == column.nbytes)


def as_numbers(column: pd.Series) -> NDArray[np.float64] | None:
    """[rows] with NaN where missing; None for what is not a number (numbers written as text are text)."""
    if isinstance(column.dtype, pd.CategoricalDtype):
        column = column.astype(column.cat.categories.dtype)
    if not pd.api.types.is_numeric_dtype(column):
        if column.isna().all():
            return np.full(len(column), np.nan)
        if column.dtype != object or pd.api.types.infer_dtype(column, skipna=True) not in _NUMBERS:
            return None
        column = pd.to_numeric(column)
    if pd.api.types.is_complex_dtype(column):
        return None
    return column.to_numpy(np.float64, na_value=np.nan)


def _first(column: pd.Series) -> Any:
    return next((value for value in column if value is not None), None)


def _example(column: pd.Series) -> str:
    """The first entry that is no number."""
    bad = column.notna() & pd.to_numeric(column.astype(str), errors="coerce").isna()
    row = int((bad if bad.any() else column.notna()).to_numpy().argmax())
    written = "" if bad.any() else ", numbers written as text"
    return f"first: {column.iloc[row]!r} in {column.name}, row {row}{written}"
