"""The step of a series: parse, show, and continue it beyond the end."""

import re
import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pandas.tseries import offsets
from pandas.tseries.frequencies import to_offset

from latentcast.core.errors import TimeError
from latentcast.data.tables.row_calendars import Calendar
from latentcast.data.tables.row_calendars import parse as parse_calendar
from latentcast.data.tables.runs import factorize_stamps, shared_stamps

SECOND_NS = 1_000_000_000
_BLOCK = 2**16  # rows that are compared together
_LONGEST = 60  # characters of a frequency in a message
DAY_NS = 86_400 * SECOND_NS
_DAY = np.timedelta64(1, "D")
_MONTHS = {
    offsets.MonthBegin: 1,
    offsets.QuarterBegin: 3,
    offsets.YearBegin: 12,
    offsets.MonthEnd: 1,
    offsets.QuarterEnd: 3,
    offsets.YearEnd: 12,
}
_UNITS = (("week", 7 * DAY_NS), ("day", DAY_NS), ("hour", 3600 * SECOND_NS), ("minute", 60 * SECOND_NS),
          ("second", SECOND_NS))  # fmt: skip
NO_FREQUENCY = "no frequency that pandas knows; for example: h, 15min, D, W-SUN, MS"
# steps a year, or for days and hours steps a week and a day, of offsets with rules of their own
_SEASONS = {
    "BusinessMonthEnd": 12, "BusinessMonthBegin": 12, "CustomBusinessMonthEnd": 12, "CustomBusinessMonthBegin": 12,
    "BQuarterEnd": 4, "BQuarterBegin": 4, "FY5253Quarter": 4, "SemiMonthEnd": 24, "SemiMonthBegin": 24,
    "WeekOfMonth": 12, "LastWeekOfMonth": 12, "CustomBusinessDay": 5, "BusinessDay": 5, "BusinessHour": 8,
    "CustomBusinessHour": 8,
}  # fmt: skip
_OLD_NAMES = {
    "H": "h", "BH": "bh", "CBH": "cbh", "T": "min", "S": "s", "L": "ms", "U": "us", "N": "ns", "M": "ME", "BM": "BME",
    "CBM": "CBME", "SM": "SME", "Q": "QE", "BQ": "BQE", "A": "YE", "Y": "YE", "BA": "BYE", "BY": "BYE", "AS": "YS",
    "BAS": "BYS",
}  # fmt: skip
_ALIAS = re.compile(r"([+-]?\d*\.?\d*\s*)([A-Za-z]+)((?:-.*)?)")
_AT_END = (offsets.MonthEnd, offsets.QuarterEnd, offsets.YearEnd)


