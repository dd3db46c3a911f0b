"""Read a time column as stamps: whole numbers, or dates in nanoseconds."""

import re
from dataclasses import dataclass, field
from datetime import date
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from latentcast.core.errors import TimeError
from latentcast.data.tables.clock import Clock, read_dates
from latentcast.data.tables.date_numbers import (
    EPOCH_UNITS,
    NAMES,
    NumberCode,
    epoch_unit,
    named_code,
    read_decimals,
    recognise,
)
from latentcast.data.tables.date_texts import read_texts
from latentcast.data.tables.day_counts import COUNTS as SINCE
from latentcast.data.tables.day_counts import counted_since, likely, note_on
from latentcast.data.tables.foreign_calendars import refuse_numbers
from latentcast.data.tables.period_texts import epi_note
from latentcast.data.tables.text_form import TextForm

_SHEET = (30_000, 60_000)
_SHEET_NAME = re.compile(r"date|datum|fecha|day|time|^ds$", re.I)
_ENDING = re.compile(r"(hour|interval|period)[ _]?end(ing)?$|^he$", re.I)
MOST = 2**53  # whole numbers beyond are no count of steps


@dataclass(frozen=True)
class Stamps:
    """A time column as it was read.

    Attributes
    ----------
    times
        [rows], int64 steps or datetime64[ns].
    clock
        How dates are held.
    written
        How later ones are written alike; None for dates and steps, and for texts that are written in several ways.
    notes
        What a reader of the result should know.
    """

    times: NDArray[Any]
    clock: Clock = field(default=Clock())
    written: TextForm | NumberCode | None = None
    notes: tuple[str, ...] = ()


def read_stamps(
    column: pd.Series, form: str | None, freq: str | None = None, like: TextForm | NumberCode | None = None
) -> Stamps:
    """Read a time column.

    Parameters
    ----------
    column
        Dates, periods, text, whole numbers or years with decimals.
    form
        How it is written: a strptime format, a unit of time since 1970 (s, ms, us, ns), a number code such as yyyymm,
        or half, quarter, month or week. None: found from what the column holds.
    freq
        The frequency, where it is set: it decides between readings that are equally likely.
    like
        How the stamps of a table are written that this one belongs to: it decides where it reads every entry.

    Raises
    ------
    TimeError
        An entry is missing or no date, time zones are mixed with none, or two readings are equally likely. It names
        the first entry at fault and its row, counted from 0.
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
    if _is_arrow_date(column.dtype):
        column = pd.Series(column.to_numpy("datetime64[s]"), name=column.name)
    if column.dtype == object:
        column = _of_one_kind(column)
    if pd.api.types.is_datetime64_any_dtype(column):
        unread = f"data.time_format={form} is not used: {column.name!r} holds dates, and no text"
        return Stamps(*read_dates(column), notes=(*_of_ends(column.name), *([] if form is None else [unread])))
    if form in EPOCH_UNITS:
        dates = _since_1970(column, form)
        return Stamps(*read_dates(dates), NumberCode(form) if pd.api.types.is_integer_dtype(column) else None)
    numeric = pd.api.types.is_numeric_dtype(column)
    digits = None if numeric or (form is not None and form not in NAMES) else _whole_numbers_in_text(column)
    counted = freq is not None and freq.isdecimal()
    if digits is not None and (
        counted or form is not None or recognise(digits.to_numpy(), str(column.name), freq) is not None
    ):
        column, numeric = digits, True
    if numeric and form is None and isinstance(like, NumberCode) and like.name in SINCE:
        form = like.name
    if numeric and (form is None or form in NAMES):
        return _numbers(column, form, freq)
    if form is None and isinstance(like, TextForm) and not numeric:
        form = like.of(column)
    read = read_texts(column, form, freq)
    notes = (*read.notes, *_of_ends(column.name))
    return Stamps(*read_dates(read.dates), None if numeric else read.form, notes)


def _of_ends(name: Any) -> tuple[str, ...]:
    """A note where the name of the column says that stamps stand at the ends of their periods."""
    if _ENDING.search(str(name)) is None:
        return ()
    fix = f"frame[{name!r}] = pd.to_datetime(frame[{name!r}]) - pd.Timedelta(hours=1)"
    return (f"the stamps in {name!r} are kept as written, at the ends of their periods; for beginnings: {fix}",)


def _are_sheet_days(numbers: NDArray[np.int64]) -> bool:
    """Whether numbers are days from 1982 to 2064 as spreadsheets count them."""
    return bool(len(numbers) > 1 and (numbers >= _SHEET[0]).all() and (numbers < _SHEET[1]).all())


def _is_arrow_date(kind: Any) -> bool:
    """Whether a column holds Arrow's dates without a time of day."""
    return isinstance(kind, pd.ArrowDtype) and str(kind).startswith("date")


