"""The step of a series: found, shown, and continued beyond the end."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pandas.tseries.frequencies import to_offset

from latentcast.errors import TimeError, some

DAY_NS = 86_400_000_000_000
_CALENDAR = ("B", "MS", "ME", "QS", "QE", "QS-FEB", "QE-JAN", "QS-MAR", "QE-FEB", "YS", "YE")
_SEASONS = {"B": 5, "W": 52, "M": 12, "MS": 12, "ME": 12, "Q": 4, "QS": 4, "QE": 4}


@dataclass(frozen=True)
class Frequency:
    """One step in time.

    `alias` is pandas' name ("h", "15min", "W-SAT", "MS") or a whole number for integer time.
    `step` is its length (nanoseconds, or units of integer time) when every step is equally long, else None:
    months, quarters, years and business days are counted on the calendar.
    """

    alias: str
    step: int | None
    integer: bool = False

    @classmethod
    def of(cls, alias: str | int) -> "Frequency":
        """Raises TimeError when pandas does not know the alias."""
        if isinstance(alias, int) or alias.isdecimal():
            if int(alias) < 1:
                raise TimeError(f"freq={alias!r}: an integer step is at least 1")
            return cls(str(int(alias)), int(alias), integer=True)
        try:
            offset = to_offset(alias)
        except ValueError as error:
            raise TimeError(
                f"freq={alias!r} is no frequency that pandas knows; for example: h, 15min, D, W-SUN, MS"
            ) from error
        if isinstance(offset, pd.offsets.Week):
            return cls(offset.freqstr, 7 * DAY_NS * offset.n)
        if isinstance(offset, pd.tseries.offsets.Tick):
            return cls(offset.freqstr, int(pd.Timedelta(offset).value))
        return cls(offset.freqstr, None)

    @property
    def season(self) -> int:
        """Steps in the main season: a day for steps below a day, a week for days, a year above."""
        if self.integer:
            return 1
        if self.step is not None and self.step < DAY_NS:
            cycle = DAY_NS if self.step >= 60_000_000_000 else DAY_NS // 24
            return max(1, round(cycle / self.step))
        if self.step == DAY_NS:
            return 7
        base = self.alias.split("-")[0].lstrip("0123456789")
        count = self.alias[: len(self.alias.split("-")[0]) - len(base)] if "-" not in self.alias else "1"
        return max(1, _SEASONS.get(base, 1) // int(count or 1))

    def after(self, last: NDArray[Any], n: int) -> NDArray[Any]:
        """The n stamps that follow each of `last`, shape [items, n]."""
        if self.step is not None:
            steps = np.arange(1, n + 1, dtype=np.int64) * self.step
            return np.asarray(last[:, None] + (steps if self.integer else steps.astype("timedelta64[ns]")))
        ends, which = np.unique(last, return_inverse=True)
        return np.stack([pd.date_range(end, periods=n + 1, freq=self.alias)[1:].values for end in ends])[which]

    def ordinals(self, times: NDArray[Any], first: NDArray[Any]) -> NDArray[np.int64]:
        """How many steps each stamp lies after its series' first one; -1 where it lies between two steps."""
        if self.step is not None:
            count, rest = np.divmod(times.astype(np.int64) - first.astype(np.int64), self.step)
            return np.where(rest == 0, count, -1)
        grid = pd.date_range(times.min(), times.max(), freq=self.alias).values
        if not len(grid):
            return np.full(len(times), -1)
        place = np.minimum(np.searchsorted(grid, times), len(grid) - 1)
        start = np.minimum(np.searchsorted(grid, first), len(grid) - 1)
        on_grid = (grid[place] == times) & (grid[start] == first)
        return np.where(on_grid, place - start, -1)

    def __str__(self) -> str:
        return self.alias


def infer(times: NDArray[Any], series: NDArray[np.int64]) -> Frequency:
    """The frequency under which every stamp of every series lies on a step.

    `times` sorted within each series, shape [rows]; `series` the number of each row's series. The most frequent
    difference is tried first, then the calendar (business days, month, quarter and year, start and end).

    Raises TimeError when no stamp has a successor or when no frequency fits, naming the first stamp that does not.
    """
    same = np.diff(series) == 0
    gaps = np.diff(times.astype(np.int64))[same]
    if not len(gaps):
        raise TimeError("the frequency cannot be inferred: no series has two rows; state it (data.freq)")
    lengths, counts = np.unique(gaps, return_counts=True)
    step = int(lengths[counts.argmax()])
    first = times[np.concatenate([[True], ~same])][np.cumsum(np.concatenate([[0], ~same]))]
    if np.issubdtype(times.dtype, np.integer):
        candidates = [Frequency(str(step), step, integer=True)]
    else:
        candidates = [_named(step, times)]
        if step >= DAY_NS:
            candidates += [Frequency.of(alias) for alias in _CALENDAR]
        if step == DAY_NS and len(times) >= 10 and not (pd.DatetimeIndex(times).dayofweek >= 5).any():
            candidates.insert(0, Frequency.of("B"))  # daily stamps that skip every weekend
    for frequency in candidates:
        if (frequency.ordinals(times, first) >= 0).all():
            return frequency
    off = candidates[0].ordinals(times, first) < 0
    raise TimeError(
        f"the time steps are irregular: most are {candidates[0]} long, but {off.sum()} of {len(times)} stamps are off"
        f" that grid (first: {some(list(times[off].astype(str)), 3)}). Resample the data, state the frequency"
        " (data.freq), or count rows as steps whatever their stamps (data.steps=rows)"
    )


def _named(step: int, times: NDArray[Any]) -> Frequency:
    if step % (7 * DAY_NS) == 0:
        weeks = step // (7 * DAY_NS)
        day = pd.Timestamp(times[0]).day_name()[:3].upper()
        return Frequency(f"{weeks if weeks > 1 else ''}W-{day}", step)
    offset = to_offset(pd.Timedelta(step, unit="ns"))
    return Frequency(offset.freqstr, step)
