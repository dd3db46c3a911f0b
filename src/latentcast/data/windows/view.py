"""A panel prepared for a fitted model: its split and the statistics of each item."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from latentcast.core.errors import Fault, SettingsError
from latentcast.core.nested import python_values
from latentcast.core.notes import Note, NoteCode
from latentcast.data.panel.panel import Panel
from latentcast.data.panel.split import Ends, Part, Split
from latentcast.data.scaling.scaler import Scaler
from latentcast.data.tables.timestamps import show
from latentcast.data.windows.windows import Starts, window_starts


@dataclass(frozen=True)
class PreparedPanel:
    """`naive_error` is what errors are divided by for MASE, [items, channels] in original units; `spread` the
    standard deviation
    of the training part as networks see it.
    """

    panel: Panel
    parts: Split
    scaler: Scaler
    naive_error: Any
    spread: Any
    notes: tuple[str, ...] = ()

    def starts(self, part: Part, lookback: int, horizon: int, stride: int = 1) -> Starts:
        """First step and item of the windows of a part. Raises SettingsError for a stride that is none."""
        stride = python_values(stride)
        if isinstance(stride, bool) or not isinstance(stride, int) or stride < 1:
            raise SettingsError(
                Fault("stride", f"={stride!r}: wanted a whole number of at least 1, which is every window")
            )
        return window_starts(self.panel, *self.parts.bounds(part), lookback, horizon, stride)

    def said(self, part: Part, items: NDArray[np.int64], last: Any, stride: int) -> tuple[str, ...]:
        """Note about the figures of this part for these items, where the data of the fit ended at `last`."""
        panel, notes = self.panel, list(self.notes)
        without = len(panel.ids) - len(np.unique(items))
        if without:
            are = "is" if without == 1 else "are"
            text = f"{without} of {len(panel.ids)} series {are} too short for a window of the {part} part"
            notes.append(Note(text, NoteCode.TOO_SHORT))
        later = int(panel.lengths.sum() - self.parts.test_end.sum())
        if part in ("test", "all") and panel.times.max() > np.asarray(last).astype(panel.times.dtype):
            steps = "1 step lies" if later == 1 else f"{later} steps lie"
            are = "is" if later == 1 else "are"
            text = f"{steps} after the test part of the fit and {are} not judged; fit again to include them"
            notes.append(Note(text, NoteCode.WINDOWS))
        if stride > 1:
            text = f"one window of {stride} was judged: these figures are a sample"
            notes.append(Note(text, NoteCode.WINDOWS))
        return tuple(notes)

    def why_none(self, part: Part, fitted: Ends, rows: NDArray[np.int64]) -> str:
        """Explain why a part has no windows: the position of the data relative to the part, or its length.

        `rows` [items] says which row of `fitted` each item is, or -1.
        """
        panel = self.panel
        low, high = self.parts.bounds(part)
        longest = int((high - low).max())
        ends = Ends(fitted.stamps[rows[rows >= 0]])
        first, last = panel.times.min(), panel.times.max()
        begins = ends.known({"val": 0, "test": 1}[part]) if part in ("val", "test") else panel.times[:0]
        closes = ends.known({"train": 0, "val": 1, "test": 2, "all": 2}[part])
        if longest or (rows < 0).any() or not len(closes):
            return f"its longest has {longest} {'step' if longest == 1 else 'steps'} to forecast"
        stretch = f"{f'from after {show(begins.min())} ' if len(begins) else ''}until {show(closes.max())}"
        span = f"the data reach from {show(first)} to {show(last)}"
        if first > closes.max():
            return f"at the fit it reached {stretch}, and {span}: after it; fit again with data that reach as far"
        if len(begins) and last <= begins.min():
            return (
                f"at the fit it reached {stretch}, and {span}: before it; judge them with part=all, or give newer data"
            )
        return f"at the fit it reached {stretch}, and {span}"
