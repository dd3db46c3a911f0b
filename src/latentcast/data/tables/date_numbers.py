"""Read dates written as numbers: 201802 may be a month, a week or a step; 2018.0833 is a month; 1514764800 is a moment
counted from 1970."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from latentcast.data.tables.calendar_units import EPI_NAME, UNITS, AmbiguousTime, Ints, most_regular, plausible
from latentcast.data.tables.day_counts import COUNTS as SINCE
from latentcast.data.tables.day_counts import counted_since
from latentcast.data.tables.periods_of_year import COUNTS, count_of, cycle_of

_NEAR = 0.07  # of a month: what two decimals of a year leave
_CODES = {"yyyyq": ("quarter", 10), "yyyymm": ("month", 100), "yyyyww": ("week", 100), "yyyyddd": ("day", 1000)}
_CODES["yyyyee"] = ("epiweek", 100)
_CODES |= {f"yyyyp{count}": (f"periods{count}", 100) for count in COUNTS}
_UNIT_CODES = {unit: code for code, (unit, _) in _CODES.items()}
_CODES |= {f"yyyyppp{count}": ("month" if count == 12 else f"periods{count}", 1000) for count in (*COUNTS, 12)}
_PERIOD_NAME = re.compile(r"per(?![a-hj-z])|fisc", re.I)
_PARTS = {  # digits of each part, from the first to the last
    "yymmdd": (2, 2, 2),
    "yyyymmdd": (4, 2, 2),
    "yyyymmddhh": (4, 2, 2, 2),
    "yyyymmddhhmm": (4, 2, 2, 2, 2),
    "yyyymmddhhmmss": (4, 2, 2, 2, 2, 2),
}
_DAY_AT_START = {"ddmmyyyy": (10**6, 10**4), "mmddyyyy": (10**4, 10**6)}  # where the day and the month stand
EPOCH_UNITS = {"s": "seconds", "ms": "milliseconds", "us": "microseconds", "ns": "nanoseconds"}  # since 1970
_EPOCHS = (315_532_800, 4_102_444_800)  # seconds from 1970 to 1980 and to 2100: so many steps are not counted
NAMES = (*SINCE, *_CODES, *_PARTS, *_DAY_AT_START, *_UNIT_CODES)


@dataclass(frozen=True)
class NumberCode:
    """A way to write dates as whole numbers, by its name in `data.time_format`."""

    name: str

    @property
    def periods(self) -> int | None:
        """Periods of a year, where the numbers count such."""
        unit = _CODES.get(self.name, ("", 0))[0]
        return int(unit.removeprefix("periods")) if unit.startswith("periods") else None

    def read(self, numbers: Ints) -> NDArray[Any]:
        """Convert whole numbers to stamps, NaT where a number is no such date."""
        if self.name in EPOCH_UNITS:
            return numbers.astype(f"datetime64[{self.name}]")
        if self.name in SINCE:
            return SINCE[self.name].read(numbers)
        if self.name in _CODES:
            unit, head = _CODES[self.name]
            year, number = np.divmod(numbers, head)
            return np.asarray(UNITS[unit].begins(year, number).astype("datetime64[s]"))
        if self.name in _DAY_AT_START:
            day, month = (numbers // place % 100 for place in _DAY_AT_START[self.name])
            return _stamps(numbers % 10_000, month, day, np.zeros_like(numbers))
        parts, rest = [], numbers
        for width in _PARTS[self.name][:0:-1]:
            rest, part = np.divmod(rest, 10**width)
            parts.append(part)
        year = rest if self.name != "yymmdd" else rest + np.where(rest < 69, 2000, 1900)
        month, day, *clock = parts[::-1]
        seconds = sum((part * 60 ** (2 - at) for at, part in enumerate(clock)), np.zeros_like(numbers))
        stamps = _stamps(year, month, day, seconds)
        wrong = [part > most for part, most in zip(clock, (24, 59, 59), strict=False)]
        wrong += [seconds > 86_400]
        return np.where(np.any(wrong, axis=0), np.datetime64("NaT", "s"), stamps)

    def write(self, times: NDArray[Any]) -> Ints:
        """Convert stamps back to whole numbers."""
        if self.name in EPOCH_UNITS:
            return np.asarray(times.astype(f"datetime64[{self.name}]").astype(np.int64))
        if self.name in SINCE:
            return SINCE[self.name].write(times)
        if self.name in _CODES:
            unit, head = _CODES[self.name]
            year, number = UNITS[unit].number(times)
            return year * head + number
        day, month = times.astype("datetime64[D]"), times.astype("datetime64[M]")
        year = month.astype(np.int64) // 12 + 1970
        number, of_month = month.astype(np.int64) % 12 + 1, (day - month.astype("datetime64[D]")).astype(np.int64) + 1
        if self.name in _DAY_AT_START:
            day_place, month_place = _DAY_AT_START[self.name]
            return np.asarray(of_month * day_place + number * month_place + year)
        written = (year % 100 if self.name == "yymmdd" else year) * 10_000 + number * 100 + of_month
        seconds = (times - day).astype("timedelta64[s]").astype(np.int64)
        for at in range(len(_PARTS[self.name]) - 3):
            written = written * 100 + seconds // 60 ** (2 - at) % (60 if at else 24)
        return np.asarray(written)


def _stamps(year: Ints, month: Ints, day: Ints, seconds: Ints) -> NDArray[Any]:
    first = ((year - 1970) * 12 + month - 1).astype("datetime64[M]")
    days = first.astype("datetime64[D]") + (day - 1)
    there = (month >= 1) & (month <= 12) & (day >= 1) & (days.astype("datetime64[M]") == first)
    return np.where(there, days.astype("datetime64[s]") + seconds, np.datetime64("NaT", "s"))


def named_code(name: str) -> NumberCode:
    """The code of a name in `data.time_format`; `month`, `quarter`, `week` and `day` name the code of that unit."""
    return NumberCode(_UNIT_CODES.get(name, name))


def recognise(numbers: Ints, name: str, freq: str | None) -> NumberCode | None:
    """The code in which whole numbers are dates; None where they count steps.

    A number of eight digits and more that is a date is one. A shorter one may count steps: the reading is taken under
    which the numbers are most regular.

    Raises TimeError where several readings are equally regular, and neither `freq` nor the column's `name` decides.
    """
    distinct = np.unique(numbers)
    if freq is not None and freq.isdecimal():
        return None
    if (since := counted_since(distinct, name)) is not None:
        return NumberCode(since)
    if distinct[0] < 10_000:
        return None
    digits = {len(str(distinct[0])), len(str(distinct[-1]))}
    for code in ("yyyymmdd", "yyyymmddhh", "yyyymmddhhmm", "yyyymmddhhmmss"):
        if digits == {len(code)} and _fits(code, distinct):
            return NumberCode(code)
    if (moments := epoch_unit(distinct)) is not None:
        return NumberCode(moments[0])
    if digits == {6} and EPI_NAME.search(name) and freq is None and _fits("yyyyee", distinct):
        return NumberCode("yyyyee")
    if digits == {7} and (count := _fiscal(distinct, name, freq)) is not None:
        return NumberCode(f"yyyyppp{count}")
    if digits == {6} and (count := _cycle(distinct, name, freq)) is not None:
        return NumberCode(f"yyyyp{count}")
    options: dict[str, tuple[NumberCode | None, Ints]] = {"count": (None, distinct)}
    for code in ("yyyyq", "yyyymm", "yyyyww", "yyyyddd", "yymmdd"):
        if digits == {len(code)} and _fits(code, distinct):
            unit = _CODES.get(code, ("day", 0))[0]
            label = unit if unit not in options else code
            options[label] = (NumberCode(code), _positions(NumberCode(code).read(distinct), unit))
    for code in _DAY_AT_START:
        if digits <= {7, 8} and _fits(code, distinct):
            options[code] = (NumberCode(code), _positions(NumberCode(code).read(distinct), "day"))
    if len(options) == 1:
        return None
    best = most_regular({label: positions for label, (_, positions) in options.items()}, name, freq)
    if len(best) > 1:
        raise _ambiguous(name, distinct[0], [options[label][0] for label in best])
    return options[best[0]][0]


def _cycle(numbers: Ints, name: str, freq: str | None) -> int | None:
    """Periods of a year where numbers such as 201813 count them; None where the name asks for another unit."""
    year, number = np.divmod(numbers, 100)
    if (count := count_of(freq)) is not None:
        return count if number.min() >= 1 and number.max() <= count else None
    other = any(word in name.lower() for word in ("week", "woche", "wk", "kw", "month", "monat"))
    return None if other or freq is not None or not plausible(year, conventional=True) else cycle_of(year, number)


def _fiscal(numbers: Ints, name: str, freq: str | None) -> int | None:
    """Periods of a year where numbers such as 2015012 count them: in a complete cycle, or by the column's name."""
    year, number = np.divmod(numbers, 1000)
    if (freq or "").lstrip("0123456789")[:1] in ("D", "B", "C") or not plausible(year, conventional=True):
        return None
    count = count_of(freq) or cycle_of(year, number, (*COUNTS, 12))
    if count is None and _PERIOD_NAME.search(name) and number.min() >= 1 and number.max() <= 12:
        return 12
    return count if count is not None and number.min() >= 1 and number.max() <= count else None


