"""Findings: what a part of a network reports about one window, as named numbers and a sentence.

A part or a model that can report offers `findings` (`Explains`). It is called with what its `forward` was
given and the window's names, and knows nothing of pages; the page (`explain/page.py`) draws findings and knows no part.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

Kind = Literal["lines", "bars", "heat", "table", "text"]
Array = NDArray[np.float64]
MOST = 24  # rows or columns of a figure in which each has a name: more cannot be read


@dataclass(frozen=True)
class Finding:
    """One figure, table or text.

    section   the heading that it stands under; findings of one section stand together
    sentence  what the figure shows, and how to read it
    kind      lines: values [rows, columns], one line each, NaN where there is none
              bars: values [rows]
              heat: values [rows, columns]; colours from 0, or on both sides of it where some are below
              table: `texts`, one row of cells for each of rows, below the names in columns
              text: `texts`, one text for each of rows
    across, down, measure   what columns, rows and values are
    each_row  of heat: every row has colours of its own, from 0 to its largest value
    bands     of lines: (name, lo, hi) around the last line, each [columns], the widest first
    since     of lines: the column that the forecast begins at
    shade     of lines: [columns] from 0, a background; larger values are darker
    facts     the same for programs: plain values by name
    part      place in the network; filled in by the caller
    """

    section: str
    title: str
    sentence: str
    kind: Kind
    rows: tuple[str, ...] = ()
    columns: tuple[str, ...] = ()
    values: Array | None = None
    texts: tuple[tuple[str, ...], ...] = ()
    across: str = ""
    down: str = ""
    measure: str = ""
    each_row: bool = False
    bands: tuple[tuple[str, Array, Array], ...] = ()
    since: int | None = None
    shade: Array | None = None
    facts: Mapping[str, Any] = field(default_factory=dict)
    part: str = ""

    def __post_init__(self) -> None:
        """Raise ValueError where values and names disagree: a fault of the part."""
        rows, columns = len(self.rows), len(self.columns)
        wanted: tuple[int, ...]
        found: tuple[int, ...]
        if self.kind in ("table", "text"):
            wide = columns if self.kind == "table" else 1
            wanted, found = (rows, wide), (len(self.texts), len(self.texts[0]) if self.texts else wide)
        else:
            wanted = (rows,) if self.kind == "bars" else (rows, columns)
            found = () if self.values is None else self.values.shape
        if wanted != found:
            raise ValueError(f"{self.title}: {self.kind} of {wanted} names, with values of {found}")

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON, with None for missing numbers and without empty fields."""
        whole = {
            "section": self.section,
            "title": self.title,
            "sentence": self.sentence,
            "kind": self.kind,
            "part": self.part,
            "rows": list(self.rows),
            "columns": list(self.columns),
            "values": None if self.values is None else json_values(self.values),
            "texts": [list(row) for row in self.texts],
            "across": self.across,
            "down": self.down,
            "measure": self.measure,
            "each_row": self.each_row or None,
            "bands": [{"name": name, "lo": json_values(lo), "hi": json_values(hi)} for name, lo, hi in self.bands],
            "since": self.since,
            "shade": None if self.shade is None else json_values(self.shade),
            "facts": json_values(dict(self.facts)),
        }
        return {key: value for key, value in whole.items() if value not in (None, "", [], {})}


def json_values(value: Any) -> Any:
    """Convert arrays to lists, and NaN to None."""
    if isinstance(value, Mapping):
        return {str(key): json_values(one) for key, one in value.items()}
    if isinstance(value, np.ndarray | np.generic):
        value = value.tolist()
    if isinstance(value, list | tuple):
        return [json_values(one) for one in value]
    if isinstance(value, float) and not np.isfinite(value):
        return None
    return value


@dataclass(frozen=True)
class WindowLabels:
    """Names and stamps of the explained window; parts receive the window itself as a batch of one.

    channels  names of the channels of the batch, all of them
    drawn     channels to draw, the first in more detail; at least one
    targets   channels that are forecast
    past, ahead   stamps of look-back and horizon as text
    original  [horizon, channel] in the batch's units → the same in original units
    """

    channels: tuple[str, ...]
    drawn: tuple[int, ...]
    targets: tuple[int, ...]
    past: tuple[str, ...]
    ahead: tuple[str, ...]
    original: Callable[[Array], Array]

    def of_last(self, steps: int) -> "WindowLabels":
        """The labels for a part that reads only the last `steps` of the look-back, as a member of a hybrid may."""
        return replace(self, past=self.past[max(0, len(self.past) - steps) :])

    def of_series(self, count: int) -> tuple[list[int], tuple[str, ...]]:
        """Return (places, names) of the drawn series among `count`: channels, where each channel is a series."""
        if count != len(self.channels):
            return list(range(count))[:MOST], ("all channels",) * min(count, MOST)
        return list(self.drawn), tuple(self.channels[at] for at in self.drawn)


@runtime_checkable
class Explains(Protocol):
    """A module that reports findings about a window. `given` holds the arguments of its `forward` call."""

    def findings(self, shown: WindowLabels, *given: Any) -> Sequence[Finding]: ...
