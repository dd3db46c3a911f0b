"""A time column → stamps: whole numbers, or dates in nanoseconds."""

import shlex
import warnings
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timezone, tzinfo
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from latentcast.core.errors import TimeError
from latentcast.data.tables.frequency import DAY_NS

MOST = 2**53  # whole numbers beyond are no count of steps
_OFFSET = r":\d{2}(?:[.,]\d+)?\s*(Z|[+-]\d{2}:?\d{2})$"
_MONTH_FIRST = ("%m/%d", "%m-%d", "%m.%d")
_UNITS = {"s": "seconds", "ms": "milliseconds", "us": "microseconds", "ns": "nanoseconds"}  # since 1970
_EPOCHS = (315_532_800, 4_102_444_800)  # seconds from 1970 to 1980 and to 2100: so many steps are not counted
_UNGUESSED = (
    "%m/%d/%y", "%d/%m/%y", "%m-%d-%y", "%d-%m-%y", "%m.%d.%y", "%d.%m.%y", "%d-%b-%y", "%b %Y", "%B %Y", "%Y %b",
    "%b-%Y", "%b %y", "%b-%y", "%Y/%m", "%m/%Y", "%m-%Y", "%m.%Y", "%YM%m",
)  # fmt: skip
_TO_CONVERT = {
    r"\d{4}[- ]?Q[1-4]": ("quarters", "pd.PeriodIndex(frame[{0!r}], freq='Q').to_timestamp()"),
    r"\d{4}-W\d{2}": ("weeks", "pd.to_datetime(frame[{0!r}] + '-1', format='%G-W%V-%u')"),
}
_YEARS = (np.datetime64("1678", "Y"), np.datetime64("2261", "Y"))  # what nanoseconds can hold


@dataclass(frozen=True)
class Clock:
    """How dates are held: as they came when `zone` is None, else in UTC or, with `wall`, as local clocks show.

    Days and longer steps are regular on the wall clock, across changes of summer time too; shorter ones in UTC.
    """

    zone: str | None = None
    wall: bool = False

    def restore(self, times: NDArray[Any]) -> Any:
        """Stamps as they came in: in their own time zone where they had one."""
        if self.zone is None:
            return times
        if self.wall:
            first = np.ones(len(times), np.bool_)  # of an hour that occurs twice, the one in summer time
            dates = pd.Series(times).dt
            return dates.tz_localize(self.zone, ambiguous=first, nonexistent="shift_forward")
        return pd.Series(times).dt.tz_localize("UTC").dt.tz_convert(self.zone)

    def local(self, times: NDArray[Any]) -> NDArray[Any]:
        """Stamps as local clocks show them, without a zone."""
        if self.zone is None or self.wall:
            return times
        return self.restore(times).dt.tz_localize(None).to_numpy()

    def hold(self, stamp: pd.Timestamp) -> np.datetime64:
        """One stamp as the data are held; without a zone of its own it is local.

        Raises ValueError when it has a zone and the data have none.
        """
        if self.zone is None or (self.wall and stamp.tz is None):
            if stamp.tz is not None:
                raise ValueError("it has a time zone and the data have none")
            return stamp.to_datetime64()
        local = stamp.tz_localize(self.zone) if stamp.tz is None else stamp.tz_convert(self.zone)
        return (local.tz_localize(None) if self.wall else local.tz_convert("UTC")).to_datetime64()


