"""Dated notes in words about events in the data, for models that read prompts."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

TEXT = "text"


@dataclass(frozen=True)
class Notes:
    """times [notes] ascending; items [notes] of which item each is, -1 of all; days: said without the time of day"""

    times: NDArray[Any]
    items: NDArray[np.int64]
    texts: tuple[str, ...]
    days: bool

    def within(self, item: int, first: Any, last: Any) -> str:
        """Return the notes of one window, from its first to its last known step, as text."""
        low, high = np.searchsorted(self.times, first), np.searchsorted(self.times, last, side="right")
        said = [
            f"{self._stamp(at)} {self.texts[at]}" for at in range(int(low), int(high)) if self.items[at] in (-1, item)
        ]
        return "; ".join(said)

    def _stamp(self, at: int) -> str:
        text = str(self.times[at])
        return text[:10] if self.days else text[:16].replace("T", " ")


def of_windows(
    notes: Notes | None, panel_times: NDArray[Any], starts: NDArray[np.int64], items: Iterable[int], lookback: int
) -> list[str] | None:
    """Return the notes of each window, by its look-back; None without any notes."""
    if notes is None:
        return None
    return [
        notes.within(item, panel_times[start], panel_times[start + lookback - 1])
        for start, item in zip(starts.tolist(), items, strict=True)
    ]
