"""The time zone of stamps: how dates are stored and returned."""

from dataclasses import dataclass
from datetime import timezone, tzinfo
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from latentcast.core.errors import TimeError
from latentcast.data.tables.frequency import DAY_NS

_YEARS = (np.datetime64("1678", "Y"), np.datetime64("2261", "Y"))  # what nanoseconds can hold


@dataclass(frozen=True)
class Clock:
    """How dates are stored: unchanged when `zone` is None, else in UTC or, with `wall`, as local time.

    Days and longer steps are regular in local time, across clock changes too; shorter ones in UTC.
    """

    zone: str | None = None
    wall: bool = False

    def restore(self, times: NDArray[Any]) -> Any:
        """Return stamps in their original time zone."""
        if self.zone is None or np.issubdtype(times.dtype, np.integer):
            return times
        if self.wall:
            first = np.ones(len(times), np.bool_)  # of an hour that occurs twice, the one in summer time
            dates = pd.Series(times).dt
            return dates.tz_localize(self.zone, ambiguous=first, nonexistent="shift_forward")
        return pd.Series(times).dt.tz_localize("UTC").dt.tz_convert(self.zone)

    def local(self, times: NDArray[Any]) -> NDArray[Any]:
        """Return stamps in local time, without a zone."""
        if self.zone is None or self.wall:
            return times
        return self.restore(times).dt.tz_localize(None).to_numpy()

    def hold(self, stamp: pd.Timestamp) -> np.datetime64:
        """Convert one stamp to the stored form; without a zone it is local.

        Raises ValueError when it has a zone and the data have none.
        """
        if self.zone is None or (self.wall and stamp.tz is None):
            if stamp.tz is not None:
                raise ValueError("it has a time zone and the data have none")
            return stamp.to_datetime64()
        local = stamp.tz_localize(self.zone) if stamp.tz is None else stamp.tz_convert(self.zone)
        return (local.tz_localize(None) if self.wall else local.tz_convert("UTC")).to_datetime64()


def on_the_clock_of(
    fitted: Clock, came: Clock, times: NDArray[Any], *, first: Any, step: int | None
) -> tuple[NDArray[Any], Clock]:
    """Store stamps like those of a fit, whose parts end at such stamps; return them with their clock.

    `first` is the first stamp of the fit, `step` the nanoseconds of a step, None where steps differ in length. Steps
    shorter than a day are held in UTC, and their zone may differ. Longer ones are held as local clocks show: their
    zone may differ where they have the same time of day. Raises TimeError otherwise.
    """
    if came == fitted:
        return times, came
    if came.zone and fitted.zone and not fitted.wall:
        if came.wall:  # so few rows that they all have one time of day
            utc = came.restore(times).dt.tz_convert("UTC").dt.tz_localize(None)
            return utc.to_numpy(times.dtype), Clock(came.zone)
        return times, came
    # daily dates written with offsets come without a zone where summer time changes the offset, else with one
    zones = [str(clock.zone) for clock in (came, fitted) if clock.zone]
    local = all(clock.wall for clock in (came, fitted) if clock.zone) and (step or DAY_NS) >= DAY_NS
    if local and (len(zones) == 2 or zones[0].startswith("UTC")):
        begin, last = np.datetime64(first, "ns"), times[-1]
        if begin - begin.astype("datetime64[D]") == last - last.astype("datetime64[D]"):
            return times, came
    if came.zone is None:
        remedy = f"give them the zone they were recorded in (.dt.tz_localize({fitted.zone!r}))"
    elif fitted.zone is None:
        remedy = "leave the zone away as at the fit (.dt.tz_localize(None), after .dt.tz_convert where it was another)"
    else:
        remedy = f"bring them into the zone of the fit (.dt.tz_convert({fitted.zone!r}))"
    raise TimeError(
        f"the time stamps have {_in_words(came)}, those of the fit had {_in_words(fitted)}: its parts would end at"
        f" other rows; {remedy}"
    )


def _in_words(clock: Clock) -> str:
    if clock.zone is None:
        return "no time zone"
    return f"the time zone {clock.zone}" + (" and one time of day there" if clock.wall else "")


def read_dates(column: pd.Series) -> tuple[NDArray[Any], Clock]:
    zone = column.dt.tz
    if zone is None:
        return _nanoseconds(column), Clock()
    local = _nanoseconds(column.dt.tz_localize(None))
    within = local.astype(np.int64) % DAY_NS
    if (within == within[0]).all():
        return local, Clock(_zone_name(zone, column.name), wall=True)
    return _nanoseconds(column.dt.tz_convert("UTC").dt.tz_localize(None)), Clock(_zone_name(zone, column.name))


def _zone_name(zone: tzinfo, column: Any) -> str:
    """A text that pandas reads as this zone again: its name, or UTC+01:00 for an offset without one.

    Raises TimeError when there is none.
    """
    names = [] if isinstance(zone, timezone) else [str(zone)]  # time zones can have arbitrary names
    offset = zone.utcoffset(None)
    if offset is not None:
        names.append(str(timezone(offset)))
    for name in names:
        try:
            known = pd.Timestamp(0, tz=name).utcoffset()
        except (LookupError, ValueError):
            continue
        if offset is None or known == offset:  # pandas passes over the seconds of an offset
            return name
    raise TimeError(
        f"the time zone {zone!s} of {column!r} has no name that could be kept: convert the column to a named one"
        " (such as Europe/Berlin)"
    )


def _nanoseconds(column: pd.Series) -> NDArray[Any]:
    stamps = column.to_numpy()
    ends = np.array([stamps.min(), stamps.max()]).astype("datetime64[Y]") if len(stamps) else stamps
    if ((ends < _YEARS[0]) | (ends > _YEARS[1])).any():
        years = stamps.astype("datetime64[Y]")
        bad = np.flatnonzero((years < _YEARS[0]) | (years > _YEARS[1]))
        raise TimeError(
            f"{column.name!r} holds dates that cannot be counted in nanoseconds (first: {stamps[bad[0]]}, row"
            f" {bad[0]}); wanted years from 1678 to 2261"
        )
    exact = stamps.astype("datetime64[ns]", copy=False).view()
    exact.flags.writeable = False  # it may be the caller's own column
    return exact


def localised(times: NDArray[Any], codes: NDArray[np.int64], zone: str, name: str) -> tuple[NDArray[Any], Clock]:
    """Local stamps [rows] of series `codes` as stamps of a zone.

    Of an hour that occurs twice, when the clocks go back, the rows that come first are in summer time. Raises TimeError
    for a zone that is none, and for a stamp that the clocks skip.
    """
    rows = pd.DataFrame({"code": codes, "time": times})
    inside = np.diff(codes) == 0
    falling = (np.diff(times.astype(np.int64))[inside] < 0).mean() > 0.5 if inside.any() else False
    first = ~rows.duplicated(keep="last" if falling else "first").to_numpy()
    try:
        made = pd.Series(times, name=name).dt.tz_localize(zone, ambiguous=first, nonexistent="NaT")
    except (LookupError, ValueError) as error:
        raise TimeError(
            f"data.zone={zone} is no time zone; for example: Europe/Berlin, UTC", setting="data.zone"
        ) from error
    if (lost := made.isna().to_numpy()).any():
        row = int(lost.argmax())
        raise TimeError(
            f"{pd.Timestamp(times[row])} (row {row} of {name!r}) does not exist in {zone}: the clocks skip it; set the"
            " zone in which the stamps were recorded (data.zone), or UTC",
            setting="data.zone",
        )
    return read_dates(made)
