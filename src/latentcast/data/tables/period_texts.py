"""Half-years, quarters, months and weeks of a year, written as text: 2021-Q3, KW 05/2021, 1H20, 1-2015."""

import re
from collections.abc import Iterable
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from latentcast.data.tables.calendar_units import EPI_NAME, UNITS, AmbiguousTime, Ints, breaks, most_regular, plausible
from latentcast.data.tables.periods_of_year import count_of, cycle_of
from latentcast.data.tables.text_form import TextForm

_WORDS = {  # how units are written, in lower case; one word may stand for several
    "half": ("h", "hy", "hj", "half", "halbjahr", "s", "sem", "semester", "semestre"),
    "quarter": ("q", "qtr", "quarter", "quartal", "t", "trim", "trimestre"),
    "month": ("m", "month", "monat", "p", "per", "period", "fp"),
    "epiweek": ("ew", "epiweek", "mmwr"),
    "week": ("w", "wk", "week", "kw", "cw", "woche", "s", "sem", "semaine", "semana"),
}
_LETTERS = sorted({word for words in _WORDS.values() for word in words}, key=len, reverse=True)
_UNIT = rf"(?P<unit>{'|'.join(_LETTERS)})\.?"
_BETWEEN = r"[-/. _,']*"
_FISCAL = r"(?P<fiscal>FY|GJ)?[ -]?"
_YEAR = r"(?P<year>\d{4}|\d{2})"
_NUMBER = r"(?P<number>\d{1,2})"
_PERIODS = tuple(
    re.compile(form, re.IGNORECASE)
    for form in (
        rf"{_FISCAL}{_YEAR}{_BETWEEN}{_UNIT}[-. ]?{_NUMBER}",
        rf"{_UNIT}[-. ]?{_NUMBER}[-/. _,']+{_FISCAL}{_YEAR}",
        rf"{_UNIT}(?P<number>\d)(?P<year>\d{{4}})",
        rf"{_NUMBER}\.? ?{_UNIT}{_BETWEEN}{_FISCAL}{_YEAR}",
        r"(?P<year>\d{4})[-/. _](?P<number>\d{1,2})",
        r"(?P<number>\d{1,2})[-/. _](?P<year>\d{4})",
        r"(?P<year>\d{1,2})[-/. _](?P<number>\d{2})",
    )
)
_FISCAL_UNITS = ("p", "per", "period", "fp")
_PIVOT = 69  # years of two digits from here on are of the last century, as in strptime


def read_periods(
    text: pd.Series, name: Any, asked: str | None, freq: str | None
) -> tuple[NDArray[Any], TextForm | None, tuple[str, ...]] | None:
    """The days at which units of a year begin, how they are written, and what a reader should know.

    None where the texts are something else. `asked` is the unit, where it is set. Raises TimeError where there is no
    such unit, and AmbiguousTime where several are equally likely.
    """
    for pattern in _PERIODS:
        if pattern.fullmatch(text.iloc[0]) is None:
            continue
        parts = text.str.extract(f"^{pattern.pattern}$", flags=re.IGNORECASE)
        if parts["year"].isna().any():
            continue
        return _read(text, parts, pattern, name, asked, freq)
    return None


def _read(
    text: pd.Series, parts: pd.DataFrame, pattern: re.Pattern[str], name: Any, asked: str | None, freq: str | None
) -> tuple[NDArray[Any], TextForm | None, tuple[str, ...]] | None:
    year, number = (parts[part].to_numpy(np.int64) for part in ("year", "number"))
    short = parts["year"].str.len().max() <= 2
    century = np.where(year < _PIVOT, 2000, 1900) * short
    if "unit" in parts:
        kinds = _kinds(parts["unit"].str.lower().unique())
        year = year + century
        if (
            "month" in kinds
            and parts["unit"].str.lower().isin(_FISCAL_UNITS).all()
            and (count := _cycle(year, number, freq))
        ):
            kinds = {f"periods{count}"}
    else:
        kinds = _units_without_letter(parts, short=short)
        other = any(word in str(name).lower() for word in ("week", "woche", "wk", "kw", "month", "monat", "quarter"))
        wide = count_of(freq) is not None or number.max() > 12
        if not short and not other and asked is None and wide and (count := _cycle(year, number, freq)):
            kinds = {f"periods{count}"}
        year = year + 2000 * short
    if not kinds or not plausible(year) or (short and "unit" not in parts and not _counts_up(year, number)):
        return None
    if short and "unit" in parts and not _is_regular(year, number, kinds):
        return None  # names such as S1-10, and no dates
    epidemic = asked is None and EPI_NAME.search(str(name)) is not None and "week" in kinds
    kinds = {"epiweek"} if epidemic else kinds
    kind, days = _as_unit(text, name, (year, number), kinds if asked is None else {asked}, freq)
    notes = [epi_note(name, text.iloc[0])] if kind == "epiweek" and asked is None else []
    if short:
        notes.append(
            f"the years of {name!r} have no century: {text.iloc[0]!r} was read as a {_in_words(kind)} of {year[0]}"
        )
    of_business = "fiscal" in parts and parts["fiscal"].notna().any()
    if of_business or ("unit" in parts and parts["unit"].str.lower().iloc[0] in _FISCAL_UNITS):
        notes.append(
            f"the texts in {name!r} (such as {text.iloc[0]!r}) name periods of a business: they were read as those of"
            f" calendar years, and dates that stand for them are those of the calendar ({str(days[0])[:10]})"
        )
    return days, _template(text, pattern, kind, 2000 if short else 0, days), tuple(notes)


