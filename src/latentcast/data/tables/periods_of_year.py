"""Years divided into equally many periods of equal length, such as the thirteen of retailers."""

import re
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
COUNTS = (2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 13, 14, 15, 16, 17, 18, 20, 21, 24, 25, 26)  # 12 are months
_DAY_NS = 86_400_000_000_000
_COMPLETE = 0.9  # share of the periods from the first to the last that must be there


@dataclass(frozen=True)
class PeriodsOfYear:
    """So many periods from 1 January on: of whole months, or of equally many days with the rest in the last."""

    count: int

    @property
    def alias(self) -> str:
        return f"Y-periods({self.count})"

    @property
    def season(self) -> int:
        return self.count

    @property
    def resolution(self) -> int:
        return _DAY_NS

    @property
    def _offsets(self) -> Ints:
        return np.arange(self.count) * 365 // self.count

    @property
    def _months(self) -> int:
        """Months of a period; 0 where it is none of whole months."""
        return 0 if 12 % self.count else 12 // self.count

    def begins(self, year: Ints, number: Ints) -> NDArray[Any]:
        """The first day of a period, counted from 1; NaT where a year has no such period."""
        first = (year - 1970).astype("datetime64[Y]").astype("datetime64[D]")
        if self._months:
            months = (number - 1) * self._months
            first = ((year - 1970) * 12 + months).astype("datetime64[M]").astype("datetime64[D]")
            return np.where((number >= 1) & (number <= self.count), first, np.datetime64("NaT", "D"))
        there = (number >= 1) & (number <= self.count)
        return np.where(there, first + self._offsets[np.clip(number, 1, self.count) - 1], np.datetime64("NaT", "D"))

    def number(self, times: NDArray[Any]) -> tuple[Ints, Ints]:
        """Year and number of the period in which stamps lie."""
        if self._months:
            month = times.astype("datetime64[M]").astype(np.int64)
            return month // 12 + 1970, month % 12 // self._months + 1
        year, day = times.astype("datetime64[Y]"), times.astype("datetime64[D]")
        since = (day - year.astype("datetime64[D]")).astype(np.int64)
        return year.astype(np.int64) + 1970, np.searchsorted(self._offsets, since, side="right").astype(np.int64)

    def position(self, stamps: NDArray[Any]) -> tuple[Ints, NDArray[np.bool_]]:
        """Periods up to each stamp, and whether one begins there."""
        year, number = self.number(stamps)
        return year * self.count + number - 1, self.begins(year, number) == stamps.astype("datetime64[D]")

    def stamps(self, positions: Ints) -> NDArray[Any]:
        """The first days of periods."""
        year, slot = np.divmod(positions, self.count)
        return self.begins(year, slot + 1)


def count_of(alias: str | None) -> int | None:
    """The periods of a year that a frequency names; None for another one."""
    found = re.fullmatch(r"Y-periods\((\d+)\)", alias or "")
    return int(found[1]) if found and int(found[1]) in COUNTS else None


def cycle_of(year: Ints, number: Ints, counts: tuple[int, ...] = COUNTS) -> int | None:
    """How many periods a year has, where numbers run from 1 to it in each; None without such a cycle, or for months."""
    if not len(number) or number.min() != 1:
        return None
    count = int(number.max())
    places = np.unique(year * count + number - 1)
    span = int(places[-1] - places[0]) + 1
    turned = len(np.unique(year)) > 1 and len(places) > count
    return count if count in counts and turned and len(places) >= _COMPLETE * span else None
