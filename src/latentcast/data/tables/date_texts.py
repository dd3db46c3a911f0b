"""Read dates written as text: a strptime format, ISO 8601, or a unit of a year (`period_texts.py`)."""

import re
import warnings
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from latentcast.core.errors import TimeError
from latentcast.data.tables.calendar_units import UNITS
from latentcast.data.tables.date_ranges import beginnings
from latentcast.data.tables.foreign_calendars import refuse_texts
from latentcast.data.tables.likely_reading import settled
from latentcast.data.tables.month_names import in_english
from latentcast.data.tables.period_texts import read_periods
from latentcast.data.tables.text_form import TextForm, form_of
from latentcast.data.tables.zone_words import in_zone, with_offsets

_OFFSET = r":\d{2}(?:[.,]\d+)?(?:\s?[AaPp][Mm])?\s*(Z|[+-]\d{2}:?\d{2})$"
_MONTH_FIRST = ("%m/%d", "%m-%d", "%m.%d")
_MIDNIGHT = r"(?<=[T ])24(?=:00(?::00(?:\.0+)?)?(?:\s*(?:Z|[+-]\d{2}:?\d{2}))?$)"
_FURTHER = (
    "%m/%d/%y", "%d/%m/%y", "%m-%d-%y", "%d-%m-%y", "%m.%d.%y", "%d.%m.%y", "%d-%b-%y", "%b %Y", "%B %Y", "%Y %b",
    "%Y %B", "%b-%Y", "%B-%Y", "%Y-%b", "%b %y", "%b-%y", "%b%Y", "%Y%b", "%b %d %Y", "%B %d %Y", "%b %d, %Y",
    "%B %d, %Y", "%d. %b %Y", "%d. %B %Y",
    "%Y年%m月%d日", "%Y年%m月", "%Y年", "%d %b %Y", "%d %B %Y", "%d-%b-%Y", "%d.%m.%Y", "%d/%m/%Y", "%G-W%V-%u",
    "FY%Y", "FY %Y", "FY%y",
)  # fmt: skip
_CLOCK = re.compile(r"([ T,]+)(\d{1,2})([:.])(\d{2})(\3\d{2})?(\s?[AP]M)?$|([ T,]+)(\d{1,2})(\s?[AP]M)$", re.IGNORECASE)
_HALF_DAY = r"(?i)\b([ap])\.\s?m\.?$"  # a.m. → am
_FIRST_YEAR, _LAST_YEAR = 1678, 2261  # of nanoseconds


@dataclass(frozen=True)
class ReadTexts:
    """Dates [rows], with a zone where the texts have offsets; how they were written; what a reader should know."""

    dates: pd.Series
    form: TextForm | None
    notes: tuple[str, ...] = ()


def read_texts(column: pd.Series, form: str | None, freq: str | None) -> ReadTexts:
    """Dates of a text column; every distinct text is read once.

    Raises TimeError where an entry is no date, where time zones are mixed with none, and where two readings are equally
    likely; it names the first entry at fault and its row, counted from 0.
    """
    codes, distinct = pd.factorize(column)
    text = pd.Series(distinct, dtype=object).astype(str).str.strip()
    if form is None and (first := beginnings(text)) is not None:
        read = read_texts(pd.Series(first.to_numpy()[codes], name=column.name), form, freq)
        note = f"{column.name!r} names a beginning and an end (such as {text.iloc[0]!r}): the beginning counts"
        return ReadTexts(read.dates, None, (*read.notes, note))
    if form is None and (foreign := in_english(text)) is not None:
        read = read_texts(pd.Series(foreign.text.to_numpy()[codes], name=column.name), form, freq)
        written = None if read.form is None else replace(read.form, months=foreign.months)
        return ReadTexts(read.dates, written, read.notes)
    if form is None or form in UNITS:
        periods = read_periods(text, column.name, form, freq)
        if periods is not None:
            begins, written, notes = periods
            return ReadTexts(pd.Series(begins[codes], name=column.name), written, notes)
    worded = with_offsets(text, column.name) if form is None or form.endswith("%Z") else None
    form = f"{form.removesuffix('%Z').rstrip()} %z" if form is not None and worded is not None else form
    text = text if worded is None else worded.text
    zones = text.str.extract(_OFFSET)[0]
    if zones.isna().any() and zones.notna().any():
        at = text[zones.isna()].iloc[0]
        raise TimeError(
            f"the time column {column.name!r} mixes time zones and none (first without one: {at!r}): give all stamps"
            " one"
        )
    aware = bool(zones.notna().all())
    late = text.str.contains(_MIDNIGHT)
    plain = text.str.replace(_MIDNIGHT, "00", regex=True).str.replace(_HALF_DAY, r"\1m", regex=True)
    chosen, dates, notes = _best_form(plain, form, column, freq, aware=aware)
    _refuse_unread(column, text, codes, dates)
    if chosen != "ISO8601" and not any(part in chosen for part in ("%Y", "%y", "%G", "%c", "%x", "%D")):
        raise TimeError(
            f"the time column {column.name!r} holds times without a year (such as {text.iloc[0]!r}); wanted dates"
        )
    if form is None and chosen[:5] in _MONTH_FIRST:
        chosen, notes = _month_or_day_first(column, plain, chosen, freq, aware=aware)
        dates = _to_dates(plain, chosen, aware) if notes else dates
    if late.any():
        dates = dates + pd.to_timedelta(late.to_numpy().astype(int), unit="D")
    if aware:
        dates = _localised(dates, zones, None if worded is None else worded.zone)
    unwritten = chosen == "ISO8601" or late.any() or worded is not None
    written = None if unwritten else _written(chosen, text, dates, zones)
    notes = (*notes, worded.note) if worded is not None and worded.note else notes
    if late.any() or (aware and worded is None and (zones != zones.iloc[0]).any()):
        local = f"; for local time: pd.to_datetime(frame[{column.name!r}], utc=True).dt.tz_convert('Europe/Berlin')"
        kind = "dates" if late.any() else f"dates in UTC, since their offsets change{local}"
        notes = (*notes, f"the texts in {column.name!r} (such as {text.iloc[-1]!r}) come back as {kind}")
    return ReadTexts(pd.Series(dates.array.take(codes), name=column.name), written, notes)


