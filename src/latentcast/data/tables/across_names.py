"""Names of columns that are times within a day, a week, a month or a year: 00:30, HE7, Mon, W12, Jan, Q3."""

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
DAY = 1440  # minutes
PERIODS = {24: 60, 48: 30, 96: 15, 288: 5}  # periods of a day → their minutes
_WORDS = {
    "hour": ("h", "hr", "hour", "hours", "std", "stunde", "heure", "hora", "he", "hb"),
    "period": ("p", "period", "sp", "interval", "slot", "int", "qh", "hh", "ptu", "mtu", "trading"),
    "day": ("d", "day", "tag", "jour", "dia"),
    "week": ("w", "wk", "week", "kw", "cw", "woche", "semaine"),
    "month": ("m", "month", "mon", "mth", "monat", "mois", "mes"),
    "quarter": ("q", "qtr", "quarter", "quartal", "trimestre"),
    "half": ("h", "hy", "half", "halbjahr", "semester"),
}
_ENDING = ("he", "ending", "end")
_RUNS = {"day": (28, 31), "week": (52, 53), "month": (12, 12), "quarter": (4, 4), "half": (2, 2)}
_MONTHS = tuple(
    words.split()
    for words in (
        "jan january januar janvier enero", "feb february februar février fevrier febrero",
        "mar march mär mrz märz maerz mars marzo", "apr april avril abril", "may mai mayo", "jun june juni juin junio",
        "jul july juli juillet julio", "aug august août aout agosto", "sep sept september septembre septiembre",
        "oct october okt oktober octobre octubre", "nov november novembre noviembre",
        "dec december dez dezember décembre decembre diciembre",
    )
)  # fmt: skip
_WEEKDAYS = tuple(
    words.split()
    for words in (
        "mon monday montag lundi lunes mo", "tue tues tuesday dienstag mardi martes di tu",
        "wed weds wednesday mittwoch mercredi miércoles mi we", "thu thur thurs thursday donnerstag jeudi jueves do th",
        "fri friday freitag vendredi viernes fr", "sat saturday samstag samedi sábado sa",
        "sun sunday sonntag dimanche domingo so su",
    )
)  # fmt: skip
_TIME = r"\d{1,2}[:h]\d{2}(?::\d{2})?(?:\s?[ap]\.?m\.?)?|\d{1,2}\s?[ap]\.?m\.?"
_AGAIN = r"(?P<again>\s?\*|\s?\(2\)|\.1|\s?[bx])?"
_CLOCK = re.compile(rf"(?P<begin>{_TIME})(?:\s*(?:-|–|—|to|bis|_|/)\s*(?P<end>{_TIME}))?{_AGAIN}")
_PLAIN_CLOCK = re.compile(rf"(?P<begin>\d{{4}}){_AGAIN}")
_NUMBERED = re.compile(rf"(?P<before>\D*?)[\s_.-]*(?P<number>\d{{1,3}}){_AGAIN}[\s_.-]*(?P<after>\D*)")
_PARTS = re.compile(r"(\d{1,2})(?:[:h](\d{2}))?(?::(\d{2}))?\s?([ap])?", re.IGNORECASE)


@dataclass(frozen=True)
class Places:
    """What columns of a row are.

    Attributes
    ----------
    unit
        clock (minutes after midnight), period (counted from 0, in a day), weekday (0 for Monday), day, week, month,
        quarter or half (counted from 1).
    columns
        Their names, in the order of time.
    numbers
        [columns] the place of each.
    again
        [columns] whether it is the second one of an hour that occurs twice.
    minutes
        Minutes of a step in a day, where all have the same.
    words
        How numbers or ends were read, for a note.
    plain
        Whether the names are numbers and nothing else, as those of series may be.
    """

    unit: str
    columns: tuple[str, ...]
    numbers: Ints
    again: NDArray[np.bool_]
    minutes: int = 0
    words: str = ""
    plain: bool = False


def places_of(names: Iterable[str]) -> list[Places]:
    """All readings of columns as times of a row, likelier ones first."""
    names = list(names)
    readings: list[Places | None] = [_clock(names)]
    readings += [_worded(names, unit, words) for unit, words in (("weekday", _WEEKDAYS), ("month", _MONTHS))]
    return [found for found in (*readings, *_numbered(names)) if found is not None]


def _affixes(names: Sequence[str], core: re.Pattern[str]) -> dict[str, re.Match[str]]:
    """Names that hold a time between the same words before and after it."""
    whole = re.compile(rf"(?P<before>(?:.*?[^\d:])??){core.pattern}(?P<after>[^\d*]*)")
    found = {name: match for name in names if (match := whole.fullmatch(name.strip().lower()))}
    kinds = [(match["before"].strip(), match["after"].strip()) for match in found.values()]
    if not kinds:
        return {}
    usual = max(set(kinds), key=kinds.count)
    return {name: match for (name, match), kind in zip(found.items(), kinds, strict=True) if kind == usual}