def _of_one_kind(column: pd.Series) -> pd.Series:
    """An object column as whole numbers or as dates, where it holds nothing else."""
    kind = pd.api.types.infer_dtype(column)
    if kind == "integer":
        return pd.Series(np.array(column.tolist()), name=column.name)
    if kind == "date":
        dates = pd.to_datetime(column, errors="coerce")
        return column if dates.isna().any() else dates
    if kind in ("datetime", "datetime64"):
        return pd.to_datetime(column)
    if kind in ("mixed", "mixed-integer"):
        _refuse_mixed(column)
    if kind == "period":
        return pd.Series(pd.PeriodIndex(column).to_timestamp(), name=column.name)
    return column


def _refuse_mixed(column: pd.Series) -> None:
    """Raise TimeError where some entries are dates and others are texts or numbers, as in sheets filled in by hand."""
    dates = column.map(lambda value: isinstance(value, date)).to_numpy()
    if dates.any() and not dates.all():
        row = int((~dates).argmax())
        raise TimeError(
            f"{int((~dates).sum())} of {len(column)} entries of the time column {column.name!r} are no dates but"
            f" {type(column.iloc[row]).__name__} (first: {column.iloc[row]!r}, row {row}): bring all to one kind"
        )


def _whole_numbers_in_text(column: pd.Series) -> pd.Series | None:
    """Texts of five digits and more as numbers; None where one is something else."""
    first = str(column.iloc[0])
    if not (first.isdecimal() and len(first) > 4):
        return None
    text = column.astype(str)
    if not text.str.fullmatch(r"\d{5,18}|[1-8]\d{18}").all() or text.str.startswith("0").any():
        return None
    return text.astype(np.int64)


def _numbers(column: pd.Series, form: str | None, freq: str | None) -> Stamps:
    """Whole numbers as dates where they are such, else as steps; years with decimals as months."""
    name = str(column.name)
    if form is None and pd.api.types.is_float_dtype(column):
        months = read_decimals(column.to_numpy(np.float64)) if not (column == np.floor(column)).all() else None
        if months is not None:
            note = (
                f"the numbers in {name!r} (such as {column.iloc[0]}) are years with decimals: they were read as months"
            )
            return Stamps(months.astype("datetime64[ns]"), notes=(note,))
        if (fractions := _fractions(column, None, freq)) is not None:
            return fractions
    if form in SINCE and (fractions := _fractions(column, form, freq)) is not None:
        return fractions
    numbers = _whole_numbers(column)
    counted = (freq or "").isdecimal()
    sheet = form is None and not counted and _SHEET_NAME.search(name) and counted_since(numbers, name) is None
    if sheet and _are_sheet_days(numbers):
        return _sheet_days(numbers, name)
    code = named_code(form) if form is not None else recognise(numbers, name, freq)
    if code is None:
        if form is None and not counted:
            refuse_numbers(numbers, name)
        return Stamps(numbers, notes=_maybe_days(numbers, name) if freq is None else ())
    times = code.read(numbers)
    if np.isnat(times).any():
        row = int(np.isnat(times).argmax())
        raise TimeError(
            f"the time column {name!r} holds {numbers[row]} (row {row}), which is no date of the form {code.name}"
            f" (data.time_format={form})",
            setting="data.time_format",
        )
    notes: tuple[str, ...] = ()
    if form is None and code.name.startswith("yyyyp"):
        long = code.name.startswith("yyyyppp")
        count = int(code.name.lstrip("yp"))
        others = "yyyyddd reads days of a year" if long else "yyyyww reads ISO weeks"
        read_as = "months" if count == 12 else f"{count} periods a year"
        notes = (
            f"the whole numbers in {name!r} (such as {numbers[0]}) run from {1:0{2 + long}d} to {count:0{2 + long}d} in"
            f" each year: they are read as {read_as} (data.time_format={code.name}; {others})",
        )
    if form is None and code.name in SINCE:
        notes = (note_on(code.name, name, numbers[0]),)
    if form is None and code.name == "yyyyee":
        notes = (epi_note(name, numbers[0]),)
    if form is None and code.name in EPOCH_UNITS:
        step = int(np.gcd.reduce(np.diff(np.unique(numbers)))) or 1
        notes = (
            f"the whole numbers in {name!r} (such as {numbers[0]}) are read as {EPOCH_UNITS[code.name]} since 1970;"
            f" data.freq={step} counts them as steps",
        )
    return Stamps(times.astype("datetime64[ns]"), written=code, notes=notes)