def _written(form: str, text: pd.Series, dates: pd.Series, zones: pd.Series) -> TextForm | None:
    """How later dates are written alike; None where offsets change, or texts are written in several ways."""
    if dates.dt.tz is not None:
        if (zones != zones.iloc[0]).any():
            return None
        dates, form = dates.dt.tz_localize(None), form.replace("%z", zones.iloc[0])
    return None if "%z" in form else form_of(form, text, dates.to_numpy())


def _best_form(
    text: pd.Series, form: str | None, column: pd.Series, freq: str | None, *, aware: bool
) -> tuple[str, pd.Series, tuple[str, ...]]:
    """The format that leaves the fewest texts unread, the dates by it, and notes."""
    chosen, dates = "", pd.Series(dtype=object)
    for tried in _forms(text.iloc[0]) if form is None else (form,):
        try:
            found = _to_dates(text, tried, aware)
        except (ValueError, TypeError) as error:
            raise TimeError(
                f"the time column {column.name!r} cannot be read in the format {tried!r}: {error}"
            ) from error
        if not chosen or found.isna().sum() < dates.isna().sum():
            chosen, dates = tried, found
        if not dates.isna().any():
            return chosen, dates, ()
    if form is None and dates.isna().all():
        return _further_form(text, chosen, dates, column, freq)
    return chosen, dates, ()


def _further_form(
    text: pd.Series, chosen: str, dates: pd.Series, column: pd.Series, freq: str | None
) -> tuple[str, pd.Series, tuple[str, ...]]:
    """The one format of those that pandas does not guess that reads every text, with a time of day where one is."""
    clock = _clock_form(text.iloc[0])
    read = {form + clock: found for form in _FURTHER if (found := _or_none(text, form + clock)) is not None}
    distinct = {form: found for found, form in {tuple(found): form for form, found in read.items()}.items()}
    if not read:
        return chosen, dates, ()
    if len(distinct) > 1:  # %b and %B read the same
        form, notes = settled(column, {form: read[form] for form in distinct}, freq)
        return form, read[form], notes
    form, dates = next(iter(read.items()))
    fiscal = (
        f"the texts in {column.name!r} (such as {text.iloc[0]!r}) name years of a business: they were read as years"
    )
    return form, dates, (f"{fiscal} of the calendar",) if form.startswith("FY") else ()


def _clock_form(text: str) -> str:
    """The format of the time of day at the end of a text, with what stands before it; "" where there is none."""
    found = _CLOCK.search(text)
    if found is None:
        return ""
    before, _, colon, _, seconds, half, before_hour, _, half_hour = found.groups()
    half = half or half_hour
    hour = "%I" if half else "%H"
    ending = half[:-2] + "%p" if half else ""
    if colon is None:
        return f"{before_hour}{hour}{ending}"
    return f"{before}{hour}{colon}%M{f'{colon}%S' if seconds else ''}{ending}"


