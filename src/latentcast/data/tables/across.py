"""Rows that hold a day, a week, a month or a year, with the times in them as columns: one row a step instead."""

import re
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from latentcast.core.errors import TimeError, shorten
from latentcast.data.settings import DataSettings
from latentcast.data.tables.across_names import DAY, Places, places_of
from latentcast.data.tables.across_zone import in_zone, refuse_more_hours
from latentcast.data.tables.calendar_units import UNITS, plausible
from latentcast.data.tables.date_parts import YEARS, parts_of, stamps_of
from latentcast.data.tables.timestamps import read_stamps

_SUMS = re.compile(
    r"total|sum|annual|ann|mean|average|avg|summe|jahr|year_total|(daily|day|weekly|monthly|yearly)[ _]?(total|sum|kwh)"
    r"|h(alf)?[ _]?[12]|q(tr|uarter)?[ _]?[1-4]|min|max|peak|off[ _]?peak"
)
_TIMES = ("ds", "date", "datetime", "timestamp", "time", "day", "datum", "fecha", "week", "month", "period")
_DATE = re.compile(r"(.*[ _])?(date|datum|day|fecha|tag)|date[ _]?.*|week.*|month", re.I)
_YEAR = re.compile(r"(?:FY|GJ)?[ -]?(\d{4})", re.I)
_FISCAL = re.compile(r"fy|fiscal[ _]?year|financial[ _]?year|geschäftsjahr", re.I)
_EACH = {"clock": "day", "period": "day", "weekday": "week", "day": "month"}  # of a year for all others
_WORDS = {"clock": "times of its day", "period": "periods of its day", "weekday": "days of its week"}


@dataclass(frozen=True)
class _Across:
    """A table whose rows are days, weeks, months or years; `dates` [rows] their first days, from the columns `of`."""

    frame: pd.DataFrame
    places: Places
    dates: NDArray[Any]
    of: tuple[str, ...]
    words: str = ""

    @property
    def others(self) -> list[str]:
        return [name for name in self.frame.columns if name not in (*self.places.columns, *self.of)]


def across(frame: pd.DataFrame, settings: DataSettings) -> tuple[pd.DataFrame, str] | None:
    """The table as one row a step, and a note that says how it was read; None for any other table.

    With `data.layout=wide`, or where the settings name one of the columns as a series, they stay series. Raises
    TimeError where a row holds values at times that it does not have.
    """
    found = _recognised(frame, settings)
    return None if found is None else _as_long(found, settings)


def is_across(frame: pd.DataFrame) -> bool:
    """Whether rows are days, weeks, months or years, and columns the times in them."""
    named = frame.copy(deep=False)
    named.columns = pd.Index([str(name) for name in frame.columns])
    return _recognised(named, DataSettings()) is not None


def _recognised(frame: pd.DataFrame, settings: DataSettings) -> _Across | None:
    named = {settings.target, *(settings.columns or ()), *settings.future, *settings.past, *settings.static}
    if settings.layout == "wide" or not frame.columns.is_unique:
        return None
    for table in (frame, _turned(frame)):
        if table is None:
            continue
        for places in places_of(name for name in table.columns if name not in settings.ignore):
            if named & set(places.columns) or not _are_numbers(table, places):
                continue
            rest = [name for name in table.columns if name not in places.columns]
            if (dated := _dates(table, rest, places, settings)) is not None:
                return _Across(table, places, *dated)
    return None


def _turned(frame: pd.DataFrame) -> pd.DataFrame | None:
    """A table whose rows are months or times of day, and whose columns are years or days, the other way round."""
    first = frame.columns[0] if len(frame.columns) > 2 else None
    if first is None or not 2 <= len(frame) <= 400 or not frame[first].is_unique or frame[first].isna().any():
        return None
    if not all(any(letter.isdigit() for letter in name) for name in frame.columns[1:]):
        return None
    rows = [str(name) for name in frame[first]]
    if not any(len(places.columns) == len(rows) for places in places_of(rows)):
        return None
    turned = frame.set_index(first).T.rename_axis(index="ds", columns=None).reset_index()
    turned.columns = pd.Index(["ds", *rows])
    return turned