def read_stamps(column: pd.Series, form: str | None) -> tuple[NDArray[Any], Clock]:
    """[rows] int64 or datetime64[ns], and how the dates are held. `form` is a strptime format, a unit of time since
    1970 (s, ms, us, ns), or None to find it.

    Raises TimeError when an entry is missing or no date, when time zones are mixed with none, or when day and month
    cannot be told apart; it names the first entry at fault and its row, counted from 0.
    """
    if column.isna().any():
        row = int(np.flatnonzero(column.isna())[0])
        raise TimeError(
            f"{int(column.isna().sum())} rows have no time in {column.name!r} (first: row {row}); leave them out"
        )
    if isinstance(column.dtype, pd.CategoricalDtype):
        column = column.astype(column.cat.categories.dtype)
    if isinstance(column.dtype, pd.PeriodDtype):
        column = column.dt.to_timestamp()
    if column.dtype == object and pd.api.types.infer_dtype(column) == "integer":
        column = pd.Series(np.array(column.tolist()), name=column.name)
    if pd.api.types.is_datetime64_any_dtype(column):
        return _dates(column)
    if form in _UNITS:
        return _dates(_since_1970(column, form))
    if pd.api.types.is_numeric_dtype(column) and form is None:
        return _whole_numbers(column), Clock()
    return _dates(_parsed(column, form))


def on_the_clock_of(
    fitted: Clock, came: Clock, times: NDArray[Any], *, first: Any, step: int | None
) -> tuple[NDArray[Any], Clock]:
    """Stamps held as those of a fit were, and their clock: its parts end at such stamps.

    `first` is the first stamp of the fit, `step` the nanoseconds of a step, None where steps differ in length. Steps
    shorter than a day are held in UTC, and their zone may differ. Longer ones are held as local clocks show: their
    zone may differ where they have the same time of day. Raises TimeError otherwise.
    """
    if came == fitted:
        return times, came
    if came.zone and fitted.zone and not fitted.wall:
        if came.wall:  # so few rows that they all have one time of day
            utc = came.restore(times).dt.tz_convert("UTC").dt.tz_localize(None)
            return utc.to_numpy(times.dtype), Clock(came.zone)
        return times, came
    # daily dates written with offsets come without a zone where summer time changes the offset, else with one
    zones = [str(clock.zone) for clock in (came, fitted) if clock.zone]
    local = all(clock.wall for clock in (came, fitted) if clock.zone) and (step or DAY_NS) >= DAY_NS
    if local and (len(zones) == 2 or zones[0].startswith("UTC")):
        begin, last = np.datetime64(first, "ns"), times[-1]
        if begin - begin.astype("datetime64[D]") == last - last.astype("datetime64[D]"):
            return times, came
    if came.zone is None:
        mend = f"give them the zone they were recorded in (.dt.tz_localize({fitted.zone!r}))"
    elif fitted.zone is None:
        mend = "leave the zone away as at the fit (.dt.tz_localize(None), after .dt.tz_convert where it was another)"
    else:
        mend = f"bring them into the zone of the fit (.dt.tz_convert({fitted.zone!r}))"
    raise TimeError(
        f"the time stamps have {_in_words(came)}, those of the fit had {_in_words(fitted)}: its parts would end at"
        f" other rows; {mend}"
    )


def _in_words(clock: Clock) -> str:
    if clock.zone is None:
        return "no time zone"
    return f"the time zone {clock.zone}" + (" and one time of day there" if clock.wall else "")


def show(stamp: Any) -> str:
    """A stamp as a person writes it."""
    return str(pd.Timestamp(stamp)) if isinstance(stamp, np.datetime64) else str(stamp)


def look_like(stamps: NDArray[np.int64]) -> tuple[str, str] | None:
    """What whole numbers are that were meant as dates, in words, and their format; None where they count steps."""
    unit = _unit(stamps)
    if unit is not None:
        return f"{_UNITS[unit]} since 1970", unit
    for form, head in (("%Y%m%d", 10_000), ("%Y%m", 100)):
        year, month = stamps // head, stamps // (head // 100) % 100
        day = stamps % 100 if head == 10_000 else np.ones_like(stamps)
        parts = ((year, 1800, 2199), (month, 1, 12), (day, 1, 31))
        if all(((part >= least) & (part <= most)).all() for part, least, most in parts):
            return "dates", form
    return None


def _unit(numbers: NDArray[Any]) -> str | None:
    """The unit in which numbers are moments from 1980 to 2100, counted from 1970."""
    for power, unit in enumerate(_UNITS):
        if ((numbers >= _EPOCHS[0] * 1000**power) & (numbers <= _EPOCHS[1] * 1000**power)).all():
            return unit
    return None


