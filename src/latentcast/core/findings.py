"""What a part of a network says of one window: named numbers and a sentence, to be drawn as they come.

A part or a model that has something to say offers `findings` (`Explains`). It is called with what its `forward` was
given and the window's names, and knows nothing of pages; the page (`explaining`) draws what it gets and knows no part.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
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
    sentence  what is seen, and how it is to be read
    kind      lines: values [rows, columns], one line each, NaN where there is none
              bars: values [rows]
              heat: values [rows, columns]; colours from 0, or on both sides of it where some are below
              table: `texts`, one row of cells for each of rows, below the names in columns
              text: `texts`, one text for each of rows
    across, down, measure   what columns, rows and values are
    each_row  of heat: every row has colours of its own, from 0 to its largest value
    bands     of lines: (name, lo, hi) around the last line, each [columns], the widest first
    since     of lines: the column that the forecast begins at
    shade     of lines: [columns] from 0, a ground that is the darker the larger
    facts     the same for a program: plain values by name
    part      where in the network it was said; filled in by who asks
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
        """Raises ValueError where values and names do not agree: that is a mistake of the part."""
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
        """Plain values for JSON; None where a number is missing. What is empty is left out."""
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
    """Arrays as lists, numbers that are none as None."""
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
    """The window that is explained, as parts are told of it; they are given it as a batch of one.

    channels  names of the channels of the batch, all of them
    drawn     which of them are drawn, the first of them in more detail; at least one
    targets   which of them are forecast
    past, ahead   stamps of look-back and horizon as text
    original  [horizon, channel] in the batch's units → the same in original units
    """

    channels: tuple[str, ...]
    drawn: tuple[int, ...]
    targets: tuple[int, ...]
    past: tuple[str, ...]
    ahead: tuple[str, ...]
    original: Callable[[Array], Array]

    def of_series(self, count: int) -> tuple[list[int], tuple[str, ...]]:
        """(places, names) of those of `count` series that are drawn: channels where each is a series of its own."""
        if count != len(self.channels):
            return list(range(count))[:MOST], ("all channels",) * min(count, MOST)
        return list(self.drawn), tuple(self.channels[at] for at in self.drawn)


@runtime_checkable
class Explains(Protocol):
    """A module that has something to say of a window. `given` is what its `forward` was given of it."""

    def findings(self, shown: WindowLabels, *given: Any) -> Sequence[Finding]: ...