def _are_numbers(frame: pd.DataFrame, places: Places) -> bool:
    """Whether the columns hold numbers, or nothing."""
    kinds = (frame[name] for name in places.columns)
    return all(
        (pd.api.types.is_numeric_dtype(one) and not pd.api.types.is_bool_dtype(one)) or one.isna().all()
        or pd.api.types.infer_dtype(one, skipna=True) in ("integer", "floating", "mixed-integer-float", "decimal")
        for one in kinds
    )  # fmt: skip


def _dates(
    frame: pd.DataFrame, rest: list[str], places: Places, settings: DataSettings
) -> tuple[NDArray[Any], tuple[str, ...], str] | None:
    """The first day of each row, the columns that tell it, and words on how; None where there are none."""
    each = _EACH.get(places.unit, "year")
    if each == "year":
        return _years(frame, rest, settings)
    parts = parts_of(rest) if settings.time is None else {}
    wanted = {"day": {"year", "month", "day"}, "week": {"year", "week"}, "month": {"year", "month"}}[each]
    if wanted <= set(parts) and (stamps := stamps_of(frame, {part: parts[part] for part in wanted})) is not None:
        return _of_places(stamps.astype("datetime64[D]"), tuple(parts[part] for part in wanted), places)
    for name in _likely(frame, rest, settings):
        try:
            stamps = read_stamps(frame[name], settings.time_format).times
        except TimeError:
            continue
        if np.issubdtype(stamps.dtype, np.integer) or (stamps != stamps.astype("datetime64[D]")).any():
            continue
        days = stamps.astype("datetime64[D]")
        if _suits(days, places, each) and (found := _of_places(days, (name,), places)) is not None:
            return found
    return None


def _likely(frame: pd.DataFrame, rest: list[str], settings: DataSettings) -> list[str]:
    """Columns that may hold dates, likelier ones first."""
    if settings.time is not None:
        return [settings.time] if settings.time in rest else []
    free = [name for name in rest if name not in (*settings.id_names, *settings.ignore, *settings.future)]
    named = [name for wanted in _TIMES for name in free if name.strip().lower() == wanted]
    named += [name for name in free if _DATE.fullmatch(name.strip()) and name not in named]
    dates = [name for name in free if pd.api.types.is_datetime64_any_dtype(frame[name]) and name not in named]
    texts = [
        name
        for name in free
        if name not in named and len(frame) and isinstance(text := frame[name].iloc[0], str)
        and re.search(r"\d.*[-./ ].*\d|\d{6,8}", text)
    ]  # fmt: skip
    return [*named, *dates, *texts]


def _suits(days: NDArray[Any], places: Places, each: str) -> bool:
    """Whether the days of rows lie as far apart as rows are long; numbers alone are no sign for longer steps."""
    distinct = np.unique(days)
    apart = np.diff(distinct).astype(np.int64)
    if each == "week":
        return bool((apart % 7 == 0).all())
    if each == "month":
        return len(np.unique(days.astype("datetime64[M]"))) == len(distinct)
    return not places.plain or not len(apart) or bool(np.median(apart) == 1)


def _of_places(
    days: NDArray[Any], names: tuple[str, ...], places: Places
) -> tuple[NDArray[Any], tuple[str, ...], str] | None:
    """The first days of rows; of weeks those of the first column, by the weekday of the dates."""
    if places.unit == "day":
        return days.astype("datetime64[M]").astype("datetime64[D]"), names, ""
    if places.unit != "weekday":
        return days, names, ""
    weekday = int((days[0].astype(np.int64) + 3) % 7)
    first, last = int(places.numbers[0]), int(places.numbers[-1])
    ending = any(re.search(r"end|bis|to$", name, re.I) for name in names)
    if weekday == first and not (ending and first == last):
        return days, names, f"; {names[0]!r} is the day of {places.columns[0]!r}" * (len(names) == 1)
    if weekday == (first + 6) % 7 or weekday == last:
        back = (weekday - first) % 7
        return (
            days - back,
            names,
            f"; {names[0]!r} is the end of its week, and {places.columns[0]!r} {back} days before",
        )
    raise TimeError(
        f"the columns {places.columns[0]!r} .. {places.columns[-1]!r} are days of a week, and {names[0]!r} (first:"
        f" {days[0]}) is neither the first nor the last of them; give the first day of each week, or keep the columns"
        " as series (data.layout=wide)",
        setting="data.layout",
        value="wide",
    )


