"""Find the time column by the settings, its name or its content; join dates that stand in several columns."""

import re
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from latentcast.core.assignments import assignment
from latentcast.core.errors import TimeError, shorten, suggest
from latentcast.data.settings import DataSettings
from latentcast.data.tables.across import across
from latentcast.data.tables.calendar_units import AmbiguousTime, plausible
from latentcast.data.tables.date_parts import parts_of, stamps_of
from latentcast.data.tables.periods_of_year import count_of
from latentcast.data.tables.timestamps import read_stamps

TIME_NAMES = ("ds", "date", "datetime", "timestamp", "time")
_COUNTED = re.compile(r"date|day|time|step|index|period|week|month|obs|seq|tick|cycle", re.I)  # what numbers may count
_FURTHER_NAMES = (
    "month",
    "quarter",
    "week",
    "day",
    "period",
    "year",
    "fy",
    "fiscal year",
    "fiscal_year",
    "financial year",
    "datum",
    "fecha",
    "date_time",
    "index",
    "t",
)
_YEARS = ("year", "fy", "fiscal year", "fiscal_year", "financial year")
_WITHIN_DAY = re.compile(
    r"(settlement[ _]?)?period|hour|hr|hour[ _]?ending|interval|quarter_?hour|minute|time|he", re.I
)
_DATE = re.compile(r"(.*_)?(date|datum|day|fecha)", re.I)
_PERIODS = {24: 60, 48: 30, 96: 15, 288: 5}  # periods of a day → their minutes
_ENDS = re.compile(r"ending|^he$", re.I)
_BEGIN = re.compile(r"(?<![a-z])(start|begin|from|von|beginn|d[eé]but)(?![a-rt-z])", re.I)
_END = re.compile(r"(?<![a-z])(end|stop|to|until|till|bis|ende|fin)(?![a-z])", re.I)
_NEARLY = 0.9
_SAMPLE = 50  # rows by which a column is judged
UNNAMED = ("Unnamed: 0", "")  # names that readers give to a nameless column
JOINED = "ds"
_EPI_WORDS = "; the weeks are MMWR weeks, which begin on Sunday"


def time_column(frame: pd.DataFrame, settings: DataSettings) -> str:
    """The name of the time column; `frame` has text as column names.

    Raises TimeError when there is none, or several that may be it.
    """
    columns = list(frame.columns)
    if settings.time is not None:
        if settings.time not in columns:
            raise TimeError(f"there is no time column {settings.time!r}; {suggest(settings.time, columns)}")
        return settings.time
    used = {*settings.id_names, *settings.value_names, settings.target, *settings.ignore, *(settings.columns or ())}
    used |= {*settings.future, *settings.past, *settings.static}
    free = [name for name in columns if name not in settings.ignore]
    for wanted in TIME_NAMES:
        named = [name for name in free if name.lower() == wanted]
        if named and not _measured(frame[named[0]], [frame[name] for name in free if name not in (named[0], *used)]):
            ids = [name for name in settings.id_names or ("unique_id",) if name in columns]
            return _finer(frame, named[0], [name for name in free if name not in (*used, *ids)], ids)
    free = [name for name in free if name not in used and name not in ("unique_id", "y")]
    freq = settings.freq if count_of(settings.freq) is not None else None
    for wanted in _FURTHER_NAMES:
        if named := [
            name for name in free if name.lower() == wanted and _holds_times(frame[name], steps=True, freq=freq)
        ]:
            return named[0]
    if isinstance(frame.index, pd.DatetimeIndex | pd.PeriodIndex):
        raise TimeError("the times stand in the index of the frame; make them a column: frame.reset_index()")
    found = [name for name in free if _holds_times(frame[name], steps=False, freq=freq)]
    found = [name for name in found if not pd.api.types.is_numeric_dtype(frame[name]) or name == columns[0]]
    found = _one_of(frame, found)
    if len(found) > 1:
        first, second = found[:2]
        raise TimeError(
            f"{first!r} and {second!r} both hold dates: set the one that is the time"
            f" ({assignment('data.time', first)} or {assignment('data.time', second)})",
            setting="data.time",
            value=str(first),
        )
    if found:
        return found[0]
    if free and free[0] == columns[0] and columns[0] in UNNAMED and are_years(frame[columns[0]]):
        return str(columns[0])
    if free and free[0] == columns[0] and _COUNTED.search(free[0]) and _counts_up(frame[free[0]]):
        return free[0]
    among = f"among {shorten(columns, 8)}" if columns else "(the table has no columns)"
    raise TimeError(
        f"no time column found {among}: name it {TIME_NAMES[0]} or set it (data.time); where no column holds dates,"
        " data.steps=rows counts the rows",
        setting="data.time",
    )


def _one_of(frame: pd.DataFrame, found: list[str]) -> list[str]:
    """The columns of dates without those of one date, and without the ends of periods whose beginning is there."""
    varied = [name for name in found if (frame[name] != frame[name].iloc[0]).any()]
    found = varied or found
    begins = [name for name in found if _BEGIN.search(name)]
    ends = [name for name in found if _END.search(name) and name not in begins]
    return begins if len(begins) == 1 and len(begins) + len(ends) == len(found) else found


