"""Dates whose parts stand in columns of their own: a year next to a month, a week, a quarter, a day, an hour."""

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from latentcast.core.errors import TimeError, shorten
from latentcast.data.tables.calendar_units import UNITS

_NAMES = {  # in the languages of usual files, lower case
    "year": ("year", "yr", "jahr", "annee", "année", "anno", "ano", "año"),
    "half": ("half", "half_year", "semester", "halbjahr"),
    "quarter": ("quarter", "qtr", "quartal", "trimestre"),
    "month": ("month", "mon", "mth", "monat", "mois", "mes", "mese"),
    "week": ("week", "wk", "isoweek", "iso_week", "week_number", "weeknum", "week_no", "kw", "woche", "semaine"),
    "day": ("day", "tag", "jour", "dia"),
    "hour": ("hour", "hr", "stunde", "heure", "hora"),
    "minute": ("minute",),
    "second": ("second",),
}
_UNITS = ("month", "week", "quarter", "half")  # one of them stands next to a year, finer ones first
_SUMS = ("total", "sum", "annual", "ann", "mean", "average", "avg", "summe", "jahr", "year_total")
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")


def parts_of(columns: Iterable[str]) -> dict[str, str]:
    """The part of a date that each column holds, by name → the column; empty without a year and a unit of it."""
    lower = {name.lower(): name for name in columns}
    found = {
        part: lower[name]
        for part, names in _NAMES.items()
        if (name := next((one for one in names if one in lower), None)) is not None
    }
    unit = next((unit for unit in _UNITS if unit in found), None)
    if "year" not in found or unit is None:
        return {}
    below = ("day", "hour", "minute", "second") if unit == "month" else ()
    return {part: name for part, name in found.items() if part in ("year", unit, *below)}


def stamps_of(frame: pd.DataFrame, parts: Mapping[str, str]) -> NDArray[Any] | None:
    """The stamps that the parts make; None where the columns hold something else.

    Raises TimeError for a part that its year or month does not have.
    """
    numbers = {part: _numbers(frame[name], part) for part, name in parts.items()}
    if any(part.isna().any() for part in numbers.values()) or not numbers["year"].between(1700, 2199).all():
        return None
    if "month" in numbers:
        numbers.setdefault("day", pd.Series(1, index=frame.index))
        try:
            return pd.to_datetime(pd.DataFrame(numbers)).to_numpy("datetime64[ns]")
        except (ValueError, TypeError) as error:
            raise TimeError(f"the columns {shorten(list(parts.values()), 6)} make no dates: {error}") from error
    unit = next(part for part in numbers if part != "year")
    begins = UNITS[unit].begins(numbers["year"].to_numpy(np.int64), numbers[unit].to_numpy(np.int64))
    if np.isnat(begins).any():
        row = int(np.isnat(begins).argmax())
        raise TimeError(
            f"row {row} has {numbers[unit].iloc[row]} as {parts[unit]!r} of {int(numbers['year'].iloc[row])}, and there"
            f" is no such {'half-year' if unit == 'half' else unit}; fix it, or name another column (data.time)"
        )
    return begins.astype("datetime64[ns]")


def months_across(frame: pd.DataFrame) -> tuple[pd.DataFrame, str] | None:
    """A table of one row a year and one column a month as one row a month, and a note; None for another table.

    A column of totals is left out, and so are months without a value at the end.
    """
    names = {name: name.strip().lower() for name in frame.columns}
    months = {name: _MONTHS.index(low[:3]) for name, low in names.items() if low[:3] in _MONTHS and low.isalpha()}
    year = next((name for name, low in names.items() if low in _NAMES["year"]), None)
    others = [name for name in frame.columns if name not in (*months, year)]
    if year is None or sorted(months.values()) != list(range(12)) or any(names[one] not in _SUMS for one in others):
        return None
    years = pd.to_numeric(frame[year], errors="coerce")
    if years.isna().any() or years.duplicated().any() or not years.between(1700, 2199).all():
        return None
    ordered = sorted(months, key=lambda name: months[name])
    rows = frame.sort_values(year)
    first = (rows[year].to_numpy(np.int64) - 1970).astype("datetime64[Y]").astype("datetime64[M]")
    values = pd.concat([rows[ordered].iloc[at] for at in range(len(rows))], ignore_index=True)
    known = np.flatnonzero(values.notna())
    count = int(known[-1]) + 1 if len(known) else len(values)
    stamps = (first[:, None] + np.arange(12)).reshape(-1).astype("datetime64[ns]")
    left = f"; {shorten(others)} left out" if others else ""
    words = f"the twelve columns of months were laid one after another, by {year!r}{left} (as the series 'value')"
    return pd.DataFrame({"ds": stamps[:count], "value": values[:count]}), words


def _numbers(column: pd.Series, part: str) -> pd.Series:
    """A part as whole numbers, months also by their English names; missing where it is none."""
    numbers = pd.to_numeric(column, errors="coerce")
    if part == "month" and numbers.isna().all():
        names = column.astype(str).str.strip().str.lower().str[:3]
        return names.map({name: number for number, name in enumerate(_MONTHS, start=1)})
    return numbers.where(numbers == np.floor(numbers))