def _years(
    frame: pd.DataFrame, rest: list[str], settings: DataSettings
) -> tuple[NDArray[Any], tuple[str, ...], str] | None:
    if settings.time is not None:
        able = [settings.time] if settings.time in rest else []
    else:
        named = [name for name in rest if name.strip().lower() in YEARS or _FISCAL.fullmatch(name.strip())]
        able = named or [
            name for name in rest if name.strip().lower() in ("ds", "date", "time", "period", "unnamed: 0")
        ]
    for name in able:
        column = frame[name]
        if pd.api.types.is_datetime64_any_dtype(column):
            years = column.dt.year if (column.dt.dayofyear == 1).all() else None
        elif pd.api.types.is_numeric_dtype(column):
            years = column if not column.isna().any() and (column == np.floor(column)).all() else None
        else:
            found = column.astype(str).str.strip().str.extract(f"^{_YEAR.pattern}$", flags=re.I)[0]
            years = None if found.isna().any() else found
        if years is not None and plausible(numbers := years.to_numpy().astype(np.int64)):
            fiscal = _FISCAL.fullmatch(name.strip()) or not pd.api.types.is_numeric_dtype(column)
            words = (
                "; years of a business were read as those of the calendar" if fiscal and _FISCAL.search(name) else ""
            )
            return numbers, (name,), words
    return None


def _as_long(found: _Across, settings: DataSettings) -> tuple[pd.DataFrame, str]:
    frame, places = found.frame, found.places
    values = np.stack([pd.to_numeric(frame[name]).to_numpy(float, na_value=np.nan) for name in places.columns], axis=1)
    kept, left = _split_others(found, settings)
    stamps, there, words = _stamps(found, values, settings)
    inside = there & _between_ends(values, found.dates, _groups(frame, kept, settings))
    row, at = np.nonzero(inside)
    name = next(iter(settings.value_names), None) or ("value" if "value" not in kept else "y")
    made = {one: frame[one].iloc[row].reset_index(drop=True) for one in kept}
    flat = stamps.reshape(values.shape[0], -1) if isinstance(stamps, np.ndarray) else None
    times = flat[row, at] if flat is not None else stamps[row * values.shape[1] + at]
    long = pd.DataFrame({settings.time or "ds": times, **made, name: values[row, at]})
    long.attrs.update(frame.attrs)
    columns = f"{places.columns[0]!r} .. {places.columns[-1]!r}"
    unit = "half-year" if places.unit == "half" else places.unit
    what = _WORDS.get(unit, f"{unit}s of its {_EACH.get(unit, 'year')}")
    out = f"; {shorten(left)} left out" if left else ""
    note = (
        f"each row is one {_EACH.get(places.unit, 'year')}: the columns {columns} were read as the {what}, by"
        f" {' and '.join(map(repr, found.of))}, as the series {name!r}{places.words}{found.words}{words}{out}"
        " (data.layout=wide keeps them as series)"
    )
    return long, note


def _split_others(found: _Across, settings: DataSettings) -> tuple[list[str], list[str]]:
    """Other columns that are kept: declared ones, texts, and whole numbers where dates repeat; and those left out."""
    frame = found.frame
    declared = {*settings.id_names, *settings.ignore, *settings.future, *settings.static, *settings.past}
    texts = [name for name in found.others if not pd.api.types.is_numeric_dtype(frame[name])]
    key = pd.DataFrame({one: frame[one] for one in (*found.of, *texts)})
    repeated = bool(key.duplicated().any())
    kept: list[str] = []
    left: list[str] = []
    for name in found.others:
        whole = repeated and pd.api.types.is_integer_dtype(frame[name]) and not _SUMS.fullmatch(name.strip().lower())
        keep = name in declared or name in texts or whole
        keep = keep and (name in declared or not frame[name].isna().all())
        (kept if keep else left).append(name)
    return kept, left


