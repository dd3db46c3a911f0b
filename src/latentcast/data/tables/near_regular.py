"""Stamps that are nearly regular: one for each day, week, month, quarter or year, or steps that begin anew after a
break, moved onto a grid."""

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from latentcast.data.tables.frequency import DAY_NS, day_of, of_length

Stamps = NDArray[Any]
Steps = NDArray[np.int64]

_FILLED = 0.65  # share of stamps in the period after the one before: five of seven days, with room for holidays
_ALIKE = 0.9  # share of distances that are a whole number of steps
_NEAR = 0.1  # of a step, as far as such a distance may be from it
_MONTHS = {"M": 1, "Q": 3, "Y": 12}
_LONGEST_DAY = 28  # of the month, from which on a stamp belongs to the month's end


def moved_onto_grid(stamps: Stamps, codes: Steps, alias: str | None = None) -> tuple[Stamps, str] | None:
    """Stamps moved to their period or to the nearest step, and what they were moved to; None where two meet.

    Parameters
    ----------
    stamps
        [rows] datetime64[ns], sorted within each series.
    codes
        [rows] the number of each row's series.
    alias
        The frequency, where it is known; otherwise the finest period that the stamps fill is taken.
    """
    if alias is None and (found := _to_step(stamps, codes)) is not None:
        return found
    units = ("D", "W", "M", "Q", "Y") if alias is None else _unit_of(alias)
    for unit in units:
        numbers = _numbers(stamps, unit, alias)
        apart = np.diff(numbers)[np.diff(codes) == 0]
        if not len(apart) or (apart <= 0).any():
            return None  # two stamps of one period share every longer one too
        if alias is not None or (apart == 1).mean() >= _FILLED:
            return _placed(stamps, numbers, unit, alias), _words(unit)
    return None


def _unit_of(alias: str) -> tuple[str, ...]:
    name = alias.partition("-")[0].lstrip("0123456789")
    known = {"B": "D", "D": "D", "W": "W", "MS": "M", "ME": "M", "QS": "Q", "QE": "Q", "YS": "Y", "YE": "Y"}
    return (known[name],) if name in known and name == alias.partition("-")[0] else ()


def _numbers(stamps: Stamps, unit: str, alias: str | None) -> Steps:
    """The number of the period of each stamp."""
    days = stamps.astype("datetime64[D]")
    if unit == "D":
        return np.asarray(days.astype(np.int64))
    if unit == "W":
        return np.asarray((days.astype(np.int64) - _weekday(stamps, alias) + 3) // 7)
    months = days.astype("datetime64[M]").astype(np.int64)
    return np.asarray((months - _phase(months, unit, alias)) // _MONTHS[unit])


def _weekday(stamps: Stamps, alias: str | None) -> int:
    """The usual day of the week, counted from 1970-01-01, a Thursday."""
    if alias is not None:
        return ("THU", "FRI", "SAT", "SUN", "MON", "TUE", "WED").index(alias.partition("-")[2] or "SUN")
    return int(np.bincount(stamps.astype("datetime64[D]").astype(np.int64) % 7).argmax())


def _phase(months: Steps, unit: str, alias: str | None) -> int:
    """The usual month within the quarter or the year."""
    size = _MONTHS[unit]
    if alias is None or "-" not in alias:
        return int(np.bincount(months % size).argmax())
    names = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
    return names.index(alias.partition("-")[2]) % size


def _placed(stamps: Stamps, numbers: Steps, unit: str, alias: str | None) -> Stamps:
    """The usual place within each period, at the usual time of day."""
    within = (stamps - stamps.astype("datetime64[D]")).astype(np.int64)
    usual = int(pd.Series(within).mode().iloc[0])
    if unit == "D":
        days = numbers
    elif unit == "W":
        days = numbers * 7 + _weekday(stamps, alias)
    else:
        months = stamps.astype("datetime64[M]").astype(np.int64)
        begins = (numbers * _MONTHS[unit] + _phase(months, unit, alias)).astype("datetime64[M]")
        at = (stamps.astype("datetime64[D]") - stamps.astype("datetime64[M]").astype("datetime64[D]")).astype(np.int64)
        day = int(pd.Series(at).mode().iloc[0])
        at_end = day >= _LONGEST_DAY if alias is None else alias[1:2] == "E"
        first = 0 if alias is not None or day <= 1 else day
        days = day_of(begins, at_end).astype(np.int64) + (0 if at_end else first)
    return np.asarray((days * DAY_NS + usual).astype("datetime64[ns]"))


def _to_step(stamps: Stamps, codes: Steps) -> tuple[Stamps, str] | None:
    """Steps shorter than a day that begin anew after a break, at the nearest multiple of the step."""
    exact = stamps.astype(np.int64)
    apart = np.diff(exact)[np.diff(codes) == 0]
    if not len(apart) or (apart <= 0).any():
        return None
    step = int(pd.Series(apart).mode().iloc[0])
    off = np.abs(apart - np.round(apart / step) * step)
    if not 0 < step < DAY_NS or (off <= _NEAR * step).mean() < _ALIKE:
        return None
    for phase in (0, int(exact[0] % step)):
        moved = (exact - phase + step // 2) // step * step + phase
        if (np.diff(moved)[np.diff(codes) == 0] > 0).all():
            return moved.astype("datetime64[ns]"), f"the nearest step of {of_length(step)}"
    return None


def _words(unit: str) -> str:
    names = {"D": "day", "W": "week", "M": "month", "Q": "quarter", "Y": "year"}
    return f"the usual place in their {names[unit]}, of which each has one"
