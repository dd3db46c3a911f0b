"""Dated notes in words, for models that read: what happened to the data, and when."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from latentcast.core.errors import DataError, nearest, some
from latentcast.data.settings import DataSettings
from latentcast.data.tables.table import time_column
from latentcast.data.tables.timestamps import Clock, on_the_clock_of, read_stamps

if TYPE_CHECKING:
    from latentcast.data.panel.panel import Panel

TEXT = "text"


@dataclass(frozen=True)
class Notes:
    """times [notes] ascending; items [notes] of which item each is, -1 of all; days: said without the time of day"""

    times: NDArray[Any]
    items: NDArray[np.int64]
    texts: tuple[str, ...]
    days: bool

    def within(self, item: int, first: Any, last: Any) -> str:
        """Those of one window, from its first step to the last that is known; empty where there are none."""
        low, high = np.searchsorted(self.times, first), np.searchsorted(self.times, last, side="right")
        said = [
            f"{self._stamp(at)} {self.texts[at]}" for at in range(int(low), int(high)) if self.items[at] in (-1, item)
        ]
        return "; ".join(said)

    def _stamp(self, at: int) -> str:
        text = str(self.times[at])
        return text[:10] if self.days else text[:16].replace("T", " ")


def read_notes(frame: pd.DataFrame, panel: "Panel", settings: DataSettings) -> Notes:
    """A table with the time column, `text`, and in long data the ids where a note is of one series.

    Raises DataError or TimeError when it is something else.
    """
    frame = frame.copy(deep=False)
    frame.columns = pd.Index([str(name) for name in frame.columns])
    if TEXT not in frame.columns:
        raise DataError(f"notes need a column {TEXT!r} beside the time; {nearest(TEXT, frame.columns)}")
    if panel.frequency.integer:
        raise DataError("notes are dated, and the data count their steps in whole numbers")
    frame = frame.dropna(subset=[TEXT])
    times, clock = read_stamps(frame[time_column(frame, settings)], settings.time_format)
    fitted = Clock(panel.clock.zone, wall=panel.clock.wall)
    times, _ = on_the_clock_of(fitted, clock, times, first=str(panel.times[0]), step=panel.frequency.step)
    items = np.full(len(frame), -1, np.int64)
    id_name = settings.id or "unique_id"
    if id_name in frame.columns:
        numbers = {name: number for number, name in enumerate(panel.ids)}
        ids = [None if pd.isna(name) else str(name) for name in frame[id_name]]
        if strange := sorted({name for name in ids if name is not None and name not in numbers}):
            raise DataError(f"notes speak of series that the data do not have: {some(strange)}")
        items = np.array([-1 if name is None else numbers[name] for name in ids], np.int64)
    order = np.argsort(times, kind="stable")
    texts = [" ".join(str(text).split()) for text in frame[TEXT]]
    whole_days = bool((times == times.astype("datetime64[D]")).all())
    return Notes(times[order], items[order], tuple(texts[at] for at in order), whole_days)


def of_windows(
    notes: Notes | None, panel_times: NDArray[Any], starts: NDArray[np.int64], items: Iterable[int], lookback: int
) -> list[str] | None:
    """What is to be said of each window, by its look-back; None where there are no notes at all."""
    if notes is None:
        return None
    return [
        notes.within(item, panel_times[start], panel_times[start + lookback - 1])
        for start, item in zip(starts.tolist(), items, strict=True)
    ]