def _or_none(text: pd.Series, form: str) -> pd.Series | None:
    found = _to_dates(text, form, aware=False)
    return None if found.isna().any() else found


def _refuse_unread(column: pd.Series, text: pd.Series, codes: NDArray[Any], dates: pd.Series) -> None:
    bad = dates.isna().to_numpy()
    if bad.all() and text.str.fullmatch(r"\d{1,2}:\d{2}(:\d{2})?").all():
        raise TimeError(
            f"the time column {column.name!r} holds times of day without a date (such as {text.iloc[0]!r}), and they"
            " are no dates: join the date to them, or count rows as steps (data.steps=rows)",
            setting="data.steps",
            value="rows",
        )
    if bad.any():
        refuse_texts(text[bad], column.name, every=bool(bad.all()))
        rows = np.flatnonzero(bad[codes])
        ways = "fix them" if not bad.all() else "name another column (data.time)"
        raise TimeError(
            f"{len(rows)} of {len(column)} entries of the time column {column.name!r} are no dates between 1678 and"
            f" 2261 (first: {text[codes[rows[0]]]!r}, row {rows[0]}); {ways}, or say how they are"
            " written: a strptime format, or s, ms, us or ns for time since 1970 (data.time_format=%d.%m.%Y)",
            setting="data.time_format" if ways else "data.time",
            value="%d.%m.%Y" if ways else None,
        )


def _localised(dates: pd.Series, zones: pd.Series, clock: str | None = None) -> pd.Series:
    """Dates in UTC and the offset that each was written with → in that zone where all have one offset, or in `clock`.

    Where offsets change, as with summer time, days and longer steps become local dates without a zone; shorter ones
    stay in UTC.
    """
    first = {zone: pd.Timestamp(f"2000-01-01T00:00{zone}") for zone in zones.unique()}
    if len(first) == 1:
        return dates.dt.tz_convert(first[zones.iloc[0]].tz)
    if clock is not None:
        return in_zone(dates, clock, zones)
    local = dates.dt.tz_localize(None) + zones.map({zone: stamp.utcoffset() for zone, stamp in first.items()})
    return local if len((local - local.dt.normalize()).unique()) == 1 else dates


def _forms(text: str) -> tuple[str, ...]:
    """Formats of a column that begins with `text`: month first also with the day first, then ISO 8601."""
    offset = re.search(r"(?<=[AaPp][Mm])(\s*)[+-]\d{2}:?\d{2}$", text)
    if offset is not None:
        rest = _forms(text[: offset.start()])
        return (*(f"{form}{offset[1]}%z" for form in rest if form != "ISO8601"), "ISO8601")
    clock = _clock_form(text)
    half = clock.endswith("%p")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # about day first: settled by `_month_or_day_first`
        warnings.simplefilter("ignore", FutureWarning)  # about words that are no zone: the texts are then no dates
        guess = pd.tseries.api.guess_datetime_format(_CLOCK.sub("", text) if half else text)
    if guess is None:
        return ("ISO8601",)
    guess += clock if half else ""
    if guess[:5] in _MONTH_FIRST:
        return guess, _day_first(guess), "ISO8601"
    return guess, "ISO8601"


def _to_dates(text: pd.Series, form: str, aware: bool) -> pd.Series:
    # one format for the whole column: nothing is guessed row by row
    dates = pd.to_datetime(text, errors="coerce", format=form, utc=aware)
    dates = dates if pd.api.types.is_datetime64_any_dtype(dates) else pd.to_datetime(dates, utc=True)
    # pandas 3 reads years that nanoseconds cannot hold, pandas 2 does not
    return dates.where((dates.dt.year >= _FIRST_YEAR) & (dates.dt.year <= _LAST_YEAR))


def _day_first(form: str) -> str:
    return f"%d{form[2]}%m{form[5:]}"


def _month_or_day_first(
    column: pd.Series, text: pd.Series, form: str, freq: str | None, *, aware: bool
) -> tuple[str, tuple[str, ...]]:
    """The format, and a note where it was settled by the steps alone: 01/02/2020 may be in January or in February.

    One 31/01/2020 in the column settles it. Raises AmbiguousTime.
    """
    parts = text.str.extract(r"^(\d+)\D(\d+)").astype(int)
    if (parts[1] > 12).any() or (parts[0] == parts[1]).all():
        return form, ()
    local = text.str.replace(r"\s*(Z|[+-]\d{2}:?\d{2})$", "", regex=True) if aware else text  # in UTC days may differ
    forms = (form, _day_first(form))
    return settled(
        column, {tried: _to_dates(local, tried.replace("%z", "").rstrip(), aware=False) for tried in forms}, freq
    )