def epoch_unit(numbers: NDArray[Any]) -> tuple[str, str] | None:
    """The unit in which numbers are moments from 1980 to 2100, counted from 1970: its letter and its name."""
    for power, (unit, name) in enumerate(EPOCH_UNITS.items()):
        if ((numbers >= _EPOCHS[0] * 1000**power) & (numbers <= _EPOCHS[1] * 1000**power)).all():
            return unit, name
    return None


def _fits(code: str, numbers: Ints) -> bool:
    stamps = NumberCode(code).read(numbers)
    if np.isnat(stamps).any():
        return False
    year = stamps.astype("datetime64[Y]").astype(np.int64) + 1970
    return plausible(year, conventional=code in ("yyyyq", "yyyyddd", "yymmdd", *_DAY_AT_START))


def _positions(stamps: NDArray[Any], unit: str) -> Ints:
    """Where stamps lie in their unit; days that all have one day of the month, in months."""
    day, month = stamps.astype("datetime64[D]"), stamps.astype("datetime64[M]")
    if unit == "day" and len(day) > 2 and len(np.unique(day - month.astype("datetime64[D]"))) == 1:
        return UNITS["month"].position(stamps)
    return UNITS[unit].position(stamps)


def _ambiguous(name: str, first: Any, codes: list[NumberCode | None]) -> AmbiguousTime:
    found = [code.name for code in codes if code is not None]
    ways = [f"data.time_format={code}" for code in found] + ["data.freq=1"] * (None in codes)
    readings = [_in_words(code) for code in found] + ["a count of steps"] * (None in codes)
    return AmbiguousTime(
        f"the whole numbers in {name!r} (such as {first}) can be read as {' or as '.join(readings)}: set"
        f" {' or '.join(ways)}",
        setting="data.time_format",
        value=found[0],
    )


