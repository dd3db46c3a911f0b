"""Abbreviations of time zones at the end of texts: 2018-03-20 00:00 CET becomes 2018-03-20 00:00 +01:00."""

import re
from dataclasses import dataclass
from typing import Any

import pandas as pd

from latentcast.core.errors import TimeError

_WORD = re.compile(r"(:\d{2}(?:[.,]\d+)?(?:\s?[AP]M)?)\s*\(?(?!(?:AM|PM)\b)([A-Z]{2,5})\)?(\s\d{4})?$")
_OFFSETS = {
    "UTC": "+00:00", "GMT": "+00:00", "WET": "+00:00", "WEST": "+01:00", "CET": "+01:00", "CEST": "+02:00",
    "MEZ": "+01:00", "MESZ": "+02:00", "EET": "+02:00", "EEST": "+03:00", "MSK": "+03:00", "EST": "-05:00",
    "EDT": "-04:00", "CDT": "-05:00", "MST": "-07:00", "MDT": "-06:00", "PST": "-08:00", "PDT": "-07:00",
    "AKST": "-09:00", "AKDT": "-08:00", "HST": "-10:00", "JST": "+09:00", "KST": "+09:00", "HKT": "+08:00",
    "SGT": "+08:00", "SAST": "+02:00", "AWST": "+08:00", "ACST": "+09:30", "ACDT": "+10:30", "AEST": "+10:00",
    "AEDT": "+11:00", "NZST": "+12:00", "NZDT": "+13:00", "BRT": "-03:00",
}  # fmt: skip
_CLOCKS = {  # standard and summer time of one clock; in such a pair CST and BST have one meaning
    ("WET", "WEST"): "Europe/Lisbon", ("GMT", "BST"): "Europe/London", ("CET", "CEST"): "Europe/Berlin",
    ("MEZ", "MESZ"): "Europe/Berlin", ("EET", "EEST"): "Europe/Helsinki", ("EST", "EDT"): "America/New_York",
    ("CST", "CDT"): "America/Chicago", ("MST", "MDT"): "America/Denver", ("PST", "PDT"): "America/Los_Angeles",
    ("AKST", "AKDT"): "America/Anchorage", ("ACST", "ACDT"): "Australia/Adelaide",
    ("AEST", "AEDT"): "Australia/Sydney", ("NZST", "NZDT"): "Pacific/Auckland",
}  # fmt: skip
_IN_PAIRS = {"CST": "-06:00", "BST": "+01:00"}
_SEVERAL = {
    "CST": ("America/Chicago", "Asia/Shanghai"),
    "BST": ("Europe/London", "Asia/Dhaka"),
    "IST": ("Asia/Kolkata", "Asia/Jerusalem", "Europe/Dublin"),
    "AST": ("America/Halifax", "Asia/Riyadh"),
}


@dataclass(frozen=True)
class WithOffsets:
    """Texts that end with offsets, the clock that alternates between two of them, and a note."""

    text: pd.Series
    zone: str | None
    note: str


def with_offsets(text: pd.Series, name: Any) -> WithOffsets | None:
    """Distinct texts with offsets in place of abbreviations of zones; None where they do not end with such.

    Raises TimeError for a word that names several zones or none, and where not every text has one.
    """
    if _WORD.search(text.iloc[0]) is None:
        return None
    words = text.str.extract(_WORD)[1]
    if words.isna().any():
        return None  # the reader refuses zones next to none
    found = sorted(words.unique())
    if set(found) <= {"UTC", "GMT"}:
        zone, pair = None, None
    else:
        pair = next((pair for pair in _CLOCKS if len(found) == 2 and set(pair) == set(found)), None)
        zone = _CLOCKS[pair] if pair else None
    offsets = _OFFSETS | (_IN_PAIRS if pair else {})
    if unknown := [word for word in found if word not in offsets]:
        raise _refused(text[words == unknown[0]].iloc[0], unknown[0], name, alone=len(found) == 1)
    read = text.str.replace(_WORD, lambda part: f"{part[1]}{part[3] or ''} {offsets[part[2]]}", regex=True)
    if zone is not None:
        return WithOffsets(read, zone, f"{' and '.join(found)} in {name!r} are read as the clock of {zone}")
    ways = " and ".join(f"{word} as UTC{offsets[word]}" for word in found)
    return WithOffsets(read, None, "" if found in (["UTC"], ["GMT"]) else f"{name!r} is read with {ways}")


def in_zone(dates: pd.Series, zone: str, offsets: pd.Series) -> pd.Series:
    """Stamps in UTC as stamps of a zone, where its clock has these offsets at every stamp; else as they came."""
    local = dates.dt.tz_convert(zone)
    written = offsets.map(
        {offset: pd.Timestamp(f"2000-01-01T00:00{offset}").utcoffset() for offset in offsets.unique()}
    )
    apart = local.dt.tz_localize(None) - dates.dt.tz_convert("UTC").dt.tz_localize(None)
    return local if (apart.to_numpy() == written.to_numpy()).all() else dates


def _refused(text: str, word: str, name: Any, *, alone: bool) -> TimeError:
    zones = _SEVERAL.get(word, ())
    meaning = f"names several zones ({', '.join(zones)})" if zones else "names no zone that is known"
    start = f"the time column {name!r} holds {text!r}, and {word} {meaning}"
    if not alone:
        return TimeError(f"{start}: write offsets such as +01:00 in its place")
    form = _form_of(text, word)
    if form is None:
        return TimeError(
            f"{start}: leave the word out and set the zone (data.zone={zones[0] if zones else 'Europe/Berlin'}), or"
            " write offsets such as +01:00 in its place"
        )
    return TimeError(
        f"{start}: set the zone in which the stamps were recorded (data.zone={zones[0] if zones else 'Europe/Berlin'},"
        f" data.time_format={form!r}), or write offsets such as +01:00 in its place",
        setting="data.time_format",
        value=form,
    )


def _form_of(text: str, word: str) -> str | None:
    """The strptime format that passes over the word; None where it is not found or more than one is likely."""
    found = re.match(r"(\d{4})([-/.])\d{2}\2\d{2}([ T])\d{2}:\d{2}(:\d{2})?(\s*)", text)
    if found is None or not text.endswith(word):
        return None
    _, mark, between, seconds, space = found.groups()
    return f"%Y{mark}%m{mark}%d{between}%H:%M{':%S' if seconds else ''}{space}{word}"