def _since_1970(column: pd.Series, unit: str) -> pd.Series:
    try:
        return pd.to_datetime(pd.to_numeric(column), unit=unit)  # type: ignore[call-overload]
    except (ValueError, TypeError) as error:
        raise TimeError(
            f"the time column {column.name!r} cannot be read as {_UNITS[unit]} since 1970 (data.time_format={unit}):"
            f" {error}"
        ) from error


def _whole_numbers(column: pd.Series) -> NDArray[np.int64]:
    if pd.api.types.is_bool_dtype(column) or pd.api.types.is_complex_dtype(column):
        raise TimeError(f"the time column {column.name!r} holds {column.dtype}; wanted dates or whole numbers")
    numbers = column.to_numpy()
    exact = np.asarray(numbers, np.float64)
    bad = np.flatnonzero(~((np.abs(exact) <= MOST) & (exact == np.floor(exact))))
    if len(bad):
        unit = _unit(exact)
        mend = f"; {_UNITS[unit]} since 1970? say data.time_format={unit}" if unit else ""
        raise TimeError(
            f"the time column {column.name!r} holds numbers that count no steps (first: {numbers[bad[0]]!s}, row"
            f" {bad[0]}); wanted dates or whole numbers up to {MOST}{mend}"
        )
    return exact.astype(np.int64)


def _parsed(column: pd.Series, form: str | None) -> pd.Series:
    """Dates of a text column; every distinct text is read once."""
    codes, distinct = pd.factorize(column)
    text = pd.Series(distinct).astype(str).str.strip()
    zones = text.str.extract(_OFFSET)[0]
    if zones.isna().any() and zones.notna().any():
        at = text[zones.isna()].iloc[0]
        raise TimeError(
            f"the time column {column.name!r} mixes time zones and none (first without one: {at!r}): give all stamps"
            " one"
        )
    aware = bool(zones.notna().all())
    chosen, dates = "", pd.Series(dtype=object)
    for tried in _forms(text.iloc[0]) if form is None else (form,):
        try:
            found = _to_dates(text, tried, aware)
        except (ValueError, TypeError) as error:
            raise TimeError(
                f"the time column {column.name!r} cannot be read in the format {tried!r}: {error}"
            ) from error
        if not chosen or found.isna().sum() < dates.isna().sum():
            chosen, dates = tried, found  # the form that leaves the fewest rows unread
        if not dates.isna().any():
            break
    bad = dates.isna().to_numpy()
    if bad.any():
        rows = np.flatnonzero(bad[codes])
        what, mend = "no dates between 1678 and 2261", "mend them or state their format (data.time_format=%d.%m.%Y)"
        if form is None and bad.all():
            what, mend = _unguessed(text, column.name) or (what, mend)
        raise TimeError(
            f"{len(rows)} of {len(column)} entries of the time column {column.name!r} are {what}"
            f" (first: {text[codes[rows[0]]]!r}, row {rows[0]}); {mend}"
        )
    if form is None and chosen[:5] in _MONTH_FIRST:
        _refuse_ambiguous(column, text, chosen)
    if aware:
        dates = _localised(dates, zones)
    return pd.Series(dates.array.take(codes), name=column.name)


def _localised(dates: pd.Series, zones: pd.Series) -> pd.Series:
    """Dates in UTC and the offset that each was written with → in that zone where all have one offset.

    Where offsets change, as with summer time, days and longer steps become local dates without a zone; shorter ones
    stay in UTC.
    """
    first = {zone: pd.Timestamp(f"2000-01-01T00:00{zone}") for zone in zones.unique()}
    if len(first) == 1:
        return dates.dt.tz_convert(first[zones.iloc[0]].tz)
    local = dates.dt.tz_localize(None) + zones.map({zone: stamp.utcoffset() for zone, stamp in first.items()})
    return local if len((local - local.dt.normalize()).unique()) == 1 else dates


