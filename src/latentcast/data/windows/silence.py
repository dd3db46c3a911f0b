"""Replace look-backs without any observed value by the last observed stretch of the series."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from latentcast.core.notes import Note, NoteCode
from latentcast.data.panel.panel import Panel


def last_observed(observed: NDArray[np.bool_], offsets: NDArray[np.int64]) -> NDArray[np.int64]:
    """[steps, channels], the last observed step of the same item up to each step; -1 where there is none yet."""
    steps = np.arange(len(observed))[:, None]
    last = np.maximum.accumulate(np.where(observed, steps, -1), axis=0)
    return np.where(last >= np.repeat(offsets[:-1], np.diff(offsets))[:, None], last, -1)


def silent_steps(
    panel: Panel, starts: NDArray[np.int64], lookback: int, channels: tuple[int, ...]
) -> NDArray[np.int64]:
    """[windows, channels] steps since the last observed one where a look-back holds none; else 0.

    0 also where a series was never observed before the origin.
    """
    end = starts + lookback - 1
    if panel.complete:
        return np.zeros((len(starts), len(channels)), np.int64)
    last = last_observed(panel.observed, panel.offsets)[:, list(channels)][end]
    return np.where((last >= 0) & (last < starts[:, None]), end[:, None] - last, 0)


def silent_note(silent: NDArray[np.int64]) -> Note | None:
    """Note on the number of windows with a silent look-back (`silent` from `silent_steps`); None without any."""
    count = int((silent > 0).any(1).sum())
    if not count:
        return None
    have, their = ("has", "its") if count == 1 else ("have", "their")
    text = (
        f"{count} of {len(silent)} windows {have} a look-back without any observed value of a series: {their} forecasts"
        " continue from the last observed value"
    )
    return Note(text, NoteCode.EMPTY_LOOKBACK)


@dataclass(frozen=True)
class Silence:
    """Replaces silent look-backs by the stretch that ends with the last observed value.

    The stretch is shifted by whole seasons, so that every step keeps its phase. Fewer than `season` steps
    at its end may be missing; the gap policy fills these as any other gap.

    Attributes
    ----------
    values, observed
        [steps, channels] standardised values, and which of them were observed.
    offsets
        [items + 1] first step of each item.
    season
        Steps of one season.
    """

    values: NDArray[np.float32]
    observed: NDArray[np.bool_]
    offsets: NDArray[np.int64]
    season: int

    @cached_property
    def _last(self) -> NDArray[np.int64]:
        return last_observed(self.observed, self.offsets)

    def replace(
        self, past: NDArray[np.float32], seen: NDArray[np.bool_], starts: NDArray[np.int64]
    ) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
        """Look-backs and masks, both [windows, lookback, channels], with the silent ones replaced."""
        windows, channels = np.nonzero(~seen.any(1))
        if not len(windows):
            return past, seen
        lookback = past.shape[1]
        end = starts[windows] + lookback - 1
        last = self._last[end, channels]
        known = last >= 0
        windows, channels, end, last = windows[known], channels[known], end[known], last[known]
        gap = end - last
        late = gap % max(self.season, 1)
        shift = gap - np.where(late < lookback, late, 0)
        steps = (starts[windows] - shift)[:, None] + np.arange(lookback)
        begin = self.offsets[np.searchsorted(self.offsets, end, side="right") - 1]
        there = steps >= begin[:, None]
        steps = np.maximum(steps, begin[:, None])
        past, seen = past.copy(), seen.copy()
        at = windows, slice(None), channels
        past[at] = self.values[steps, channels[:, None]] * there
        seen[at] = self.observed[steps, channels[:, None]] & there
        return past, seen