def _in_words(code: str) -> str:
    unit = _CODES[code][0] if code in _CODES else "date"
    return f"{'ISO week' if unit == 'week' else unit}s{' of a year' if unit == 'day' else ''} ({code})"


def read_decimals(numbers: NDArray[np.float64]) -> NDArray[Any] | None:
    """Convert years with decimals to months; None for other numbers.

    Three ways of writing: 1949.0833 (the share of the year before the month, or in its middle), 1949.02 (the month's
    number), 1949.2 (the quarter's number).
    """
    year = np.floor(numbers)
    if not plausible(year.astype(np.int64)):
        return None
    for read in (_shares, _numbered(100, 12), _numbered(10, 4)):
        month = read(numbers - year)
        if month is not None:
            return np.asarray(((year.astype(np.int64) - 1970) * 12 + month).astype("datetime64[M]"))
    return None


def _shares(share: NDArray[np.float64]) -> Ints | None:
    """Months from 0 to 11 whose beginning, or whose middle, the shares of a year are; 12 for what rounds up to it."""
    for shift in (0.0, 0.5):
        month = share * 12 - shift
        if (np.abs(month - np.round(month)) <= _NEAR * (1 + 4 * shift)).all():
            return np.round(month).astype(np.int64)
    return None


def _numbered(factor: int, most: int) -> Callable[[NDArray[np.float64]], Ints | None]:
    def read(share: NDArray[np.float64]) -> Ints | None:
        number = np.round(share * factor)
        if (np.abs(share * factor - number) > 1e-6).any() or number.min() < 1 or number.max() > most:
            return None
        return np.asarray((number.astype(np.int64) - 1) * (12 // most))

    return read
