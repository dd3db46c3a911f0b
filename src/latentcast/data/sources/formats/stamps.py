"""Compute the dates of a series from its first date and its frequency."""

import re
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from latentcast.core.errors import DataError

_MONTHS = {"M": 1, "ME": 1, "MS": 1, "Q": 3, "QE": 3, "QS": 3, "Y": 12, "YE": 12, "YS": 12, "A": 12, "AS": 12}
_FIXED = {"W": "7D", "D": "1D", "H": "1h", "T": "1min", "MIN": "1min", "S": "1s", "L": "1ms", "MS": "1ms"}
_WORDS = {
    "yearly": "Y", "annual": "Y", "quarterly": "Q", "monthly": "M", "weekly": "W", "daily": "D", "hourly": "h",
    "half_hourly": "30min", "minutely": "1min", "secondly": "1s",
}  # fmt: skip
_COUNTED = re.compile(r"(\d+)_(second|minute|hour|day|week|month)(?:s|ly)?")
_ALIASES = {"second": "s", "minute": "min", "hour": "h", "day": "D", "week": "W", "month": "M"}


def stamps(start: Any, freq: str, steps: int) -> NDArray[Any]:
    """[steps] dates from `start` on, one step of `freq` apart: a pandas alias, old or new, or a word such as monthly.

    Months, quarters and years keep the day of the start; a last day of its month stays the last day.
    Raises DataError for a frequency that is not known or a start that is no date.
    """
    try:
        first = pd.Timestamp(start)
    except (ValueError, TypeError) as error:
        raise DataError(f"the start {start!r} is no date ({error})") from error
    count, unit = _parsed(freq)
    if unit == "B":
        return np.asarray(pd.bdate_range(first, periods=steps))
    if unit.upper() in _MONTHS and unit != "ms":
        months = np.arange(steps) * count * _MONTHS[unit.upper()]
        moved = np.array([first + pd.DateOffset(months=int(month)) for month in months], dtype="datetime64[ns]")
        if not first.is_month_end or unit.upper() in ("MS", "QS", "YS", "AS"):
            return moved
        return (pd.DatetimeIndex(moved) + pd.offsets.MonthEnd(0)).to_numpy()
    step = pd.Timedelta(_FIXED[unit.upper()]) * count
    return np.asarray(pd.DatetimeIndex([first] * steps) + pd.TimedeltaIndex(np.arange(steps) * step.value))


def _parsed(freq: str) -> tuple[int, str]:
    """15min → (15, min); weekly → (1, W); QS-OCT → (1, QS)."""
    text = str(freq).strip()
    text = _WORDS.get(text.lower(), text)
    if words := _COUNTED.fullmatch(text.lower()):
        text = words[1] + _ALIASES[words[2]]
    match = re.fullmatch(r"(\d*)\s*([A-Za-z]+)(?:-[A-Za-z]{3})?", text)
    known = match is not None and (match[2] == "B" or match[2].upper() in (*_MONTHS, *_FIXED))
    if match is None or not known:
        raise DataError(f"the frequency {freq!r} is not known; wanted a pandas alias such as h, D, W, MS, QS or 15min")
    return int(match[1] or 1), match[2]
