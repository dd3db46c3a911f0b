"""Quarters, months, weeks and days of a year: their number ↔ the stamp at which they begin."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from latentcast.core.errors import TimeError
from latentcast.data.tables.periods_of_year import COUNTS, PeriodsOfYear

Ints = NDArray[np.int64]
YEARS = (1700, 2199)  # that a number is taken for
_CONVENTIONAL = (1900, 2100)  # the same where many other numbers look alike
EPI_NAME = re.compile(r"mmwr|epi[ _-]?(dem\w*)?[ _-]?(week|wk)|cdc[ _-]?week|^ew$", re.I)  # weeks from Sunday on
_MONDAY, _SUNDAY = 3, 4  # days from them to Thursday
_WORDS = {
    "half": ("half", "semester", "halbjahr", "hy"),
    "quarter": ("quarter", "quartal", "qtr", "yyyyq", "yq"),
    "month": ("month", "monat", "mois", "mes", "yyyymm", "ym"),
    "week": ("week", "woche", "wk", "kw", "yyyyww", "yw"),
    "day": ("day", "doy"),
    "count": ("step", "index", "idx"),
}


class AmbiguousTime(TimeError):
    """Stamps are dates, and in more than one way, or in none."""


@dataclass(frozen=True)
class Unit:
    """One way to divide a year.

    Attributes
    ----------
    name
        The word in messages and in `data.time_format`.
    most
        Units in the longest year.
    begins
        Year and number of a unit → the day at which it begins, NaT where there is no such unit.
    number
        Stamps → year and number of their unit.
    position
        Stamps → their unit, counted over all years.
    """

    name: str
    most: int
    begins: Callable[[Ints, Ints], NDArray[Any]]
    number: Callable[[NDArray[Any]], tuple[Ints, Ints]]
    position: Callable[[NDArray[Any]], Ints]


def _months_begin(each: int) -> Callable[[Ints, Ints], NDArray[Any]]:
    def begins(year: Ints, number: Ints) -> NDArray[Any]:
        month = ((year - 1970) * 12 + (number - 1) * each).astype("datetime64[M]")
        return np.where(
            (number >= 1) & (number <= 12 // each), month.astype("datetime64[D]"), np.datetime64("NaT", "D")
        )

    return begins


def _months_number(each: int) -> Callable[[NDArray[Any]], tuple[Ints, Ints]]:
    def number(times: NDArray[Any]) -> tuple[Ints, Ints]:
        month = times.astype("datetime64[M]").astype(np.int64)
        return month // 12 + 1970, month % 12 // each + 1

    return number


def _first_week(year: Ints, since: int) -> NDArray[Any]:
    """The first day of week 1, the week that holds 4 January; `since`: days from that weekday to Thursday."""
    fourth = (year - 1970).astype("datetime64[Y]").astype("datetime64[D]") + 3
    return np.asarray(fourth - (fourth.astype(np.int64) + since) % 7)  # 1 January 1970 is a Thursday


def _weeks_begin(since: int) -> Callable[[Ints, Ints], NDArray[Any]]:
    def begins(year: Ints, number: Ints) -> NDArray[Any]:
        first = _first_week(year, since) + (number - 1) * 7
        exists = (number >= 1) & (first < _first_week(year + 1, since))
        return np.where(exists, first, np.datetime64("NaT", "D"))

    return begins


def _weeks_number(since: int) -> Callable[[NDArray[Any]], tuple[Ints, Ints]]:
    def number(times: NDArray[Any]) -> tuple[Ints, Ints]:
        day = times.astype("datetime64[D]")
        middle = day - (day.astype(np.int64) + since) % 7 + 3
        year = middle.astype("datetime64[Y]").astype(np.int64) + 1970
        return year, (day - _first_week(year, since)).astype(np.int64) // 7 + 1

    return number


def _day_begins(year: Ints, number: Ints) -> NDArray[Any]:
    first = (year - 1970).astype("datetime64[Y]").astype("datetime64[D]")
    day = first + (number - 1)
    same = day.astype("datetime64[Y]").astype(np.int64) + 1970 == year
    return np.where(same & (number >= 1), day, np.datetime64("NaT", "D"))


def _day_number(times: NDArray[Any]) -> tuple[Ints, Ints]:
    day, year = times.astype("datetime64[D]"), times.astype("datetime64[Y]")
    return year.astype(np.int64) + 1970, (day - year.astype("datetime64[D]")).astype(np.int64) + 1


def _every(kind: str, each: int = 1, offset: int = 0) -> Callable[[NDArray[Any]], Ints]:
    return lambda times: (times.astype(f"datetime64[{kind}]").astype(np.int64) + offset) // each


def _equal(count: int) -> Unit:
    calendar = PeriodsOfYear(count)
    return Unit(f"periods{count}", count, calendar.begins, calendar.number, lambda times: calendar.position(times)[0])


UNITS: Mapping[str, Unit] = {
    unit.name: unit
    for unit in (
        Unit("half", 2, _months_begin(6), _months_number(6), _every("M", 6)),
        Unit("quarter", 4, _months_begin(3), _months_number(3), _every("M", 3)),
        Unit("month", 12, _months_begin(1), _months_number(1), _every("M")),
        Unit("week", 53, _weeks_begin(_MONDAY), _weeks_number(_MONDAY), _every("D", 7, _MONDAY)),
        Unit("epiweek", 53, _weeks_begin(_SUNDAY), _weeks_number(_SUNDAY), _every("D", 7, _SUNDAY)),
        *map(_equal, COUNTS),
        Unit("day", 366, _day_begins, _day_number, _every("D")),
    )
}


def breaks(positions: Ints) -> tuple[int, int]:
    """How many distances of neighbours are not the usual one, and the usual one; (0, 0) of a single position."""
    distances = np.diff(np.unique(positions))
    if not len(distances):
        return 0, 0
    lengths, counts = np.unique(distances, return_counts=True)
    return int(len(distances) - counts.max()), int(lengths[counts.argmax()])


def most_regular(positions: Mapping[str, Ints], name: str, freq: str | None) -> list[str]:
    """The readings under which the stamps are most regular; one where the frequency or the column's name decides."""
    found = {reading: breaks(places) for reading, places in positions.items()}
    kept = {
        reading: number
        for reading, (number, usual) in found.items()
        if not (reading == "count" and usual > 1) and not (reading == "week" and usual > 8)
    }
    kept = kept or {reading: number for reading, (number, _) in found.items()}
    least = min(kept.values())
    best = [reading for reading, number in kept.items() if number == least]
    for reading in (_of_frequency(freq, best), _of_name(name, best)):
        if reading is not None:
            return [reading]
    return best


def _of_frequency(freq: str | None, best: list[str]) -> str | None:
    """The reading that a stated frequency asks for."""
    if freq is None:
        return None
    letter = freq.lstrip("0123456789")[:1].upper()
    wanted = {
        "": ("count",),
        "Q": ("quarter", "month"),
        "M": ("month",),
        "W": ("week", "epiweek"),
        "D": ("day",),
        "B": ("day",),
    }
    return next((reading for reading in wanted.get(letter, ()) if reading in best), None)


def _of_name(name: str, best: list[str]) -> str | None:
    """The reading that the column's name asks for, where it asks for one alone."""
    named = [reading for reading in best if any(word in name.lower() for word in _WORDS.get(reading, ()))]
    return named[0] if len(named) == 1 else None


def plausible(year: Ints, *, conventional: bool = False) -> bool:
    """Whether all years are such as data have."""
    least, most = _CONVENTIONAL if conventional else YEARS
    return bool(((year >= least) & (year <= most)).all())