def _groups(frame: pd.DataFrame, kept: list[str], settings: DataSettings) -> NDArray[np.int64]:
    """[rows] which rows belong to one series, as far as columns tell."""
    names = [name for name in settings.id_names if name in kept] or [
        name for name in kept if name not in settings.ignore and 1 < frame[name].nunique() < len(frame)
    ]
    if not names:
        return np.zeros(len(frame), np.int64)
    return np.asarray(frame.groupby(names, sort=False, dropna=False).ngroup(), np.int64)


def _between_ends(values: NDArray[np.float64], days: NDArray[Any], groups: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Cells of rows with a value: of the first row of a series from its first value on, of the last one to its last."""
    seen: NDArray[np.bool_] = np.asarray(~np.isnan(values))
    filled = np.asarray(seen.any(axis=1))
    inside = np.repeat(filled[:, None], values.shape[1], axis=1)
    rows = np.flatnonzero(filled)
    if not len(rows):
        return inside
    rows = rows[np.lexsort((days[rows], groups[rows]))]
    of = groups[rows]
    starts = np.flatnonzero(np.append(True, of[1:] != of[:-1]))
    at = np.arange(values.shape[1])
    first, last = rows[starts], rows[np.append(starts[1:], len(of)) - 1]
    inside[first] &= at >= seen[first].argmax(axis=1)[:, None]
    inside[last] &= at < values.shape[1] - seen[last][:, ::-1].argmax(axis=1)[:, None]
    return inside


def _stamps(found: _Across, values: NDArray[np.float64], settings: DataSettings) -> tuple[Any, NDArray[np.bool_], str]:
    """The stamp of each cell, and which cells have one; words on what was left out."""
    places, seen = found.places, ~np.isnan(values)
    numbers = places.numbers[None, :]
    if places.unit in ("clock", "period"):
        more = places.again if places.again.any() else places.numbers * max(places.minutes, 1) >= DAY
        more = more if places.unit == "period" or places.again.any() else np.zeros(len(more), np.bool_)
        minutes = numbers * (places.minutes if places.unit == "period" else 1)
        local = found.dates[:, None].astype("datetime64[m]") + minutes
        there = np.broadcast_to(~more | seen.any(axis=0), values.shape).copy()
        if settings.zone is not None:
            times, there = in_zone(local, found.dates, places, more, seen, settings.zone)
            return times, there, ""
        refuse_more_hours(found.dates, more, seen, places)
        return local.astype("datetime64[ns]"), there & ~more, ""
    if places.unit == "weekday":
        back = (places.numbers - places.numbers[0]) % 7
        stamps = found.dates[:, None] + back[None, :]
    elif places.unit == "day":
        stamps = found.dates[:, None] + (numbers - 1)
        other = stamps.astype("datetime64[M]") != found.dates[:, None].astype("datetime64[M]")
        stamps = np.where(other, np.datetime64("NaT", "D"), stamps)
    else:
        years = np.broadcast_to(found.dates[:, None], values.shape)
        stamps = UNITS[places.unit].begins(years, np.broadcast_to(numbers, values.shape))
    there = ~np.isnat(stamps)
    if (wrong := ~there & seen).any():
        row, at = np.argwhere(wrong)[0]
        raise TimeError(
            f"row {row} holds {values[row, at]:g} under {places.columns[at]!r}, and {found.dates[row]} has no such"
            f" {places.unit}; fix it, or keep the columns as series (data.layout=wide)",
            setting="data.layout",
            value="wide",
        )
    return stamps.astype("datetime64[ns]"), there, "; weeks are those of ISO 8601" * (places.unit == "week")
