"""Steps that a reader counted, since it knew no frequency: what a frequency that is set makes of them."""

from collections.abc import Mapping
from typing import Any

import pandas as pd

from latentcast.data.settings import DataSettings
from latentcast.data.sources.formats.counted import COUNTED
from latentcast.data.sources.formats.stamps import stamps
from latentcast.data.tables.frequency import Frequency

_LEAST = 3  # steps from which on the frequency is inferred


def with_frequency(frame: pd.DataFrame, settings: DataSettings) -> tuple[pd.DataFrame, DataSettings, tuple[str, ...]]:
    """The table with dates from the start of each series, by the frequency that is set; of series without a start the
    frequency gives the season, and a note says so.

    Raises TimeError for an unknown frequency, DataError for a start that is no date.
    """
    starts: Mapping[str, Any] | None = frame.attrs.get(COUNTED)
    if starts is None or settings.freq is None or settings.freq.isdecimal() or "ds" not in frame.columns:
        return frame, settings, ()
    frequency = Frequency.of(settings.freq)
    if not starts:
        counting = {"freq": "1", "season": settings.season or frequency.season}
        text = (
            f"the array has no dates: its steps are counted, and freq={settings.freq} gives their season of"
            f" {counting['season']} steps"
        )
        return frame, settings.model_copy(update=counting), (text,)
    dates = frame["ds"].astype("datetime64[ns]")
    for name, rows in frame.groupby("unique_id", sort=False).groups.items():
        dates.loc[rows] = stamps(starts[str(name)], settings.freq, len(rows))
    made = frame.assign(ds=dates)
    kept = settings.freq if len(frame) < _LEAST else None  # a start may stand anywhere in its month
    return made, settings.model_copy(update={"freq": kept}), ()
