"""Dates whose parts stand in columns of their own: a year next to a month, a week, a quarter, a day, an hour."""

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from latentcast.core.errors import TimeError, shorten
from latentcast.data.tables.calendar_units import UNITS

_EPI_YEARS = ("mmwr year", "mmwr_year", "mmwryear", "epi year", "epi_year", "epiyear")
_NAMES = {  # in the languages of usual files, lower case
    "year": ("year", "yr", "jahr", "annee", "année", "anno", "ano", "año", *_EPI_YEARS),
    "half": ("half", "half_year", "semester", "halbjahr"),
    "quarter": ("quarter", "qtr", "quartal", "trimestre"),
    "month": ("month", "mon", "mth", "monat", "mois", "mes", "mese"),
    "week": ("week", "wk", "isoweek", "iso_week", "week_number", "weeknum", "week_no", "kw", "woche", "semaine"),
    "epiweek": ("mmwr week", "mmwr_week", "mmwrweek", "epi week", "epi_week", "epiweek", "ew"),
    "day": ("day", "tag", "jour", "dia"),
    "hour": ("hour", "hr", "stunde", "heure", "hora"),
    "minute": ("minute",),
    "second": ("second",),
}
YEARS = _NAMES["year"]
_UNITS = ("month", "week", "epiweek", "quarter", "half")  # one of them stands next to a year, finer ones first
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")


def parts_of(columns: Iterable[str]) -> dict[str, str]:
    """The part of a date that each column holds, by name → the column; empty without a year and a unit of it."""
    lower = {name.lower(): name for name in columns}
    found = {
        part: lower[name]
        for part, names in _NAMES.items()
        if (name := next((one for one in names if one in lower), None)) is not None
    }
    if "week" in found and found.get("year", "").lower() in _EPI_YEARS:
        found["epiweek"] = found.pop("week")
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


def _numbers(column: pd.Series, part: str) -> pd.Series:
    """A part as whole numbers, months also by their English names; missing where it is none."""
    numbers = pd.to_numeric(column, errors="coerce")
    if part == "month" and numbers.isna().all():
        names = column.astype(str).str.strip().str.lower().str[:3]
        return names.map({name: number for number, name in enumerate(_MONTHS, start=1)})
    return numbers.where(numbers == np.floor(numbers))
