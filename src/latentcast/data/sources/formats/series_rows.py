"""Tables with one series a row and its steps as columns, as the M competitions and statistical offices write them."""

import re

import numpy as np
import pandas as pd

from latentcast.data.sources.formats.notes import with_notes
from latentcast.data.tables.ids import IDS
from latentcast.data.tables.period_texts import read_periods

_COUNTED = re.compile(r"[A-Za-z]*[_ ]?(\d+)")
_YEAR = re.compile(r"(?:FY ?)?((?:1[6-9]|20)\d\d)(?: \[YR\d{4}\])?")  # 1960 [YR1960] of the World Bank
LEAST = 8  # columns of numbers below which a table is taken as it is


def as_long(frame: pd.DataFrame) -> pd.DataFrame | None:
    """The long frame of such a table; None for any other.

    The first column names the series, each once; all columns after a few of text are steps: counted (V1, V2, …), years
    or dates. What stands before the first value of a series or behind its last one is no part of it.
    """
    if len(frame.columns) <= LEAST:
        return None
    texts = [name for name in frame.columns[1:] if _is_text(frame[name])]
    steps = [name for name in frame.columns[1:] if name not in texts]
    if len(steps) < LEAST or list(frame.columns[-len(steps) :]) != steps:
        return None
    stamps = _stamps([str(name).strip() for name in steps])
    ids, apart = _ids(frame, texts)
    if stamps is None or not ids:
        return None
    values = frame[steps].to_numpy(float)
    seen = ~np.isnan(values)
    first, last = seen.argmax(1), values.shape[1] - seen[:, ::-1].argmax(1)
    at = np.arange(values.shape[1])
    inside = (at >= first[:, None]) & (at < last[:, None]) & seen.any(1)[:, None]
    row, step = np.nonzero(inside)
    names = ids if len(ids) > 1 else ["unique_id"]
    texts = [name for name in (frame.columns[0], *texts) if name not in ids]
    columns = {name: frame[one].astype(str).to_numpy(object)[row] for name, one in zip(names, ids, strict=True)}
    long = pd.DataFrame({**columns, "ds": stamps[step], "y": values[row, step]})
    long.attrs = dict(frame.attrs)
    if len(ids) > 1:
        long.attrs[IDS] = tuple(names)
    left_out = f"; the columns {', '.join(map(str, texts))} are left out" if texts else ""
    empty = int((~seen.any(1)).sum())
    left_out += f"; {empty} without any value are left out" if empty else ""
    return with_notes(long, [f"the table holds one series a row, {len(frame)} of them{apart}{left_out}"])


def _ids(frame: pd.DataFrame, texts: list[str]) -> tuple[list[str], str]:
    """The columns that name the series: the first one, or several of text that together do; none where none does."""
    if _names_series(frame.iloc[:, 0]):
        return [str(frame.columns[0])], ""
    named = [name for name in (frame.columns[0], *texts) if _is_text(frame[name]) and frame[name].notna().all()]
    varied = [name for name in named if len(frame[name].unique()) > 1]
    used: list[str] = []
    for name in varied:  # Country Code tells apart no more than Country Name
        if not used or len(frame[[*used, name]].drop_duplicates()) > len(frame[used].drop_duplicates()):
            used.append(name)
    if len(used) > 1 and not frame.duplicated(used).any():
        return used, f", named by {' and '.join(used)}"
    alone = next((name for name in varied if _names_series(frame[name])), None)
    return ([alone], f", named by {alone}") if alone else ([], "")


def _names_series(column: pd.Series) -> bool:
    if not _is_text(column) or column.isna().any() or not column.is_unique:
        return False
    return not column.astype(str).str.fullmatch(r"[\d\s:./TZ+-]+").any()  # dates name steps, not series


def _is_text(column: pd.Series) -> bool:
    return column.dtype == object or pd.api.types.is_string_dtype(column)


def _stamps(names: list[str]) -> np.ndarray | None:
    """Years or dates where all names are; counts where they rise by one; None otherwise."""
    years = [_YEAR.fullmatch(name.strip()) for name in names]
    if all(years):
        return pd.to_datetime(pd.Series([year[1] for year in years if year]), format="%Y").to_numpy()
    counted = [_COUNTED.fullmatch(name) for name in names]
    if all(counted):
        numbers = np.array([int(match[1]) for match in counted if match is not None])
        return numbers if (np.diff(numbers) == 1).all() else None
    if (periods := read_periods(pd.Series(names), "columns", None, None)) is not None:
        return periods[0]
    dates = pd.to_datetime(pd.Series(names), format="ISO8601", errors="coerce")
    ordered = dates.is_monotonic_increasing or dates.is_monotonic_decreasing
    return None if dates.isna().any() or not ordered else dates.to_numpy()
