"""Calendar features: where a stamp lies in its hour, day, week and year, each in [-0.5, 0.5]."""

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from latentcast.data.tables.frequency import DAY_NS, SECOND_NS, Frequency


def feature_names(frequency: Frequency) -> tuple[str, ...]:
    """Names of the cycles that the frequency resolves; none for integer time and for years."""
    if frequency.integer:
        return ()
    if frequency.months is not None:
        return ("month_of_year",) if frequency.months % 12 else ()
    step = frequency.resolution
    names = ["second_of_minute"] if step < 60 * SECOND_NS else []
    names += ["minute_of_hour"] if step < 3600 * SECOND_NS else []
    names += ["hour_of_day"] if step < DAY_NS else []
    names += ["day_of_week"] if step < 7 * DAY_NS else []
    return (*names, "day_of_month", "day_of_year")


def features(times: NDArray[Any], frequency: Frequency) -> NDArray[np.float32]:
    """[steps] stamps → [steps, features]."""
    names = feature_names(frequency)
    if not names:
        return np.zeros((len(times), 0), np.float32)
    stamps = pd.DatetimeIndex(times)
    cycles = {
        "second_of_minute": lambda: stamps.second / 59,
        "minute_of_hour": lambda: stamps.minute / 59,
        "hour_of_day": lambda: stamps.hour / 23,
        "day_of_week": lambda: stamps.day_of_week / 6,
        "day_of_month": lambda: (stamps.day - 1) / 30,
        "day_of_year": lambda: (stamps.day_of_year - 1) / 365,
        "month_of_year": lambda: (stamps.month - 1) / 11,
    }
    return np.stack([np.asarray(cycles[name](), np.float32) for name in names], axis=1) - np.float32(0.5)