@dataclass(frozen=True)
class Frequency:
    """One step in time.

    Attributes
    ----------
    alias
        pandas' name ("h", "15min", "W-SAT", "MS"), a name of `row_calendars`, or a whole number for integer time.
    step
        Length of a step (nanoseconds, or units of integer time) where all are equally long, else None.
    integer
        Whether stamps are whole numbers.
    months
        Months in a step, for stamps on the first day of a month, or (`at_end`) on the last.
    weekdays
        Business days in a step.
    multiple
        Steps of the rule in one step, where pandas or a calendar has a rule of its own: 2 for 2BME.
    per_season
        Steps of that rule in the main season.
    calendar
        The rule, where pandas has none.
    exact
        False where rows count as steps and their stamps follow no rule: what comes next has no known stamp.
    """

    alias: str
    step: int | None
    integer: bool = False
    months: int | None = None
    at_end: bool = False
    weekdays: int | None = None
    multiple: int = 1
    per_season: int = 1
    calendar: Calendar | None = None
    exact: bool = True

    @classmethod
    def of(cls, alias: str | int) -> "Frequency":
        """Raises TimeError when pandas does not know the alias, or a step would not lead forward."""
        if isinstance(alias, int) or alias.isdecimal():
            if int(alias) < 1:
                raise TimeError(f"freq={alias!r}: an integer step is at least 1")
            return cls(str(int(alias)), int(alias), integer=True)
        if (calendar := parse_calendar(alias)) is not None:
            return cls.by(calendar)
        offset = to_frequency(alias)
        if offset is None:
            raise TimeError(f"freq={alias!r} is {NO_FREQUENCY}")
        if offset.n < 1:
            raise TimeError(f"freq={alias!r} does not lead forward; wanted a step of at least one unit")
        name, kind = offset.freqstr, type(offset)
        if kind is offsets.Week:
            return cls(name, 7 * DAY_NS * offset.n)
        if kind is offsets.Day:  # no Tick from pandas 3 on
            return cls(name, DAY_NS * offset.n)
        if isinstance(offset, offsets.Tick):
            return cls(of_length(int(pd.Timedelta(offset).value)), int(pd.Timedelta(offset).value))
        if kind in _MONTHS:
            return cls(name, None, months=_MONTHS[kind] * offset.n, at_end=kind in _AT_END)
        if kind is offsets.BusinessDay:
            return cls(name, None, weekdays=offset.n)
        return cls(name, None, multiple=offset.n, per_season=_SEASONS.get(kind.__name__, 1))

    @classmethod
    def by(cls, calendar: Calendar) -> "Frequency":
        """The steps of a calendar of `row_calendars`."""
        months = getattr(calendar, "months", 1)
        return cls(calendar.alias, None, multiple=months, per_season=calendar.season * months, calendar=calendar)

    @property
    def resolution(self) -> int:
        """Nanoseconds between the nearest two steps; of dates alone, and for steps longer than a day their least."""
        if self.calendar is not None:
            return self.calendar.resolution
        if self.step is None:
            return DAY_NS if self.months is None else 28 * DAY_NS
        return self.step

    @property
    def season(self) -> int:
        """Steps in the main season: a day for steps below a day, a week for days, a year above; 1 for none."""
        if self.integer:
            return 1
        if self.step is None:
            if self.months:
                return max(1, 12 // self.months)
            return max(1, 5 // self.weekdays if self.weekdays else self.per_season // self.multiple)
        if self.step < DAY_NS:  # below a minute: an hour
            return max(1, round((DAY_NS if self.step >= 60 * SECOND_NS else DAY_NS // 24) / self.step))
        if self.step % (7 * DAY_NS) == 0:
            return max(1, 52 * 7 * DAY_NS // self.step)
        return 7 if self.step == DAY_NS else 1

    def advance(self, stamps: NDArray[Any], counts: NDArray[np.int64]) -> NDArray[Any]:
        """The stamps `counts` steps later, broadcast; earlier where a count is negative.

        Raises TimeError beyond what dates can hold (1678 to 2261).
        """
        if self.integer:
            return np.asarray(stamps + counts * np.int64(self.step or 1))
        if self.step is not None:
            later = stamps + (counts * np.int64(self.step)).astype("timedelta64[ns]")
        elif self.months is not None:
            month = stamps.astype("datetime64[M]") + counts * self.months
            later = day_of(month, self.at_end) + _time_of_day(stamps)
        elif self.weekdays is not None:
            days = np.busday_offset(stamps.astype("datetime64[D]"), counts * self.weekdays, roll="backward")
            later = days + _time_of_day(stamps)
        elif self.calendar is not None:
            place, on_step = self.calendar.position(stamps)
            back = ~on_step & (counts < 0)
            later = self.calendar.stamps(place + counts * self.multiple + back)
            later = np.where(counts == 0, stamps, later + (0 if self.resolution < DAY_NS else _time_of_day(stamps)))
        else:
            later = self._advance_by_pandas(*np.broadcast_arrays(stamps, counts * self.multiple))
        later = np.asarray(later.astype("datetime64[ns]"))
        if ((later < stamps) & (counts > 0)).any() or (
            later.astype("datetime64[Y]") > np.datetime64("2261", "Y")
        ).any():
            raise TimeError(f"steps of {self} lead beyond the year 2261, the last that time stamps can hold")
        if ((later > stamps) & (counts < 0)).any() or (
            later.astype("datetime64[Y]") < np.datetime64("1678", "Y")
        ).any():
            raise TimeError(f"steps of {self} lead back beyond the year 1678, the first that time stamps can hold")
        return later

    def _advance_by_pandas(self, stamps: NDArray[Any], counts: NDArray[np.int64]) -> NDArray[Any]:
        """Offsets with rules of their own (BMS, SMS, WOM-3FRI, …), by date_range from each distinct stamp."""
        if not stamps.size:
            return stamps
        rule = self._rule
        starts, which = np.unique(stamps.reshape(-1), return_inverse=True)
        most, least = max(int(counts.max(initial=0)), 0) + 1, max(-int(counts.min(initial=0)), 0) + 1
        later = np.stack([pd.date_range(s, periods=most + 1, freq=rule).to_numpy("datetime64[ns]") for s in starts])
        before = np.stack([pd.date_range(end=s, periods=least, freq=rule).to_numpy("datetime64[ns]") for s in starts])
        on_grid = later[:, 0] == starts
        # the grid up to each stamp, the stamp itself, and the grid after it
        rows = [np.concatenate([b[: len(b) - on], [s], a[on:]]) for b, s, a, on in
                zip(before, starts, later, on_grid.astype(int), strict=True)]  # fmt: skip
        zero = least - on_grid
        picked = [rows[row][zero[row] + count] for row, count in zip(which, counts.reshape(-1), strict=True)]
        return np.array(picked, "datetime64[ns]").reshape(stamps.shape)

    @property
    def _rule(self) -> Any:
        """pandas' offset of one step of the rule: BME of 2BME."""
        return to_offset(self.alias.removeprefix(str(self.multiple) if self.multiple > 1 else ""))

    def in_words(self, steps: int) -> str | None:
        """Return a number of steps as time: "8 hours", "2 days 12 hours"; None where steps have no fixed length."""
        if self.integer:
            return None
        if self.step is None:
            unit, count = ("month", self.months) if self.months else ("business day", self.weekdays)
            return _count(steps * count, unit) if count else None
        whole, left = steps * self.step, []
        for unit, size in _UNITS:
            if unit == "week" and self.step % size:  # 14 days of hours are not shown as 2 weeks
                continue
            count, whole = divmod(whole, size)
            left += [_count(count, unit)] if count else []
        return " ".join(left[:2]) or f"{steps * self.step / SECOND_NS:g} seconds"

    def after(self, last: NDArray[Any], n: int) -> NDArray[Any]:
        """The n stamps that follow each of `last`: [items] → [items, n]."""
        return self.advance(last[:, None], np.arange(1, n + 1))

    def ordinals(self, times: NDArray[Any], heads: NDArray[np.int64]) -> NDArray[np.int64]:
        """How many steps each stamp lies after the first one of its series; -1 where it lies between two steps.

        `times` [rows], series after series; `heads` [series] the row at which each begins.
        """
        lengths = np.diff(heads, append=len(times))

        def since_head(x: NDArray[Any]) -> NDArray[Any]:
            return np.subtract(x, np.repeat(x[heads], lengths))

        if self.step is not None:
            if self.unbroken(times, heads):  # the usual case: no row is missing
                within = np.arange(len(times))
                within -= np.repeat(heads, lengths)
                return within
            count, rest = np.divmod(since_head(times.astype(np.int64)), self.step)
            count[rest != 0] = -1
            return count
        codes, distinct = factorize_stamps(times, heads)  # series share their stamps: each is looked up once
        place, fits = self._place(distinct)
        count = since_head(place.astype(np.int32)[codes])
        size = self.months or self.weekdays or self.multiple
        off = count % size != 0 if size > 1 else np.zeros(len(count), np.bool_)
        if not fits.all():
            off |= ~fits[codes]
        if self._has_days and len(clocks := np.unique(_time_of_day(distinct), return_inverse=True)[1]):
            off |= since_head(clocks.astype(np.int32)[codes]) != 0
        return np.where(off, -1, count // size)

    def unbroken(self, times: NDArray[Any], heads: NDArray[np.int64]) -> bool:
        """Whether each row of a series is known to lie one step after the row before.

        Steps without a fixed length are looked up where all series share their stamps; for others it is False. Rows are
        compared block by block: an array of all of them costs as much memory as the values.
        """
        if self.step is None:
            first = shared_stamps(times, heads)
            return first is not None and bool((self.ordinals(first, heads[:1]) == np.arange(len(first))).all())
        exact, begins = times.view(np.int64) if times.dtype.kind == "M" else times, heads[1:]
        for begin in range(0, len(exact) - 1, _BLOCK):
            apart = np.diff(exact[begin : begin + _BLOCK + 1]) == self.step
            first, last = np.searchsorted(begins, (begin + 1, begin + _BLOCK + 1))
            apart[begins[first:last] - begin - 1] = True
            if not apart.all():
                return False
        return True

    def positions(self, stamps: NDArray[Any]) -> NDArray[np.int64] | None:
        """Number of steps from 1970 (or from 0) to each stamp; None where stamps follow a rule that only pandas knows.

        Equal stamps have equal positions, whatever the series is, so that cycles keep their phase in new data.
        """
        if not self.exact:
            return None
        if self.step is not None:
            return stamps.astype(np.int64) // self.step
        size = self.months or self.weekdays
        if size is None and self.calendar is None:
            return None
        return self._place(stamps)[0] // (size or self.multiple)

    @property
    def _has_days(self) -> bool:
        """Whether steps are days or longer, with one time of day for all of them."""
        return self.resolution >= DAY_NS and "BusinessHour" not in type(to_frequency(self.alias)).__name__

    def _place(self, stamps: NDArray[Any]) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
        """Where stamps lie among the months, business days or pandas' own dates, and whether they are such dates."""
        day = stamps.astype("datetime64[D]")
        if self.months is not None:
            month = stamps.astype("datetime64[M]")
            return month.astype(np.int64), day == day_of(month, self.at_end)
        if self.weekdays is not None:
            return np.busday_count(np.datetime64("1970-01-01"), day), np.is_busday(day)
        if self.calendar is not None:
            return self.calendar.position(stamps)
        if not self._has_days:
            day = stamps
        grid = pd.date_range(day.min(), day.max(), freq=self._rule).to_numpy(day.dtype)
        return np.searchsorted(grid, day), np.isin(day, grid)

    def __str__(self) -> str:
        return self.alias if len(self.alias) <= _LONGEST else f"{self.alias[:_LONGEST]}…)"


def to_frequency(alias: str) -> Any:
    """pandas' offset, by its name or by the one that it had before pandas 2.2; None for what is none."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)  # pandas 2 understands old names with a warning
            return to_offset(_renamed(alias))
    except ValueError:
        return None


def _renamed(alias: str) -> str:
    """The name from pandas 2.2 on: h for H, QE-DEC for Q-DEC; pandas 3 refuses the old ones."""
    parts = _ALIAS.fullmatch(alias)
    return alias if parts is None else f"{parts[1]}{_OLD_NAMES.get(parts[2], parts[2])}{parts[3]}"


def _count(number: int, unit: str) -> str:
    return f"{number} {unit}{'' if number == 1 else 's'}"


def of_length(step: int) -> str:
    """pandas' alias of so many nanoseconds; whole days as D, which pandas 3 writes in hours."""
    days, rest = divmod(step, DAY_NS)
    if days and not rest:
        return f"{days if days > 1 else ''}D"
    return str(to_offset(pd.Timedelta(step, unit="ns")).freqstr)


def day_of(month: NDArray[Any], at_end: bool) -> NDArray[Any]:
    """The first day of each month, or its last one."""
    return (month + 1).astype("datetime64[D]") - _DAY if at_end else month.astype("datetime64[D]")


def _time_of_day(stamps: NDArray[Any]) -> NDArray[Any]:
    return stamps - stamps.astype("datetime64[D]")
