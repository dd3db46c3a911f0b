"""Read dates written as text: a strptime format, ISO 8601, or a quarter, month or week of a year."""

import re
import shlex
import warnings
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from latentcast.core.errors import TimeError
from latentcast.data.tables.calendar_units import UNITS, AmbiguousTime, Ints, most_regular, plausible

_OFFSET = r":\d{2}(?:[.,]\d+)?\s*(Z|[+-]\d{2}:?\d{2})$"
_MONTH_FIRST = ("%m/%d", "%m-%d", "%m.%d")
_MIDNIGHT = r"(?<=[T ])24(?=:00(?::00(?:\.0+)?)?(?:\s*(?:Z|[+-]\d{2}:?\d{2}))?$)"
_FURTHER = (
    "%m/%d/%y", "%d/%m/%y", "%m-%d-%y", "%d-%m-%y", "%m.%d.%y", "%d.%m.%y", "%d-%b-%y", "%b %Y", "%B %Y", "%Y %b",
    "%Y %B", "%b-%Y", "%B-%Y", "%Y-%b", "%b %y", "%b-%y", "%b%Y", "%Y%b", "%b %d %Y", "%B %d %Y", "%b %d, %Y",
    "%B %d, %Y", "%d %b %Y", "%d %B %Y", "%d-%b-%Y", "%d.%m.%Y %H.%M", "%d/%m/%Y %H.%M.%S",
    "%G-W%V-%u",
)  # fmt: skip
_TRIED = 500  # texts on which a form is tried
_UNIT = r"(?P<unit>[Qq]|[Ww]|KW|kw|[Mm])"
_PERIODS = tuple(
    re.compile(form)
    for form in (
        rf"(?P<year>\d{{4}})[-/. _]?{_UNIT}[-. ]?(?P<number>\d{{1,2}})",
        rf"{_UNIT}[-. ]?(?P<number>\d{{1,2}})[-/. _]*(?P<year>\d{{4}})",
        rf"(?P<number>\d{{1,2}})\.?{_UNIT}[-/. _]?(?P<year>\d{{4}})",
        r"(?P<year>\d{4})[-/. _](?P<number>\d{1,2})",
        r"(?P<number>\d{1,2})[-/. _](?P<year>\d{4})",
        r"(?P<year>\d{1,2})[-/. _](?P<number>\d{2})",
    )
)
_LETTERS = {"Q": "quarter", "W": "week", "K": "week", "M": "month"}


@dataclass(frozen=True)
class TextForm:
    """How dates are written: a strptime format, or `pattern` with the places of a year and of a unit's number.

    Attributes
    ----------
    form
        A strptime format, or text with the fields `{year}` and `{number}`.
    unit
        quarter, month or week, where `form` has fields.
    offset
        What is added to a written year to get the calendar's.
    """

    form: str
    unit: str | None = None
    offset: int = 0

    def write(self, times: NDArray[Any]) -> NDArray[Any]:
        """Stamps → text."""
        if self.unit is None:
            return np.asarray(pd.DatetimeIndex(times).strftime(self.form), dtype=object)
        years, numbers = UNITS[self.unit].number(times)
        pairs = zip((years - self.offset).tolist(), numbers.tolist(), strict=True)
        return np.array([self.form.format(year=year, number=number) for year, number in pairs], dtype=object)


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
    text = pd.Series(distinct).astype(str).str.strip()
    if form is None or form in UNITS:
        periods = _read_periods(text, column.name, form, freq)
        if periods is not None:
            return ReadTexts(pd.Series(periods.dates.array.take(codes), name=column.name), periods.form, periods.notes)
    zones = text.str.extract(_OFFSET)[0]
    if zones.isna().any() and zones.notna().any():
        at = text[zones.isna()].iloc[0]
        raise TimeError(
            f"the time column {column.name!r} mixes time zones and none (first without one: {at!r}): give all stamps"
            " one"
        )
    aware = bool(zones.notna().all())
    late = text.str.contains(_MIDNIGHT)
    notes: tuple[str, ...] = ()
    chosen, dates = _best_form(text.str.replace(_MIDNIGHT, "00", regex=True), form, aware, column.name)
    _refuse_unread(column, text, codes, dates)
    if chosen != "ISO8601" and not any(part in chosen for part in ("%Y", "%y", "%G", "%c", "%x", "%D")):
        raise TimeError(
            f"the time column {column.name!r} holds times without a year (such as {text.iloc[0]!r}); wanted dates"
        )
    if form is None and chosen[:5] in _MONTH_FIRST:
        chosen, notes = _month_or_day_first(column, text, chosen)
        dates = _to_dates(text.str.replace(_MIDNIGHT, "00", regex=True), chosen, aware) if notes else dates
    if late.any():
        dates = dates + pd.to_timedelta(late.to_numpy().astype(int), unit="D")
    if aware:
        dates = _localised(dates, zones)
    written = None if chosen == "ISO8601" or aware or late.any() else _that_writes(chosen, text, dates)
    return ReadTexts(pd.Series(dates.array.take(codes), name=column.name), written, notes)