def _forms(text: str) -> tuple[str, ...]:
    """What a column that begins with `text` may be written in: month first also with the day first, then ISO 8601."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # about day first: settled by `_refuse_ambiguous`
        guess = pd.tseries.api.guess_datetime_format(text)
    if guess is None:
        return ("ISO8601",)
    if guess[:5] in _MONTH_FIRST:
        return guess, _day_first(guess), "ISO8601"
    return guess, "ISO8601"


def _to_dates(text: pd.Series, form: str, aware: bool) -> pd.Series:
    # one format for the whole column: nothing is guessed row by row
    dates = pd.to_datetime(text, errors="coerce", format=form, utc=aware)
    return dates if pd.api.types.is_datetime64_any_dtype(dates) else pd.to_datetime(dates, utc=True)


def _unguessed(text: pd.Series, name: Any) -> tuple[str, str] | None:
    """What texts are that are read by no guess, and the mend, where there is one."""
    for pattern, (what, code) in _TO_CONVERT.items():
        if text.str.fullmatch(pattern).all():
            return what, f"make dates of them: {code.format(name)}"
    forms = [form for form in _UNGUESSED if pd.to_datetime(text, errors="coerce", format=form).notna().all()]
    return ("in no form that is known by itself", f"state it ({_stated(forms)})") if forms else None


def _stated(forms: Iterable[str]) -> str:
    """Formats as they can be typed, quoted where they hold a blank."""
    return f"data.time_format={' or '.join(shlex.quote(form) for form in forms)}"


def _day_first(form: str) -> str:
    return f"%d{form[2]}%m{form[5:]}"


def _refuse_ambiguous(column: pd.Series, text: pd.Series, form: str) -> None:
    """01/02/2020 alone may be in January or in February; one 31/01/2020 in the column settles it."""
    parts = text.str.extract(r"^(\d+)\D(\d+)").astype(int)  # as written: in UTC the day may be another
    if (parts[1] <= 12).all() and (parts[0] != parts[1]).any():
        raise TimeError(
            f"the dates in {column.name!r} (such as {text.iloc[-1]!r}) can be read with the month or with the day"
            f" first: state their format ({_stated((form, _day_first(form)))})"
        )


def _dates(column: pd.Series) -> tuple[NDArray[Any], Clock]:
    zone = column.dt.tz
    if zone is None:
        return _nanoseconds(column), Clock()
    local = _nanoseconds(column.dt.tz_localize(None))
    within = local.astype(np.int64) % DAY_NS
    if (within == within[0]).all():
        return local, Clock(_zone_name(zone, column.name), wall=True)
    return _nanoseconds(column.dt.tz_convert("UTC").dt.tz_localize(None)), Clock(_zone_name(zone, column.name))


def _zone_name(zone: tzinfo, column: Any) -> str:
    """A text that pandas reads as this zone again: its name, or UTC+01:00 for an offset without one.

    Raises TimeError when there is none.
    """
    names = [] if isinstance(zone, timezone) else [str(zone)]  # a timezone may bear any name
    offset = zone.utcoffset(None)
    if offset is not None:
        names.append(str(timezone(offset)))
    for name in names:
        try:
            known = pd.Timestamp(0, tz=name).utcoffset()
        except (LookupError, ValueError):
            continue
        if offset is None or known == offset:  # pandas passes over the seconds of an offset
            return name
    raise TimeError(
        f"the time zone {zone!s} of {column!r} has no name that could be kept: convert the column to a named one"
        " (such as Europe/Berlin)"
    )


def _nanoseconds(column: pd.Series) -> NDArray[Any]:
    stamps = column.to_numpy()
    years = stamps.astype("datetime64[Y]")
    bad = np.flatnonzero((years < _YEARS[0]) | (years > _YEARS[1]))
    if len(bad):
        raise TimeError(
            f"{column.name!r} holds dates that cannot be counted in nanoseconds (first: {stamps[bad[0]]}, row"
            f" {bad[0]}); wanted years from 1678 to 2261"
        )
    return stamps.astype("datetime64[ns]")
