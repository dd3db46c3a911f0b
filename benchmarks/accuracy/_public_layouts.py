"""Series of public leaderboards where they lie on disk: folders of GIFT-Eval, and tables of fev.

GIFT-Eval keeps each dataset as a folder of Arrow files with the columns item_id, start, freq and target (a list for
each series, or a list of lists for several channels). fev keeps one row a series in Parquet: id, timestamp and one
column of lists for each target.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from latentcast.core.errors import DataError

TEST_SHARE, MOST_WINDOWS = 0.1, 20
TERMS = {"short": 1, "medium": 10, "long": 15}
STEPS = {"M": 12, "W": 8, "D": 30, "H": 48, "T": 48, "S": 60}
STEPS_OF_M4 = {"A": 6, "Q": 8, "M": 18, "W": 13, "D": 14, "H": 48}
SEASONS = {"S": 3600, "T": 1440, "H": 24, "D": 1, "B": 5, "W": 1, "M": 12, "Q": 4, "A": 1}  # that scale MASE
OWN_SEASONS = {**SEASONS, "S": 60, "D": 7, "W": 52}  # that the generalist is given
LETTERS = {"h": "H", "min": "T", "s": "S", "Y": "A", "YE": "A", "ME": "M", "MS": "M", "QE": "Q", "QS": "Q"}


@dataclass(frozen=True)
class Item:
    """One series: its name, frequency and values [channel, time], NaN where nothing was observed."""

    name: str
    freq: str
    values: NDArray[np.float64]


@dataclass(frozen=True)
class Cut:
    """A window of one channel: what is read, and what follows."""

    name: str
    past: NDArray[np.float64]
    future: NDArray[np.float64]


def letter(freq: str) -> tuple[int, str]:
    """(multiple, unit) of a frequency: 15T, 15min → (15, "T"); W-SUN → (1, "W")."""
    plain = freq.split("-")[0]
    digits = "".join(part for part in plain if part.isdigit())
    unit = plain[len(digits) :]
    return int(digits or 1), LETTERS.get(unit, unit)


def season_of(freq: str, seasons: dict[str, int]) -> int:
    """Steps of a season; 1 where a multiple of the unit divides none, or the unit is not known."""
    multiple, unit = letter(freq)
    whole = seasons.get(unit, 1)
    return whole // multiple if whole % multiple == 0 else 1


def read_gift(folder: Path) -> list[Item]:
    """The series of a dataset of GIFT-Eval. Raises DataError without Arrow files, or without the columns."""
    files = sorted(folder.glob("*.arrow"))
    if not files:
        raise DataError(f"{folder} holds no .arrow file: wanted the folder of one dataset, as m4_weekly or ett1/H")
    found = []
    for file in files:
        table = _arrow(file)
        if missing := {"item_id", "freq", "target"} - set(table.column_names):
            raise DataError(f"{file} lacks the columns {', '.join(sorted(missing))}: wanted a dataset of GIFT-Eval")
        for row in table.select(["item_id", "freq", "target"]).to_pylist():
            values = np.atleast_2d(np.array(row["target"], np.float64))
            found.append(Item(str(row["item_id"]), str(row["freq"]), values))
    return found


def _arrow(file: Path) -> pa.Table:
    with pa.memory_map(str(file)) as source:
        try:
            return pa.ipc.open_stream(source).read_all()
        except pa.ArrowInvalid:
            source.seek(0)
            return pa.ipc.open_file(source).read_all()


def read_fev(file: Path, freq: str, target: str = "target", name: str = "id") -> list[Item]:
    """The series of a table of fev. Raises DataError without the columns."""
    table = pq.read_table(file)
    if missing := {name, target} - set(table.column_names):
        raise DataError(f"{file} lacks the columns {', '.join(sorted(missing))}: wanted one row of lists a series")
    rows = zip(table[name].to_pylist(), table[target].to_pylist(), strict=True)
    return [Item(str(key), freq, np.array(values, np.float64)[None]) for key, values in rows]


def gift_steps(name: str, items: list[Item], term: str) -> tuple[int, int]:
    """(horizon, windows) of a dataset of GIFT-Eval."""
    m4 = "m4" in name
    steps = (STEPS_OF_M4 if m4 else STEPS)[letter(items[0].freq)[1]] * TERMS[term]
    shortest = min(item.values.shape[1] for item in items)
    return steps, 1 if m4 else min(max(1, math.ceil(TEST_SHARE * shortest / steps)), MOST_WINDOWS)


def cuts(items: list[Item], horizon: int, windows: int) -> Iterator[Cut]:
    """The last windows of every channel, one after the other, without overlap."""
    for item in items:
        for channel, values in enumerate(item.values):
            name = item.name if len(item.values) == 1 else f"{item.name}_dim{channel}"
            for number in range(windows, 0, -1):
                origin = len(values) - number * horizon
                if origin > 0:
                    yield Cut(name, values[:origin], values[origin : origin + horizon])
