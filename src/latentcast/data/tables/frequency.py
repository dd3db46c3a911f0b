"""The step of a series: found, shown, and continued beyond the end."""

import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pandas.tseries import offsets
from pandas.tseries.frequencies import to_offset

from latentcast.core.errors import TimeError, shorten

SECOND_NS = 1_000_000_000
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
# with rules of their own: not inferred, but named where they fit; sparser ones first, for denser ones hold them too
_BUSINESS = ("BYE-DEC", "BYS-JAN", "BQE-DEC", "BQE-JAN", "BQE-FEB", "BQS-JAN", "BQS-FEB", "BQS-MAR", "BME", "BMS")
_AT_END = (offsets.MonthEnd, offsets.QuarterEnd, offsets.YearEnd)


@dataclass(frozen=True)
class Frequency:
    """One step in time.

    alias      pandas' name ("h", "15min", "W-SAT", "MS"), or a whole number for integer time
    step       length of a step (nanoseconds, or units of integer time) where all are equally long, else None
    months     months in a step, for stamps on the first day of a month, or (`at_end`) on the last
    weekdays   business days in a step
    """

    alias: str
    step: int | None
    integer: bool = False
    months: int | None = None
    at_end: bool = False
    weekdays: int | None = None

    @classmethod
    def of(cls, alias: str | int) -> "Frequency":
        """Raises TimeError when pandas does not know the alias, or a step would not lead forward."""
        if isinstance(alias, int) or alias.isdecimal():
            if int(alias) < 1:
                raise TimeError(f"freq={alias!r}: an integer step is at least 1")
            return cls(str(int(alias)), int(alias), integer=True)
        offset = to_frequency(alias)
        if offset is None:
            raise TimeError(f"freq={alias!r} is {NO_FREQUENCY}")
        if offset.n < 1:
            raise TimeError(f"freq={alias!r} does not lead forward; wanted a step of at least one unit")
        name, kind = offset.freqstr, type(offset)
        if kind is offsets.Week:
            return cls(name, 7 * DAY_NS * offset.n)
        if isinstance(offset, offsets.Tick):
            return cls(name, int(pd.Timedelta(offset).value))
        if kind in _MONTHS:
            return cls(name, None, months=_MONTHS[kind] * offset.n, at_end=kind in _AT_END)
        return cls(name, None, weekdays=offset.n if kind is offsets.BusinessDay else None)

    @property
    def season(self) -> int:
        """Steps in the main season: a day for steps below a day, a week for days, a year above; 1 for none."""
        if self.integer:
            return 1
        if self.step is None:
            return max(1, 12 // self.months) if self.months else max(1, 5 // (self.weekdays or 5))
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
            later = _day_of(month, self.at_end) + _time_of_day(stamps)
        elif self.weekdays is not None:
            days = np.busday_offset(stamps.astype("datetime64[D]"), counts * self.weekdays, roll="backward")
            later = days + _time_of_day(stamps)
        else:
            later = self._advance_by_pandas(*np.broadcast_arrays(stamps, counts))
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
        starts, which = np.unique(stamps.reshape(-1), return_inverse=True)
        most, least = max(int(counts.max(initial=0)), 0) + 1, max(-int(counts.min(initial=0)), 0) + 1
        later = np.stack(
            [pd.date_range(s, periods=most + 1, freq=self.alias).to_numpy("datetime64[ns]") for s in starts]
        )
        before = np.stack(
            [pd.date_range(end=s, periods=least, freq=self.alias).to_numpy("datetime64[ns]") for s in starts]
        )
        on_grid = later[:, 0] == starts
        # the grid up to each stamp, the stamp itself, and the grid after it
        rows = [np.concatenate([b[: len(b) - on], [s], a[on:]]) for b, s, a, on in
                zip(before, starts, later, on_grid.astype(int), strict=True)]  # fmt: skip
        zero = least - on_grid
        picked = [rows[row][zero[row] + count] for row, count in zip(which, counts.reshape(-1), strict=True)]
        return np.array(picked, "datetime64[ns]").reshape(stamps.shape)

    def in_words(self, steps: int) -> str | None:
        """That many steps as time: "8 hours", "2 days 12 hours"; None where a step has no length of its own."""
        if self.integer:
            return None
        if self.step is None:
            unit, count = ("month", self.months) if self.months else ("business day", self.weekdays)
            return _count(steps * count, unit) if count else None
        whole, left = steps * self.step, []
        for unit, size in _UNITS:
            if unit == "week" and self.step % size:  # 14 days of hours are not said to be 2 weeks
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

        def since_head(x: NDArray[np.int64]) -> NDArray[np.int64]:
            return np.asarray(x - np.repeat(x[heads], lengths))

        if self.step is not None:
            count, rest = np.divmod(since_head(times.astype(np.int64)), self.step)
            return np.where(rest == 0, count, -1)
        codes, distinct = pd.factorize(times)  # series share their stamps: each is looked up once
        place, fits = self._place(distinct)
        count, rest = np.divmod(since_head(place[codes]), self.months or self.weekdays or 1)
        clock = _time_of_day(distinct).astype(np.int64)
        return np.where(fits[codes] & (rest == 0) & (since_head(clock[codes]) == 0), count, -1)

    def _place(self, stamps: NDArray[Any]) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
        """Where stamps lie among the months, business days or pandas' own dates, and whether they are such dates."""
        day = stamps.astype("datetime64[D]")
        if self.months is not None:
            month = stamps.astype("datetime64[M]")
            return month.astype(np.int64), day == _day_of(month, self.at_end)
        if self.weekdays is not None:
            return np.busday_count(np.datetime64("1970-01-01"), day), np.is_busday(day)
        grid = pd.date_range(day.min(), day.max(), freq=self.alias).to_numpy("datetime64[D]")
        return np.searchsorted(grid, day), np.isin(day, grid)

    def __str__(self) -> str:
        return self.alias


def to_frequency(alias: str) -> Any:
    """pandas' offset; None for what is none."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)  # H, M, Q: old names, understood and renamed
            return to_offset(alias)
    except ValueError:
        return None


def _count(number: int, unit: str) -> str:
    return f"{number} {unit}{'' if number == 1 else 's'}"


def infer(times: NDArray[Any], series: NDArray[np.int64]) -> Frequency:
    """The frequency under which every stamp of every series lies on a step.

    `times` sorted within each series, shape [rows]; `series` the number of each row's series. Tried in turn: the
    calendar (months, quarters and years where all stamps are first or all are last days of a month; business days
    where weekends are skipped), then the most frequent difference.

    Raises TimeError when no stamp has a successor, or when no frequency fits, naming the first stamps that do not.
    """
    heads = np.flatnonzero(np.diff(series, prepend=series[0] - 1))
    usual = _of_difference(usual_difference(times, series), times)
    for frequency in (*_calendar(times, heads, series, usual), usual):
        off = frequency.ordinals(times, heads) < 0
        if not off.any():
            return frequency
    fits = _business(times, heads, usual)
    raise TimeError(
        f"the time steps are irregular: most are {frequency} long, but {off.sum()} of {len(times)} stamps are off"
        f" that grid (first: {shorten([str(stamp) for stamp in times[off][:3]])}). "
        + (
            f"They lie on the business days of {fits}: state it (data.freq={fits})"
            if fits
            else "Resample the data, state the frequency (data.freq), or count rows as steps whatever their stamps"
            " (data.steps=rows)"
        )
    )


def _business(times: NDArray[Any], heads: NDArray[np.int64], usual: Frequency) -> str | None:
    """The first or last business days of months, quarters or years on which all stamps lie."""
    if usual.integer or (usual.step or 0) < 28 * DAY_NS:
        return None
    return next((alias for alias in _BUSINESS if (Frequency.of(alias).ordinals(times, heads) >= 0).all()), None)


def usual_step(times: NDArray[Any], series: NDArray[np.int64]) -> Frequency:
    """The frequency of most steps, for data whose rows count as steps even where their stamps are irregular."""
    try:
        return infer(times, series)
    except TimeError:
        return _of_difference(usual_difference(times, series), times)


def usual_difference(times: NDArray[Any], series: NDArray[np.int64]) -> int:
    """The most frequent positive difference of neighbours in a series. Raises TimeError when there is none."""
    gaps = np.diff(times.astype(np.int64))[np.diff(series) == 0]
    lengths, counts = np.unique(gaps[gaps > 0], return_counts=True)
    if not len(lengths):
        raise TimeError(
            "the frequency cannot be inferred: no series has two different time stamps; state it (data.freq)"
        )
    return int(lengths[counts.argmax()])


def _of_difference(step: int, times: NDArray[Any]) -> Frequency:
    if np.issubdtype(times.dtype, np.integer):
        return Frequency(str(step), step, integer=True)
    weeks, rest = divmod(step, 7 * DAY_NS)
    if rest:
        return Frequency(to_offset(pd.Timedelta(step, unit="ns")).freqstr, step)
    day = pd.Timestamp(times[0]).day_name()[:3].upper()
    return Frequency(f"{weeks if weeks > 1 else ''}W-{day}", step)


def _calendar(
    times: NDArray[Any], heads: NDArray[np.int64], series: NDArray[np.int64], usual: Frequency
) -> list[Frequency]:
    """The calendar frequency that the stamps suggest: none or one."""
    if usual.integer or usual.step is None:
        return []
    if usual.step < 28 * DAY_NS and usual.step != DAY_NS:
        return []
    codes, distinct = pd.factorize(times)
    if usual.step == DAY_NS:
        weekday = (distinct.astype("datetime64[D]").astype(np.int64) + 3) % 7  # Monday is 0
        if weekday.max() > 4:
            return []
        weekend_between = (np.diff(weekday[codes]) < 0) & (np.diff(series) == 0)
        return [Frequency.of("B")] if weekend_between.any() else []
    day, month = distinct.astype("datetime64[D]"), distinct.astype("datetime64[M]")
    at_end = bool((day == _day_of(month, True)).all())
    if not at_end and not (day == _day_of(month, False)).all():
        return []
    months = usual_difference(month[codes], series)
    phases = np.unique(month[codes[heads]].astype(np.int64) % months)
    return [Frequency.of(_month_alias(months, at_end, int(phases[0]) if len(phases) == 1 else None))]


def _month_alias(months: int, at_end: bool, phase: int | None) -> str:
    """QS-FEB, YE-DEC, … where all series are in phase; else a count of months, which has no anchor."""
    letter = "E" if at_end else "S"
    if phase is None or months not in (3, 12):
        return f"{months if months > 1 else ''}M{letter}"
    if months == 3:
        return f"Q{letter}-{('OCT', 'NOV', 'DEC')[phase] if at_end else ('JAN', 'FEB', 'MAR')[phase]}"
    names = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
    return f"Y{letter}-{names[phase]}"


def _day_of(month: NDArray[Any], at_end: bool) -> NDArray[Any]:
    """The first day of each month, or its last one."""
    return (month + 1).astype("datetime64[D]") - _DAY if at_end else month.astype("datetime64[D]")


def _time_of_day(stamps: NDArray[Any]) -> NDArray[Any]:
    return stamps - stamps.astype("datetime64[D]")