def show(stamp: Any) -> str:
    """Format a stamp for people."""
    return str(pd.Timestamp(stamp)) if isinstance(stamp, np.datetime64) else str(stamp)


def _since_1970(column: pd.Series, unit: str) -> pd.Series:
    try:
        return pd.to_datetime(pd.to_numeric(column), unit=unit)  # type: ignore[call-overload]
    except (ValueError, TypeError) as error:
        raise TimeError(
            f"the time column {column.name!r} cannot be read as {EPOCH_UNITS[unit]} since 1970"
            f" (data.time_format={unit}): {error}",
            setting="data.time_format",
        ) from error


def _are_hundreds(column: pd.Series) -> bool:
    """Whether whole numbers count hundreds of nanoseconds since long ago."""
    ends = column.min(), column.max()
    return any(
        least <= ends[0] and ends[1] <= most for least, most in (SINCE[key].span for key in ("ticks", "filetime"))
    )


def _fractions(column: pd.Series, form: str | None, freq: str | None) -> Stamps | None:
    """Days with fractions, and moments of 17 digits that were stored as floats; None for other numbers."""
    if not pd.api.types.is_float_dtype(column) or (freq or "").isdecimal():
        return None
    numbers = column.to_numpy(np.float64)
    if (np.abs(numbers) <= MOST).all() and (numbers == np.floor(numbers)).all():
        return None
    key = form or counted_since(numbers, str(column.name))
    if key is None or not np.isfinite(numbers).all():
        return None
    notes = () if form is not None else (note_on(key, str(column.name), column.iloc[0]),)
    return Stamps(SINCE[key].read(numbers), notes=notes)


def _sheet_days(numbers: NDArray[np.int64], name: str) -> Stamps:
    days = np.datetime64("1899-12-30", "D") + numbers.astype("timedelta64[D]")
    other = likely(numbers)
    note = (
        f"the whole numbers in {name!r} (such as {numbers[0]}) are read as days of a spreadsheet: {days[0]}"
        f" (data.freq=1 counts them as steps{'; ' if other else ''}{other})"
    )
    return Stamps(days.astype("datetime64[ns]"), notes=(note,))


def _maybe_days(numbers: NDArray[np.int64], name: str) -> tuple[str, ...]:
    """A note where numbers that count as steps stand under the name of a date and may be days of an epoch."""
    if not re.search(r"date|datum|fecha", name, re.IGNORECASE) or not len(numbers) or not (ways := likely(numbers)):
        return ()
    return (f"the whole numbers in {name!r} (such as {numbers[0]}) count as steps; {ways}",)


def _whole_numbers(column: pd.Series) -> NDArray[np.int64]:
    if pd.api.types.is_bool_dtype(column) or pd.api.types.is_complex_dtype(column):
        raise TimeError(f"the time column {column.name!r} holds {column.dtype}; wanted dates or whole numbers")
    numbers = column.to_numpy()
    whole = pd.api.types.is_integer_dtype(column)
    if whole and (((found := epoch_unit(numbers)) and found[0] == "ns") or _are_hundreds(column)):
        return np.asarray(numbers, np.int64)
    exact = np.asarray(numbers, np.float64)
    bad = np.flatnonzero(~((np.abs(exact) <= MOST) & (exact == np.floor(exact))))
    if len(bad):
        unit = epoch_unit(exact)
        fix = f"; {unit[1]} since 1970? set data.time_format={unit[0]}" if unit else ""
        fix = f"; {words}" if not unit and (words := likely(exact)) else fix
        raise TimeError(
            f"the time column {column.name!r} holds numbers that count no steps (first: {numbers[bad[0]]!s}, row"
            f" {bad[0]}); wanted dates or whole numbers up to {MOST}{fix}"
        )
    return exact.astype(np.int64)