def _best_form(text: pd.Series, form: str | None, aware: bool, name: Any) -> tuple[str, pd.Series]:
    """The format that leaves the fewest texts unread, and the dates by it."""
    chosen, dates = "", pd.Series(dtype=object)
    for tried in _forms(text.iloc[0]) if form is None else (form,):
        try:
            found = _to_dates(text, tried, aware)
        except (ValueError, TypeError) as error:
            raise TimeError(f"the time column {name!r} cannot be read in the format {tried!r}: {error}") from error
        if not chosen or found.isna().sum() < dates.isna().sum():
            chosen, dates = tried, found
        if not dates.isna().any():
            return chosen, dates
    if form is None and dates.isna().all():
        return _further_form(text, chosen, dates, name)
    return chosen, dates


def _further_form(text: pd.Series, chosen: str, dates: pd.Series, name: Any) -> tuple[str, pd.Series]:
    """The one format of those that pandas does not guess that reads every text."""
    read = {form: found for form in _FURTHER if (found := _or_none(text, form)) is not None}
    distinct = {tuple(found): form for form, found in read.items()}  # %b and %B read the same
    if len(distinct) > 1:
        raise AmbiguousTime(
            f"the dates in {name!r} (such as {text.iloc[-1]!r}) can be read in several ways: set"
            f" {_options(distinct.values())}",
            setting="data.time_format",
            value=next(iter(distinct.values())),
        )
    return next(iter(read.items())) if read else (chosen, dates)


def _or_none(text: pd.Series, form: str) -> pd.Series | None:
    found = pd.to_datetime(text, errors="coerce", format=form)
    return None if found.isna().any() else found


def _refuse_unread(column: pd.Series, text: pd.Series, codes: NDArray[Any], dates: pd.Series) -> None:
    bad = dates.isna().to_numpy()
    if bad.any():
        rows = np.flatnonzero(bad[codes])
        ways = "fix them" if not bad.all() else "name another column (data.time)"
        raise TimeError(
            f"{len(rows)} of {len(column)} entries of the time column {column.name!r} are no dates between 1678 and"
            f" 2261 (first: {text[codes[rows[0]]]!r}, row {rows[0]}); {ways}, or say how they are"
            " written: a strptime format, or s, ms, us or ns for time since 1970 (data.time_format=%d.%m.%Y)",
            setting="data.time_format" if ways else "data.time",
            value="%d.%m.%Y" if ways else None,
        )


def _read_periods(text: pd.Series, name: Any, asked: str | None, freq: str | None) -> ReadTexts | None:
    """Quarters, months and weeks of a year; None where the texts are something else."""
    for pattern in _PERIODS:
        if pattern.fullmatch(text.iloc[0]) is None:
            continue
        parts = text.str.extract(f"^{pattern.pattern}$")
        if parts["year"].isna().any():
            continue
        year, number = (parts[part].to_numpy(np.int64) for part in ("year", "number"))
        offset = 2000 if parts["year"].str.len().max() <= 2 else 0
        if "unit" in parts:
            kinds = {_LETTERS[letter[0].upper()] for letter in parts["unit"]}
        else:
            kinds = _units_without_letter(parts, offset)
        if not plausible(year + offset) or (offset and not _counts_up(year, number)):
            return None
        return _as_units(text, name, (year + offset, number), kinds if asked is None else {asked}, freq, offset)
    return None


def _units_without_letter(parts: pd.DataFrame, offset: int) -> set[str]:
    """Return the units that a number next to a year may count; two digits up to 12 are months."""
    number, wide = parts["number"].astype(int), parts["number"].str.len().min() == 2
    if offset or (wide and number.max() <= 12):
        return {"month"}
    kinds = {"week"}
    if number.max() <= 12:
        kinds.add("month")
    if number.max() <= 4 and parts["number"].str.len().max() == 1:
        kinds.add("quarter")
    return kinds


def _counts_up(year: Ints, number: Ints) -> bool:
    """Whether months follow on each other from the first: 1-01, 1-02, … are no days."""
    places = year * 12 + number - 1
    return bool(number.max() <= 12 and number.min() >= 1 and len(places) > 2 and (np.diff(places) == 1).all())