def epi_note(name: Any, first: Any) -> str:
    """A note on weeks that begin on Sunday."""
    return (
        f"{name!r} (such as {first!r}) is read as MMWR weeks, which begin on Sunday (data.time_format=week reads ISO"
        " weeks)"
    )


def _cycle(year: Ints, number: Ints, freq: str | None) -> int | None:
    """Periods of a year, by the frequency or by a complete cycle."""
    if (count := count_of(freq)) is not None:
        return count
    return None if freq is not None else cycle_of(year, number)


def _in_words(kind: str) -> str:
    if kind.startswith("periods"):
        return f"period ({kind.removeprefix('periods')} a year)"
    return "half-year" if kind == "half" else kind


def _kinds(words: Iterable[str]) -> set[str]:
    """The units that every one of the words may stand for."""
    found = [{unit for unit, known in _WORDS.items() if word in known} for word in words]
    return set.intersection(*found)


def _units_without_letter(parts: pd.DataFrame, *, short: bool) -> set[str]:
    """Return the units that a number next to a year may count; two digits up to 12 are months."""
    number, wide = parts["number"].astype(int), parts["number"].str.len().min() == 2
    if short or (wide and number.max() <= 12):
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


def _is_regular(year: Ints, number: Ints, kinds: set[str]) -> bool:
    """Whether units follow on each other, for the most part, in one of the readings."""
    for unit in (UNITS[kind] for kind in kinds):
        days = unit.begins(year, number)
        irregular, usual = (0, 0) if np.isnat(days).any() else breaks(unit.position(days))
        if usual == 1 and 4 * irregular <= len(days):
            return True
    return False


def _as_unit(
    text: pd.Series, name: Any, parts: tuple[Ints, Ints], kinds: set[str], freq: str | None
) -> tuple[str, NDArray[Any]]:
    """The one unit of `kinds` under which the texts are most regular, and the days at which it begins."""
    year, number = parts
    begins = {kind: UNITS[kind].begins(year, number) for kind in sorted(kinds)}
    possible = {kind: days for kind, days in begins.items() if not np.isnat(days).any()}
    if not possible:
        (kind, days), *_ = begins.items()
        at = int(np.isnat(days).argmax())
        raise AmbiguousTime(  # a time column all the same
            f"the time column {name!r} holds {text.iloc[at]!r}, and there is no such {_in_words(kind)}; fix it,"
            " give dates, or count rows as steps (data.steps=rows)"
        )
    best = most_regular({kind: UNITS[kind].position(days) for kind, days in possible.items()}, str(name), freq)
    if len(best) > 1:
        units = "s or as ".join(map(_in_words, best))
        raise AmbiguousTime(
            f"the texts in {name!r} (such as {text.iloc[0]!r}) can be read as {units}s of a year: set"
            f" {' or '.join(f'data.time_format={kind}' for kind in best)}",
            setting="data.time_format",
            value=best[0],
        )
    return best[0], possible[best[0]].astype("datetime64[ns]")


def _template(text: pd.Series, pattern: re.Pattern[str], kind: str, offset: int, days: NDArray[Any]) -> TextForm | None:
    """Return the form that reproduces every text; None where texts have several forms."""
    found = pattern.fullmatch(text.iloc[0])
    assert found is not None
    for year in ("{year}", "{short:02d}") if offset else ("{year}",):
        for width in (1, 2):
            spans = ((*found.span("year"), year), (*found.span("number"), f"{{number:0{width}d}}"))
            form = text.iloc[0]
            for begin, end, field in sorted(spans, reverse=True):
                form = form[:begin] + field + form[end:]
            if (written := TextForm(form, kind, offset)).writes(text, days):
                return written
    return None
