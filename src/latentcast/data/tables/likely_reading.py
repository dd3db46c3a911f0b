"""Of two ways to read a column of dates, the one that the steps show: month first or day first."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from latentcast.core.assignments import assignment
from latentcast.data.tables.calendar_units import AmbiguousTime
from latentcast.data.tables.frequency import Frequency

_LEAST = 4  # dates, from which on their steps show how they are to be read


def settled(column: pd.Series, readings: Mapping[str, pd.Series], freq: str | None) -> tuple[str, tuple[str, ...]]:
    """The format under which dates follow on each other, and a note that says so.

    Parameters
    ----------
    column
        The texts.
    readings
        Dates by format, one for each distinct text.
    freq
        The frequency, where it is known: dates must lie on its steps.

    Raises
    ------
    AmbiguousTime
        Where none or several do.
    """
    stamps = {form: np.unique(dates.to_numpy("datetime64[ns]")) for form, dates in readings.items()}
    likely = [form for form, times in stamps.items() if _follows(times, freq)]
    if len(likely) == 1:
        first = "month" if likely[0].startswith("%m") else "day"
        text = (
            f"the dates in {column.name!r} (such as {column.iloc[-1]!r}) were read with the {first} first, by which"
            f" they follow on each other ({assignment('data.time_format', likely[0])})"
        )
        return likely[0], (text,)
    forms = " or ".join(assignment("data.time_format", form) for form in readings)
    raise AmbiguousTime(
        f"the dates in {column.name!r} (such as {column.iloc[-1]!r}) can be read with the month or with the day first:"
        f" set their format ({forms})",
        setting="data.time_format",
        value=next(iter(readings)),
    )


def _follows(times: NDArray[Any], freq: str | None) -> bool:
    """Whether distinct dates are each one step after the one before."""
    if freq is not None and not freq.isdecimal():
        ordinals = Frequency.of(freq).ordinals(times, np.zeros(1, np.int64))
        return len(times) > 1 and bool((ordinals >= 0).all() and (np.diff(ordinals) == 1).all())
    if len(times) < _LEAST:
        return False
    steps = np.diff(times.astype(np.int64))
    months, within = times.astype("datetime64[M]"), times - times.astype("datetime64[M]")
    monthly = (within == within[0]).all() and len(np.unique(np.diff(months.astype(np.int64)))) == 1
    return bool((steps == steps[0]).all() or monthly)
