"""Dates of other calendars than the Gregorian: refused by the calendar's name, with a way to convert them."""

import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from latentcast.data.tables.calendar_units import AmbiguousTime

_ERAS = {"明治": 1867, "大正": 1911, "昭和": 1925, "平成": 1988, "令和": 2018}
_LETTERS = dict(zip("MTSHR", _ERAS.values(), strict=True))
_JAPANESE, _MINGUO = "Japanese calendar of eras", "Minguo calendar of Taiwan (1911 years behind)"
_BUDDHIST = "Buddhist calendar (543 years ahead)"
_NAMED = re.compile(r"date|datum|day|time|month|^ds$", re.I)
_YEAR = re.compile(r"year|^yr$|jahr", re.I)
_ROWS = "or count rows as steps (data.steps=rows)"
# Texts that name their calendar: the pattern, the calendar, and the two arguments of `str.replace` that convert them.
_NAMING: tuple[tuple[str, str, Callable[[re.Match[str]], str]], ...] = (
    (rf"({'|'.join(_ERAS)})(\d+|元)年", _JAPANESE, lambda found: _of_era(found[1])),
    (
        r"([MTSHR])(\d{1,2})([./-])\d{1,2}\3\d{1,2}",
        _JAPANESE,
        lambda found: rf"r'^{found[1]}(\d+)', lambda era: str(int(era[1]) + {_LETTERS[found[1]]})",
    ),
    (
        r"(中華)?民國\s*\d+年",
        _MINGUO,
        lambda found: rf"r'^{found[1] or ''}民國\s*(\d+)', lambda year: str(int(year[1]) + 1911)",
    ),
)
# Texts that are of a calendar by their years alone: the pattern of a date, and where its year stands.
_BY_YEARS = (
    (r"^(?P<year>\d{3,4})[-/.年](?P<month>\d{1,2})([-/.月](?P<day>\d{1,2}))?", r"^\d+"),
    (r"^(?P<day>\d{1,2})[-/.](?P<month>\d{1,2})[-/.](?P<year>\d{4})", r"\d{4}(?!.*[-/.])"),
)


def refuse_texts(text: pd.Series, name: Any, *, every: bool) -> None:
    """Raise AmbiguousTime where texts that no reader took, `every` one of a column, are dates of another calendar."""
    first = text.iloc[0]
    for pattern, calendar, replaced in _NAMING:
        if (found := re.match(pattern, first)) is not None:
            raise _refused(name, first, calendar, _replacing(name, replaced(found)))
    for pattern, place in _BY_YEARS if every else ():  # single typing errors are no calendar
        parts = text.str.extract(pattern)
        if parts["year"].isna().any():
            continue
        years, months, days = (parts[unit].fillna(1).astype(int).to_numpy() for unit in ("year", "month", "day"))
        if (by_years := _calendar(years, months, days)) is not None:
            calendar, change = by_years
            shift = f"{'+' if change > 0 else '-'} {abs(change)}"
            how = _replacing(name, f"r'{place}', lambda year: str(int(year[0]) {shift})") if change else None
            raise _refused(name, first, calendar, how)


def refuse_numbers(numbers: NDArray[np.int64], name: str) -> None:
    """Raise AmbiguousTime where whole numbers that would be counted as steps are dates of another calendar."""
    apart = np.unique(np.diff(np.unique(numbers)))
    if _YEAR.search(name) and ((numbers >= 2520) & (numbers <= 2620)).all():
        raise _refused(name, numbers[0], _BUDDHIST, f"frame[{name!r}] - 543")
    days = numbers.min() >= 1_000_000
    year, rest = np.divmod(numbers, 10_000 if days else 100)
    month, day = np.divmod(rest, 100) if days else (rest, np.ones_like(rest))
    uneven = len(apart) > 1 if days else len(apart) == 2 and list(apart) == [1, 89]
    if not uneven and not (days and _NAMED.search(name)):
        return
    calendar = _calendar(year, month, day)
    if calendar is None:
        return
    head = 10_000 if days else 100
    how = f"frame[{name!r}] {'+' if calendar[1] > 0 else '-'} {abs(calendar[1]) * head}" if calendar[1] else None
    raise _refused(name, numbers[0], calendar[0], how)


def _calendar(year: Any, month: Any, day: Any) -> tuple[str, int] | None:
    """The calendar and the years to add, 0 where its months are not those of the Gregorian calendar."""
    if not (((month >= 1) & (month <= 12) & (day >= 1) & (day <= 31)).all()):
        return None
    for least, most, calendar, change in (
        (2480, 2640, _BUDDHIST, -543),
        (100, 150, _MINGUO, 1911),
    ):
        if year.min() >= least and year.max() <= most:
            return calendar, change
    if year.min() >= 1300 and year.max() <= 1500:
        return "Islamic (Hijri) or the Persian calendar", 0
    return None


def _of_era(era: str) -> str:
    year = f'f\'{{int(era[1].replace("元", "1")) + {_ERAS[era]}}}年\''
    return rf"r'{era}(\d+|元)年', lambda era: {year}"


def _replacing(name: Any, arguments: str) -> str:
    return f"frame[{name!r}].str.replace({arguments}, regex=True)"


def _refused(name: Any, first: Any, calendar: str, how: str | None) -> AmbiguousTime:
    fix = f"frame[{name!r}] = {how}" if how else "with a package such as hijridate or jdatetime"
    return AmbiguousTime(
        f"the time column {name!r} holds {first if isinstance(first, str) else int(first)!s}, a date of the {calendar};"
        f" wanted are Gregorian dates: convert it ({fix}), {_ROWS}",
        setting="data.steps",
        value="rows",
    )
