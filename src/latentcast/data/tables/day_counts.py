"""Moments and days that are counted from other years than 1970: ticks, file times, day numbers, Julian days."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from latentcast.data.tables.calendar_units import AmbiguousTime

Ints = NDArray[np.int64]
_SECOND = 10**9
_DAY = 86_400 * _SECOND
_USUAL = {
    *(count * _SECOND for count in (1, 2, 5, 10, 15, 20, 30)),
    *(count * 60 * _SECOND for count in (1, 2, 3, 5, 10, 15, 20, 30, 60, 120, 180, 240, 360, 480, 720)),
    _DAY,
    7 * _DAY,
}
_LIKELY = (np.datetime64("1980", "ns"), np.datetime64("2060", "ns"))  # of what no name tells


@dataclass(frozen=True)
class Count:
    """A count of time.

    Attributes
    ----------
    words
        What it counts, for messages.
    each
        Nanoseconds of one.
    epoch
        The number that stands `shift` nanoseconds from 1970.
    name
        How columns of it are named.
    span
        The numbers that are taken for it: about 1900 to 2100, and 1980 to 2100 for moments.
    """

    words: str
    each: int
    epoch: int
    name: str
    span: tuple[float, float]
    shift: int = 0

    def read(self, numbers: NDArray[Any]) -> NDArray[Any]:
        """Numbers → stamps; fractions to the millisecond."""
        whole = np.floor(numbers).astype(np.int64)
        rest = np.round((numbers - whole) * (self.each / 1e6)).astype(np.int64) * 10**6
        return np.asarray(((whole - self.epoch) * self.each + rest + self.shift).astype("datetime64[ns]"))

    def write(self, times: NDArray[Any]) -> Ints:
        """Stamps → the whole number at or before each."""
        since = times.astype("datetime64[ns]").astype(np.int64) - self.shift
        return np.asarray(since // self.each + self.epoch)


COUNTS: Mapping[str, Count] = {
    "ticks": Count(
        ".NET ticks (100 nanoseconds since the year 1)", 100, 621_355_968 * 10**9, r"ticks", (6.245e17, 6.625e17)
    ),
    "filetime": Count(
        "Windows file times (100 nanoseconds since 1601)", 100, 116_444_736 * 10**9, r"file_?time", (1.196e17, 1.576e17)
    ),
    "s1960": Count("seconds since 1960 (SAS)", _SECOND, 315_619_200, r"sas|1960", (6.3e8, 4.42e9)),
    "ms1960": Count("milliseconds since 1960 (Stata)", 10**6, 315_619_200_000, r"stata|1960", (6.3e11, 4.42e12)),
    "d1960": Count("days since 1960 (SAS, Stata)", _DAY, 3653, r"sas|stata|1960", (3653, 51_135)),
    "datenum": Count("day numbers of MATLAB", _DAY, 719_529, r"date_?num|matlab", (693_962, 767_011)),
    "mjd": Count("modified Julian days", _DAY, 40_587, r"(?<![a-z])mjd|modified.?julian", (15_020, 88_069)),
    "jd": Count(
        "Julian days, which begin at noon", _DAY, 2_440_587, r"(?<![a-z])jd|julian", (2_415_020, 2_488_070), -_DAY // 2
    ),
    "d1970": Count("days since 1970", _DAY, 0, r"(unix|epoch).?days?|days?.?since.?1970", (3652, 47_482)),
    "gpsweek": Count("GPS weeks", 7 * _DAY, 0, r"gps.?w(ee)?k", (0, 6300), 3657 * _DAY),
}


def counted_since(numbers: NDArray[Any], name: str) -> str | None:
    """The count that whole or fractional numbers are by their size, or by the column's name; None for another one.

    Raises AmbiguousTime where nanoseconds since 1970 are as likely as ticks.
    """
    if not len(numbers):
        return None
    if _within(numbers, "filetime"):
        return "filetime"
    if _within(numbers, "ticks"):
        return "ticks" if _are_ticks(numbers, name) else None
    named = (key for key, count in COUNTS.items() if re.search(count.name, name, re.IGNORECASE))
    return next((key for key in named if _within(numbers, key)), None)


def note_on(key: str, name: str, first: Any) -> str:
    """A note on numbers that are read as a count."""
    steps = "; data.freq=1 counts them as steps" if COUNTS[key].each >= _DAY and first == int(first) else ""
    return f"the numbers in {name!r} (such as {first}) are read as {COUNTS[key].words} (data.time_format={key}{steps})"


def likely(numbers: NDArray[Any]) -> str:
    """Words on the settings that read numbers as days from 1980 to 2060; "" where none does."""
    found = []
    for key in ("d1960", "d1970", "datenum", "mjd", "jd"):
        if _within(numbers, key):
            ends = COUNTS[key].read(np.array([numbers.min(), numbers.max()]))
            if ends[0] >= _LIKELY[0] and ends[1] <= _LIKELY[1]:
                day = str(COUNTS[key].read(np.asarray(numbers[:1]))[0])[:10]
                found.append(f"data.time_format={key} reads {COUNTS[key].words} (from {day})")
    return ", ".join(found)


def _within(numbers: NDArray[Any], key: str) -> bool:
    least, most = COUNTS[key].span
    return bool(((numbers >= least) & (numbers <= most)).all())


def _are_ticks(numbers: NDArray[Any], name: str) -> bool:
    if re.search("tick", name, re.IGNORECASE) or not np.issubdtype(numbers.dtype, np.integer):
        return True
    step = int(np.gcd.reduce(np.diff(np.unique(numbers)))) if len(numbers) > 1 else 0
    ticks, nanoseconds = step * 100 in _USUAL, step in _USUAL
    if ticks != nanoseconds:
        return ticks
    raise AmbiguousTime(
        f"the whole numbers in {name!r} (such as {numbers[0]}) can be read as .NET ticks or as nanoseconds since 1970:"
        " set data.time_format=ticks or data.time_format=ns",
        setting="data.time_format",
        value="ticks",
    )
