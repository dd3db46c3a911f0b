"""Days of 23 and 25 hours in rows that hold a day."""

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from latentcast.core.assignments import assignment
from latentcast.core.errors import TimeError
from latentcast.data.tables.across_names import Places

_ZONES = ("Europe/Berlin", "Europe/London", "America/New_York", "America/Santiago", "Australia/Sydney", "Asia/Tehran")
_MINUTE = np.timedelta64(1, "m")


def refuse_more_hours(days: NDArray[Any], more: NDArray[np.bool_], seen: NDArray[np.bool_], places: Places) -> None:
    """Raise TimeError where columns for a 25th hour hold values: without a zone they have no stamp."""
    filled = seen & more
    if not filled.any():
        return
    row, at = np.argwhere(filled)[0]
    zone = next((zone for zone in _ZONES if _lengths(days[row : row + 1], zone)[0] > 1440), None)
    example = f" (data.zone={zone}, or the one of the data)" if zone else ""
    raise TimeError(
        f"{days[row]} (row {row}) has a value under {places.columns[at]!r}, an hour more than a day has, as where the"
        + (
            f" clocks are put back: set the time zone in which the days were recorded{example}"
            if zone
            else " clocks are put back, and they are in no usual zone on that day; fix it, or leave the column out"
            f" ({assignment('data.ignore', places.columns[at])})"
        ),
        setting="data.zone" if zone else "data.ignore",
        value=zone or places.columns[at],
    )


def in_zone(
    local: NDArray[Any],
    days: NDArray[Any],
    places: Places,
    more: NDArray[np.bool_],
    seen: NDArray[np.bool_],
    zone: str,
) -> tuple[pd.DatetimeIndex, NDArray[np.bool_]]:
    """The cells' stamps in a zone, row after row, and which cells [rows, columns] have one.

    Periods are counted through the change where a 25th hour has values, or where the last hour of a day of 23 has none;
    else they are read as a clock shows. Raises TimeError for values at times that a day does not have.
    """
    lengths = _lengths(days, zone)
    begins = (places.numbers * places.minutes)[None, :] if places.unit == "period" else None
    if begins is not None and not places.again.any() and _counts_on(begins, lengths, more, seen):
        midnight = _midnights(days, zone).tz_convert("UTC").tz_localize(None).to_numpy("datetime64[m]")
        stamps = pd.DatetimeIndex((midnight[:, None] + begins * _MINUTE).reshape(-1).astype("datetime64[ns]"))
        made, there = stamps.tz_localize("UTC").tz_convert(zone), begins < lengths[:, None]
    else:
        flat = pd.DatetimeIndex(local.reshape(-1).astype("datetime64[ns]"))
        summer, winter = (
            flat.tz_localize(zone, ambiguous=np.full(len(flat), first), nonexistent="NaT") for first in (True, False)
        )
        second = np.broadcast_to(places.again, local.shape).reshape(-1)
        made = summer.where(~second, winter)
        exists, twice = np.asarray(made.notna()), np.asarray(summer != winter)
        there = (exists & (~second | twice)).reshape(local.shape)
        there &= ~more | places.again
    if (wrong := seen & ~there).any():
        row, at = np.argwhere(wrong)[0]
        raise TimeError(
            f"{days[row]} (row {row}) has a value under {places.columns[at]!r}, which that day does not have in {zone}:"
            " fix it, or set the zone in which the days were recorded (data.zone)",
            setting="data.zone",
        )
    return made, there


def _counts_on(
    begins: NDArray[np.int64], lengths: NDArray[np.int64], more: NDArray[np.bool_], seen: NDArray[np.bool_]
) -> bool:
    if (seen & more).any():
        return True
    short = (lengths < 1440) & seen.any(axis=1)
    beyond = begins >= lengths[:, None]
    return bool(short.any() and not (seen & beyond)[short].any())


def _midnights(days: NDArray[Any], zone: str) -> pd.DatetimeIndex:
    try:
        return pd.DatetimeIndex(days.astype("datetime64[ns]")).tz_localize(
            zone, ambiguous=np.ones(len(days), np.bool_), nonexistent="shift_forward"
        )
    except (LookupError, ValueError) as error:
        raise TimeError(
            f"data.zone={zone} is no time zone; for example: Europe/Berlin, UTC", setting="data.zone"
        ) from error


def _lengths(days: NDArray[Any], zone: str) -> NDArray[np.int64]:
    """Minutes of each day in a zone."""
    apart = _midnights(days + 1, zone) - _midnights(days, zone)
    return np.asarray(apart.total_seconds().to_numpy() // 60, np.int64)