def _clock(names: Sequence[str]) -> Places | None:
    found = _affixes(names, _CLOCK)
    if len(found) < 2:
        found = _affixes(names, _PLAIN_CLOCK)
        begins = [int(match["begin"]) for match in found.values()]
        if len(begins) < 24 or any(number % 100 > 59 or number > 2400 for number in begins):
            return None
    read = [_minutes(match["begin"]) for match in found.values()]
    begins = [minute for minute in read if minute is not None]
    if len(found) < 2 or len(begins) < len(read):
        return None
    numbers = np.array(begins, np.int64)
    again = np.array([match["again"] is not None for match in found.values()])
    first = numbers[~again]
    if len(np.unique(first)) < len(first):
        return None
    steps = np.diff(first)
    ranges = all(match.groupdict().get("end") for match in found.values())
    ending = not ranges and first[0] > 0 and len(first) > 2 and (first[-1] == DAY or first[-1] == 0)
    words, minutes = "", int(steps[0]) if len(steps) and (steps == steps[0]).all() else 0
    if ending:
        first_step = int(first[0])
        whole = np.where(numbers == 0, DAY, numbers)
        if not (np.diff(whole[~again]) == first_step).all():
            return None
        numbers, minutes = whole - first_step, first_step
        words = f"; they name ends: what stands under {next(iter(found))!r} begins at 00:00"
    order = np.lexsort((again, numbers))
    columns = tuple(np.array(list(found), dtype=object)[order])
    return Places("clock", columns, numbers[order], again[order], minutes, words)


def _minutes(text: str) -> int | None:
    if text.isdecimal() and len(text) == 4:
        return int(text[:2]) * 60 + int(text[2:])
    found = _PARTS.match(text)
    if found is None:
        return None
    hour, minute, second, half = int(found[1]), int(found[2] or 0), int(found[3] or 0), found[4]
    if half is not None:
        if not 1 <= hour <= 12:
            return None
        hour = hour % 12 + (12 if half == "p" else 0)
    whole = hour * 60 + minute
    return None if second or minute > 59 or whole > DAY else whole


def _worded(names: Sequence[str], unit: str, words: Sequence[Sequence[str]]) -> Places | None:
    known = {word: number for number, alike in enumerate(words) for word in alike}
    found = {name: known[low] for name in names if (low := name.strip().lower().rstrip(".")) in known}
    numbers = np.array(list(found.values()), np.int64)
    least = 5 if unit == "weekday" else 12
    if len(numbers) < least or len(np.unique(numbers)) < len(numbers):
        return None
    # a week begins with its first column, a year in January
    order = np.arange(len(numbers)) if unit == "weekday" else np.argsort(numbers)
    columns = tuple(np.array(list(found), dtype=object)[order])
    return Places(unit, columns, numbers[order] + (unit == "month"), np.zeros(len(columns), np.bool_))


def _numbered(names: Sequence[str]) -> list[Places]:
    groups: dict[tuple[str, str], dict[str, re.Match[str]]] = {}
    for name in names:
        if match := _NUMBERED.fullmatch(name.strip().lower()):
            groups.setdefault((match["before"].strip(), match["after"].strip()), {})[name] = match
    found: list[Places] = []
    for affixes, group in groups.items():
        words = set(re.split(r"[^a-zäöüé]+", " ".join(affixes))) - {""}
        numbers = np.array([int(match["number"]) for match in group.values()], np.int64)
        again = np.array([match["again"] is not None for match in group.values()])
        order = np.lexsort((again, numbers))
        columns = tuple(np.array(list(group), dtype=object)[order])
        ordered = columns, numbers[order], again[order]
        for unit, read in _UNITS.items():
            if (not words or words & set(_WORDS[unit])) and (one := read(unit, ordered, words)) is not None:
                found.append(one)
    return found


_Ordered = tuple[tuple[str, ...], Ints, NDArray[np.bool_]]


def _of_day(unit: str, ordered: _Ordered, words: set[str]) -> Places | None:
    """Hours or periods of a day, complete; one or two hours more where the clocks change."""
    columns, numbers, again = ordered
    first = numbers[~again]
    start, count = int(first[0]), len(first)
    if start > 1 or not (np.diff(first) == 1).all():
        return None
    usual = next((size for size in PERIODS if count in (size, size * 25 // 24)), None)
    if usual is None or (unit == "hour" and usual != 24):
        return None
    if not words and count not in PERIODS:
        return None
    minutes = PERIODS[usual]
    each = "hour" if usual == 24 else f"{minutes} minutes"
    how = f"; {columns[0]!r} is the first {each} of the day, from 00:00"
    if words & set(_ENDING):
        how = f"; {columns[0]!r} is the hour that ends at 01:00" if start and usual == 24 else how
    return Places("period", columns, numbers - start, again, minutes, how, plain=not words)


def _of_larger(unit: str, ordered: _Ordered, words: set[str]) -> Places | None:
    """A complete run from 1: the days of a month, the weeks, months or quarters of a year."""
    columns, numbers, again = ordered
    least, most = _RUNS[unit]
    if again.any() or not least <= len(numbers) <= most or (numbers != np.arange(1, len(numbers) + 1)).any():
        return None
    if not words and unit in ("quarter", "half"):
        return None  # four series may be numbered
    return Places(unit, columns, numbers, again, plain=not words)


_UNITS: dict[str, Callable[[str, _Ordered, set[str]], Places | None]] = {
    "hour": _of_day,
    "period": _of_day,
    **dict.fromkeys(_RUNS, _of_larger),
}
