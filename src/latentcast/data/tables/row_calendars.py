"""Calendars that no pandas alias names: days of a month, days counted anew each year, sessions of a day."""

import re
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from latentcast.data.tables.periods_of_year import PeriodsOfYear, count_of

Ints = NDArray[np.int64]
_DAY = np.timedelta64(1, "D")
_DAY_NS = 86_400_000_000_000
_WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_FULL = 0.9  # share of a calendar's steps that must have a row
_SPARSE = 0.75  # share of a week above which sessions are no sessions
_CLOSED = 0.1  # share of the days from Monday to Friday that a market may be closed
_WEEKS = 14  # days that show which days of a week are closed
_YEARLY = (5, 8, 10, 16, 32)  # days between the composites of satellites


class Calendar(Protocol):
    """Steps that follow a rule: each has a position, and each position a stamp."""

    @property
    def alias(self) -> str:
        """The name that `parse` reads."""

    @property
    def season(self) -> int:
        """Steps in the main season."""

    @property
    def resolution(self) -> int:
        """Nanoseconds between the nearest two steps."""

    def position(self, stamps: NDArray[Any]) -> tuple[Ints, NDArray[np.bool_]]:
        """Where stamps lie, and whether they lie on a step; those between two steps at the one before."""

    def stamps(self, positions: Ints) -> NDArray[Any]:
        """The stamps of positions, without a time of day where the calendar has none."""