def _as_units(
    text: pd.Series, name: Any, parts: tuple[Ints, Ints], kinds: set[str], freq: str | None, offset: int
) -> ReadTexts | None:
    """The texts in the one unit of `kinds` under which they are most regular."""
    year, number = parts
    begins = {kind: UNITS[kind].begins(year, number) for kind in sorted(kinds)}
    possible = {kind: days for kind, days in begins.items() if not np.isnat(days).any()}
    if not possible:
        (kind, days), *_ = begins.items()
        at = int(np.isnat(days).argmax())
        raise TimeError(
            f"the time column {name!r} holds {text.iloc[at]!r}, and there is no such {kind}; fix it, or give dates"
        )
    best = most_regular({kind: UNITS[kind].position(days) for kind, days in possible.items()}, str(name), freq)
    if len(best) > 1:
        raise AmbiguousTime(
            f"the texts in {name!r} (such as {text.iloc[0]!r}) can be read as {'s or as '.join(best)}s of a year: set"
            f" {' or '.join(f'data.time_format={kind}' for kind in best)}",
            setting="data.time_format",
            value=best[0],
        )
    kind = best[0]
    notes = []
    if offset:
        notes.append(f"the years of {name!r} have no century: {text.iloc[0]!r} was read as a month of {year[0]}")
    dates = pd.Series(possible[kind].astype("datetime64[ns]"))
    return ReadTexts(dates, _template(text, kind, offset, dates), tuple(notes))


def _template(text: pd.Series, kind: str, offset: int, dates: pd.Series) -> TextForm | None:
    """Return the form that reproduces every text; None where texts have several forms."""
    pattern = next(form for form in _PERIODS if form.fullmatch(text.iloc[0]))
    found = pattern.fullmatch(text.iloc[0])
    assert found is not None
    for width in (1, 2):
        spans = sorted(
            ((*found.span("year"), "{year}"), (*found.span("number"), f"{{number:0{width}d}}")), reverse=True
        )
        form = text.iloc[0]
        for begin, end, field in spans:
            form = form[:begin] + field + form[end:]
        if (written := _that_writes(form, text, dates, kind, offset)) is not None:
            return written
    return None


def _that_writes(
    form: str, text: pd.Series, dates: pd.Series, unit: str | None = None, offset: int = 0
) -> TextForm | None:
    """The form, where it writes the dates as they were written."""
    if dates.dt.tz is not None:
        return None
    made, some = TextForm(form, unit, offset), np.linspace(0, len(text) - 1, min(len(text), _TRIED)).astype(int)
    return made if (made.write(dates.to_numpy()[some]) == text.to_numpy()[some]).all() else None


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
    """Formats of a column that begins with `text`: month first also with the day first, then ISO 8601."""
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


def _options(forms: Iterable[str]) -> str:
    """Formats as they can be typed, quoted where they hold a blank."""
    return f"data.time_format={' or '.join(shlex.quote(form) for form in forms)}"


def _day_first(form: str) -> str:
    return f"%d{form[2]}%m{form[5:]}"


def _month_or_day_first(column: pd.Series, text: pd.Series, form: str) -> tuple[str, tuple[str, ...]]:
    """The format, and a note where it was settled by the steps alone.

    01/02/2020 alone may be in January or in February; one 31/01/2020 in the column settles it, and so do months that
    follow on each other for longer than a year, which are days of January in the other reading. Raises AmbiguousTime.
    """
    parts = text.str.extract(r"^(\d+)\D(\d+)").astype(int)  # as written: in UTC the day may be another
    if (parts[1] > 12).any() or (parts[0] == parts[1]).all():
        return form, ()
    for tried in (form, _day_first(form)):
        if _are_months(_to_dates(text, tried, aware=True)):
            words = "month" if tried == form else "day"
            return tried, (
                f"the dates in {column.name!r} (such as {text.iloc[-1]!r}) were read with the {words} first, by which"
                f" they are consecutive months ({_options([tried])})",
            )
    raise AmbiguousTime(
        f"the dates in {column.name!r} (such as {text.iloc[-1]!r}) can be read with the month or with the day"
        f" first: set their format ({_options((form, _day_first(form)))})",
        setting="data.time_format",
        value=form,
    )


def _are_months(dates: pd.Series) -> bool:
    """Whether dates are one day of each of more than twelve months that follow on each other."""
    if len(dates) <= 12 or dates.isna().any() or (dates.dt.day != dates.dt.day.iloc[0]).any():
        return False
    return bool((np.diff(dates.dt.year * 12 + dates.dt.month) == 1).all())