def _finer(frame: pd.DataFrame, named: str, free: list[str], ids: list[str]) -> str:
    """The column of that name; or, where its dates repeat in a series, the one whose stamps of these days never do."""
    if pd.api.types.is_numeric_dtype(frame[named]):
        return named
    others = [name for name in free if name != named and not pd.api.types.is_numeric_dtype(frame[name])]
    able = [name for name in others if _begins_without_repeats(frame, name, ids)]  # texts that name things repeat soon
    able = [name for name in able if _holds_times(frame[name], steps=False)]
    if not able or not _repeats(frame, named, ids):
        return named
    able = [name for name in able if not _repeats(frame, name, ids)]
    if len(able) != 1:
        return named
    sample = np.unique(np.linspace(0, len(frame) - 1, min(len(frame), _SAMPLE)).astype(int))
    try:
        days, stamps = (read_stamps(frame[name].iloc[sample], None).times for name in (named, able[0]))
    except TimeError:
        return named
    same = [np.issubdtype(times.dtype, np.datetime64) for times in (days, stamps)]
    return able[0] if all(same) and (stamps.astype("datetime64[D]") == days).all() else named


def _repeats(frame: pd.DataFrame, name: str, ids: list[str]) -> bool:
    return bool(frame.duplicated([*ids, name]).any()) if ids else not frame[name].is_unique


def _measured(column: pd.Series, others: list[pd.Series]) -> bool:
    """Whether numbers named like a time are values, as the times of runners are, and another column has the dates."""
    if not pd.api.types.is_numeric_dtype(column) or _holds_times(column, steps=True):
        return False
    return any(
        _holds_times(other, steps=str(other.name).lower() in _FURTHER_NAMES)
        for other in others
        if not pd.api.types.is_numeric_dtype(other) or str(other.name).lower() in _FURTHER_NAMES
    )


def _begins_without_repeats(frame: pd.DataFrame, name: str, ids: list[str]) -> bool:
    try:
        return not _repeats(frame.iloc[:_SAMPLE], name, ids)
    except TypeError:  # lists in cells
        return False


def are_years(column: pd.Series) -> bool:
    """Whether whole numbers are years that follow on each other, and no numbers of rows."""
    if not pd.api.types.is_integer_dtype(column) or column.isna().any() or not len(column):
        return False
    years = column.to_numpy(np.int64)
    return bool((np.diff(years) == 1).all()) and plausible(years)


def _counts_up(column: pd.Series) -> bool:
    """Whether whole numbers are steps: nearly each the one after the row before."""
    if not pd.api.types.is_integer_dtype(column) or column.isna().any() or len(column) < 3:
        return False
    apart = np.diff(column.to_numpy(np.int64))
    return bool((apart > 0).all() and (apart == 1).mean() >= _NEARLY)


def _without_missing(column: pd.Series) -> pd.Series:
    """The values that are there; of a long column without a missing one among them a sample."""
    if len(column) > 10 * _SAMPLE and not pd.api.types.is_numeric_dtype(column.dtype):
        few = column.iloc[np.linspace(0, len(column) - 1, _SAMPLE).astype(int)]
        if few.notna().all():
            return few
    return column.dropna()


def _holds_times(column: pd.Series, *, steps: bool, freq: str | None = None) -> bool:
    """Whether a column can be read as dates, or with `steps` as whole numbers that count up."""
    kind, numeric = column.dtype, pd.api.types.is_numeric_dtype(column.dtype)
    if pd.api.types.is_datetime64_any_dtype(kind) or isinstance(kind, pd.PeriodDtype):
        return True
    sample = _without_missing(column)
    if pd.api.types.is_bool_dtype(kind) or not len(sample) or not (numeric or _is_text_with_digits(sample)):
        return False
    if not numeric:
        sample = sample.iloc[np.linspace(0, len(sample) - 1, min(len(sample), _SAMPLE)).astype(int)]
    elif not sample.is_monotonic_increasing and not steps:
        return False
    try:
        times = read_stamps(sample, None, freq).times
    except AmbiguousTime:
        return True
    except TimeError:
        return False
    if not np.issubdtype(times.dtype, np.integer):
        return True
    if steps and str(column.name).lower() in _YEARS and plausible(times):
        return True  # of several series they begin anew
    return steps and len(times) > 2 and bool((np.diff(times) == 1).mean() > 0.5)


def _is_text_with_digits(sample: pd.Series) -> bool:
    return isinstance(sample.iloc[0], str) and any(letter.isdigit() for letter in sample.iloc[0])