@dataclass(frozen=True)
class DaysOfMonth:
    """The same days of every month; the last day where a month has fewer."""

    days: tuple[int, ...]
    months: int = 1

    @property
    def alias(self) -> str:
        return f"{self.months if self.months > 1 else ''}M-days({','.join(map(str, self.days))})"

    @property
    def season(self) -> int:
        return max(1, 12 * len(self.days) // self.months)

    @property
    def resolution(self) -> int:
        return _DAY_NS

    def position(self, stamps: NDArray[Any]) -> tuple[Ints, NDArray[np.bool_]]:
        month, day = stamps.astype("datetime64[M]"), stamps.astype("datetime64[D]")
        slots = np.stack([_in_month(month, number) for number in self.days], axis=-1)
        slot = (slots <= day[..., None]).sum(-1) - 1
        fits = (slots == day[..., None]).any(-1)
        return month.astype(np.int64) * len(self.days) + slot, fits

    def stamps(self, positions: Ints) -> NDArray[Any]:
        month, slot = np.divmod(positions, len(self.days))
        every = np.stack([_in_month(month.astype("datetime64[M]"), number) for number in self.days], axis=-1)
        return np.take_along_axis(every, slot[..., None], -1)[..., 0]


def _in_month(month: NDArray[Any], day: int) -> NDArray[Any]:
    last = (month + 1).astype("datetime64[D]") - _DAY
    return np.minimum(month.astype("datetime64[D]") + (day - 1), last)


@dataclass(frozen=True)
class DaysOfYear:
    """Every so many days, counted anew from the `first` day of each year."""

    every: int
    first: int

    @property
    def alias(self) -> str:
        return f"Y-every({self.every}D,{self.first})"

    @property
    def season(self) -> int:
        return (365 - self.first) // self.every + 1

    @property
    def resolution(self) -> int:
        return _DAY_NS

    def position(self, stamps: NDArray[Any]) -> tuple[Ints, NDArray[np.bool_]]:
        year, day = stamps.astype("datetime64[Y]"), stamps.astype("datetime64[D]")
        since = (day - year.astype("datetime64[D]")).astype(np.int64) + 1 - self.first
        slot = np.minimum(since // self.every, self.season - 1)
        return year.astype(np.int64) * self.season + slot, (since == slot * self.every)

    def stamps(self, positions: Ints) -> NDArray[Any]:
        year, slot = np.divmod(positions, self.season)
        return np.asarray(year.astype("datetime64[Y]").astype("datetime64[D]") + (self.first - 1 + slot * self.every))


@dataclass(frozen=True)
class DaysOfWeek:
    """The same days of every week: Monday to Saturday, or Monday, Wednesday and Friday."""

    days: tuple[int, ...]  # 0 for Monday

    @property
    def alias(self) -> str:
        return f"W-days({','.join(_WEEKDAYS[day] for day in self.days)})"

    @property
    def season(self) -> int:
        return len(self.days)

    @property
    def resolution(self) -> int:
        return _DAY_NS

    def position(self, stamps: NDArray[Any]) -> tuple[Ints, NDArray[np.bool_]]:
        week, weekday = np.divmod(stamps.astype("datetime64[D]").astype(np.int64) + 3, 7)
        place = np.array([sum(open_ <= at for open_ in self.days) - 1 for at in range(7)])[weekday]
        return week * len(self.days) + place, np.isin(weekday, self.days)

    def stamps(self, positions: Ints) -> NDArray[Any]:
        week, which = np.divmod(positions, len(self.days))
        return np.asarray((week * 7 + np.array(self.days)[which] - 3).astype("datetime64[D]"))


@dataclass(frozen=True)
class Sessions:
    """The same times of day on the same days of the week, as of a market.

    Attributes
    ----------
    every
        Nanoseconds between two steps of a session.
    times
        Nanoseconds after midnight of each step of a day.
    weekdays
        0 for Monday to 6 for Sunday.
    """

    every: int
    times: tuple[int, ...]
    weekdays: tuple[int, ...]

    @property
    def alias(self) -> str:
        bounds = [self.times[0]]
        for before, after in zip(self.times[:-1], self.times[1:], strict=True):
            bounds += [] if after - before == self.every else [before, after]
        bounds.append(self.times[-1])
        spans = [f"{_clock(a)}-{_clock(b)}" for a, b in zip(bounds[::2], bounds[1::2], strict=True)]
        days = ",".join(_WEEKDAYS[day] for day in self.weekdays)
        return f"sessions({self.every // 1_000_000_000}s {' '.join(spans)} {days})"

    @property
    def season(self) -> int:
        return len(self.times)

    @property
    def resolution(self) -> int:
        return self.every

    def position(self, stamps: NDArray[Any]) -> tuple[Ints, NDArray[np.bool_]]:
        day = stamps.astype("datetime64[D]")
        number = day.astype(np.int64) + 3  # Monday is 0
        weekday, times = number % 7, np.array(self.times)
        place = np.array([sum(open_ < at for open_ in self.weekdays) for at in range(7)])[weekday]
        clock = (stamps - day).astype("timedelta64[ns]").astype(np.int64)
        is_open = np.isin(weekday, self.weekdays)
        slot = np.where(is_open, np.searchsorted(times, clock, side="right") - 1, -1)
        position = (number // 7 * len(self.weekdays) + place) * len(times) + slot
        return position, is_open & np.isin(clock, times)

    def stamps(self, positions: Ints) -> NDArray[Any]:
        day, slot = np.divmod(positions, len(self.times))
        week, which = np.divmod(day, len(self.weekdays))
        days = (week * 7 + np.array(self.weekdays)[which] - 3).astype("datetime64[D]")
        return np.asarray(days.astype("datetime64[ns]") + np.array(self.times)[slot].astype("timedelta64[ns]"))


@dataclass(frozen=True)
class OpenDays:
    """Monday to Friday, without the days on which a market is `closed`."""

    closed: tuple[str, ...]

    @property
    def alias(self) -> str:
        return f"B-closed({','.join(self.closed)})"

    @property
    def season(self) -> int:
        return 5

    @property
    def resolution(self) -> int:
        return _DAY_NS

    def position(self, stamps: NDArray[Any]) -> tuple[Ints, NDArray[np.bool_]]:
        day, closed = stamps.astype("datetime64[D]"), np.array(self.closed, "datetime64[D]")
        is_open = np.is_busday(day, holidays=closed)
        before = np.busday_count(np.datetime64("1970-01-01"), day, holidays=closed)
        return before - ~is_open, is_open

    def stamps(self, positions: Ints) -> NDArray[Any]:
        closed = np.array(self.closed, "datetime64[D]")
        return np.asarray(np.busday_offset(np.datetime64("1970-01-01"), positions, roll="forward", holidays=closed))


def closed_days(stamps: NDArray[Any], known: tuple[str, ...] = ()) -> OpenDays | None:
    """The days from Monday to Friday between the first and the last of distinct stamps that have no row.

    `known` are closed days of before. None where stamps lie on other days, or so many days have no row that they are
    gaps.
    """
    days = np.unique(stamps.astype("datetime64[D]"))
    if not np.is_busday(days).all():
        return None
    every = np.arange(days[0], days[-1] + _DAY)
    every = every[np.is_busday(every)]
    missing = every[~np.isin(every, days)]
    if len(missing) > _CLOSED * len(every):
        return None
    return OpenDays(tuple(sorted({*known, *map(str, missing)})))


def _clock(nanoseconds: int) -> str:
    seconds = nanoseconds // 1_000_000_000
    text = f"{seconds // 3600:02d}:{seconds // 60 % 60:02d}"
    return text + (f":{seconds % 60:02d}" if seconds % 60 else "")


def parse(alias: str) -> Calendar | None:
    """The calendar of an alias; None for other text."""
    if found := re.fullmatch(r"(\d*)M-days\((\d+(?:,\d+)*)\)", alias):
        return DaysOfMonth(tuple(map(int, found[2].split(","))), int(found[1] or 1))
    if (count := count_of(alias)) is not None:
        return PeriodsOfYear(count)
    if found := re.fullmatch(r"Y-every\((\d+)D,(\d+)\)", alias):
        return DaysOfYear(int(found[1]), int(found[2]))
    if found := re.fullmatch(r"W-days\(([A-Z,a-z]+)\)", alias):
        return DaysOfWeek(tuple(_WEEKDAYS.index(day) for day in found[1].split(",")))
    if found := re.fullmatch(r"B-closed\(((?:\d{4}-\d\d-\d\d)?(?:,\d{4}-\d\d-\d\d)*)\)", alias):
        return OpenDays(tuple(filter(None, found[1].split(","))))
    if found := re.fullmatch(r"sessions\((\d+)s ([\d:\- ]+) ([A-Z,a-z]+)\)", alias):
        every = int(found[1]) * 1_000_000_000
        times: list[int] = []
        for span in found[2].split():
            begin, end = (_nanoseconds(clock) for clock in span.split("-"))
            times += range(begin, end + 1, every)
        return Sessions(every, tuple(times), tuple(_WEEKDAYS.index(day) for day in found[3].split(",")))
    return None


def _nanoseconds(clock: str) -> int:
    hours, minutes, *seconds = map(int, clock.split(":"))
    return (hours * 3600 + minutes * 60 + sum(seconds)) * 1_000_000_000


def infer_days(stamps: NDArray[Any]) -> list[Calendar]:
    """Calendars of days on which all distinct stamps lie, likelier ones first."""
    day, month = stamps.astype("datetime64[D]"), stamps.astype("datetime64[M]")
    year = stamps.astype("datetime64[Y]")
    of_month = (day - month.astype("datetime64[D]")).astype(np.int64) + 1
    of_year = (day - year.astype("datetime64[D]")).astype(np.int64) + 1
    found: list[Calendar] = []
    numbers = np.unique(of_month)
    early = numbers[numbers < 28]
    if numbers[-1] > 28 and len(early) <= 5:  # days at the end are cut off by short months
        found.append(DaysOfMonth((*map(int, early), int(numbers[-1]))))
    elif len(numbers) <= 6:
        months = np.diff(np.unique(month.astype(np.int64)))
        each = int(np.gcd.reduce(months)) if len(numbers) == 1 and len(months) else 1
        found.append(DaysOfMonth(tuple(map(int, numbers)), each))
    if len(np.unique(year)) > 1:
        first = int(of_year.min())
        found += [DaysOfYear(n, first) for n in _YEARLY if ((of_year - first) % n == 0).all()][::-1]
    return found


def infer_weekdays(stamps: NDArray[Any]) -> DaysOfWeek | None:
    """Return the days of a week on which all distinct stamps lie; None where every day has some, or many have none."""
    day = stamps.astype("datetime64[D]")
    weekdays = np.unique((day.astype(np.int64) + 3) % 7)
    if len(day) < _WEEKS or len(np.unique(day)) < len(day) or not 1 < len(weekdays) < 7:
        return None
    found = DaysOfWeek(tuple(map(int, weekdays)))
    return found if fill_of(found, stamps) >= _FULL else None


def infer_sessions(stamps: NDArray[Any], every: int) -> Sessions | None:
    """The sessions in which distinct stamps with a usual distance of `every` nanoseconds lie; None without any."""
    if every >= _DAY_NS or len(stamps) < 4:
        return None
    day = stamps.astype("datetime64[D]")
    times = np.unique((stamps - day).astype("timedelta64[ns]").astype(np.int64))
    weekdays = np.unique((day.astype(np.int64) + 3) % 7)
    if (times % every != times[0] % every).any():
        return None
    if len(np.unique(day)) < 5 or every % 1_000_000_000:
        return None
    if len(np.unique(day)) < 14:  # too few days to know that a weekday is closed
        weekdays = np.unique(np.concatenate([weekdays, np.arange(5)])) if (weekdays < 5).all() else np.arange(7)
    if len(times) * len(weekdays) * every > _SPARSE * 7 * _DAY_NS:
        return None
    found = Sessions(every, tuple(times.tolist()), tuple(weekdays.tolist()))
    return found if _closes(found, stamps) and fill_of(found, stamps) >= _FULL else None


def _closes(sessions: Sessions, stamps: NDArray[Any]) -> bool:
    """Whether a closed time lies between the first and the last stamp: five whole days from Monday on show none."""
    first, last = sessions.position(stamps[[0, -1]])[0]
    return bool((stamps[-1] - stamps[0]).astype("timedelta64[ns]").astype(np.int64) // sessions.every > last - first)


def fill_of(calendar: Calendar, stamps: NDArray[Any]) -> float:
    """Share of the steps between the first and the last of distinct stamps at which there is one."""
    positions = np.unique(calendar.position(stamps)[0])
    return len(positions) / float(positions[-1] - positions[0] + 1)