def joined_time(frame: pd.DataFrame, settings: DataSettings) -> tuple[pd.DataFrame, tuple[str, ...]]:
    """The table with one time column where dates stand in several, and a note that says so; else as it came.

    Read are year, month, day, hour, … in columns of their own, a year next to its week or quarter, a date next to the
    hour, the time of day or the number of a period of the day, and rows of a day, week, month or year (`across.py`).
    """
    if settings.time is not None and settings.time not in frame.columns:
        return frame, ()
    if (rows := across(frame, settings)) is not None:
        return rows[0], (rows[1],)
    lower = {name.lower(): name for name in frame.columns if name not in settings.ignore}
    unnamed = settings.time is None and not any(name in lower for name in TIME_NAMES)
    if unnamed and (parts := parts_of(lower.values())):
        stamps = stamps_of(frame, parts)
        return (
            (frame, ())
            if stamps is None
            else _replaced(frame, list(parts.values()), stamps, _EPI_WORDS * ("epiweek" in parts))
        )
    dates = [name for name in lower.values() if _DATE.fullmatch(name)]
    dates = [settings.time] if settings.time is not None else dates
    declared = {
        *settings.id_names,
        *settings.value_names,
        settings.target,
        *settings.future,
        *settings.past,
        *settings.static,
    }
    within_day = [name for name in lower.values() if _WITHIN_DAY.fullmatch(name) and name not in (*dates, *declared)]
    if len(dates) != 1 or len(within_day) != 1 or not frame[dates[0]].duplicated().any():
        return frame, ()
    try:
        days = read_stamps(frame[dates[0]], settings.time_format).times
    except TimeError:
        return frame, ()
    if np.issubdtype(days.dtype, np.integer) or (days != days.astype("datetime64[D]")).any():
        return frame, ()
    within = _within_day(frame[within_day[0]])
    if within is None:
        return frame, ()
    return _replaced(frame, [dates[0], within_day[0]], days + within[0], within[1])


def with_row_numbers(frame: pd.DataFrame, settings: DataSettings) -> pd.DataFrame:
    """Where rows count as steps and no column can be the time, a first column of their numbers."""
    if settings.steps != "rows" or settings.time is not None or JOINED in frame.columns or not frame.columns.is_unique:
        return frame
    try:
        time_column(frame, settings)
    except TimeError as error:
        if error.value is not None:
            raise  # several may be it
        frame = frame.copy(deep=False)
        frame.insert(0, JOINED, np.arange(1, len(frame) + 1))
    return frame


def _within_day(column: pd.Series) -> tuple[Any, str] | None:
    """Time after midnight of each row, and how a number was read; None for another column."""
    if not pd.api.types.is_numeric_dtype(column):
        text = column.astype(str).str.strip().str.replace(".", ":", regex=False)
        if not text.str.fullmatch(r"\d{1,2}:\d{2}(:\d{2})?").all():
            return None
        text = text.where(text.str.count(":") == 2, text + ":00")
        return _from_midnight(pd.to_timedelta(text).to_numpy("timedelta64[ns]"), column)
    numbers = column.to_numpy(np.float64)
    if np.isnan(numbers).any() or (numbers != np.floor(numbers)).any() or numbers.min() < 0:
        return None
    first = 0 if numbers.min() == 0 else 1
    most = int(numbers.max()) + 1 - first
    count = next((count for count in _PERIODS if most <= count * 25 // 24), None)
    if count is None:
        return None
    if most > count:
        raise TimeError(
            f"{column.name!r} counts up to {int(numbers.max())}, more than the {count} of a day, as where the clocks"
            " change: give stamps in UTC"
        )
    minutes = _PERIODS[count]
    words = f"; number {first} of {str(column.name)!r} begins at 00:00, and each lasts {minutes} minutes"
    return ((numbers - first) * minutes * 60).astype("timedelta64[s]").astype("timedelta64[ns]"), words


def _from_midnight(times: NDArray[Any], column: pd.Series) -> tuple[NDArray[Any], str]:
    """Times of day, moved to where their hours begin where the column's name says that they end.

    The name alone decides: a few later rows are then read like a whole day.
    """
    name, minute = str(column.name), np.timedelta64(1, "m")
    if _ENDS.search(name) is not None:
        step = min(int(np.gcd.reduce(times // minute)) or 60, 60)
        words = f"; {name!r} names ends: each stamp stands {step} minutes earlier, where its period begins"
        return times - step * minute, f"{words} (rename the column to 'hour' to keep them as written)"
    if times.min() > np.timedelta64(0) and times.max() == np.timedelta64(1, "D"):
        first = column.iloc[int(times.argmin())]
        words = (
            f"; {name!r} runs from {first} to 24:00 and is kept as written (rename the column to 'hour ending' where"
        )
        return times, f"{words} these are ends)"
    return times, ""


def _replaced(frame: pd.DataFrame, names: list[str], times: Any, words: str) -> tuple[pd.DataFrame, tuple[str, ...]]:
    """The table with a first column `ds` of stamps in place of those that they were made of."""
    rest = frame.drop(columns=names)
    name = JOINED if JOINED not in rest.columns else names[0]
    rest.insert(0, name, times)
    return rest, (f"the time was joined from {', '.join(map(repr, names))}{words}",)
