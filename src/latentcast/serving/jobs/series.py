"""Histories and forecasts of all series of a job, as arrays of which a server reads one series at a time."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.lib.format import open_memmap
from numpy.typing import NDArray

from latentcast.data.panel.panel import Panel

FOLDER, INDEX, LEVELS = "series", "series.json", "levels.json"
LONGEST = 4000  # steps of a history that are sent, the last ones
Array = NDArray[np.float64]


@dataclass(frozen=True)
class Ahead:
    """Forecasts of every series: values [series, horizon], and (level, lo, hi) of each interval, the widest first."""

    values: Array
    bands: tuple[tuple[str, Array, Array], ...] = ()


def write_series(folder: Path, panel: Panel, targets: Sequence[int], ahead: Ahead | None = None) -> None:
    """Write what `read_series` reads. Series are in the order of forecasts: item after item, channel after channel."""
    place = folder / FOLDER
    place.mkdir()
    columns = list(targets)
    seen = np.where(panel.observed[:, columns], panel.values[:, columns], np.nan)
    np.save(place / "times.npy", _wall_clock(panel, panel.times))
    np.save(place / "values.npy", seen)
    np.save(place / "offsets.npy", panel.offsets)
    index: dict[str, Any] = {
        "ids": [panel.series_name(item, column) for item in range(len(panel.ids)) for column in columns],
        "last": _numbers(_last_seen(seen, panel.offsets).ravel()),
        "time": not panel.frequency.integer,
        "levels": [],
    }
    if ahead is not None:
        future = panel.future_times(ahead.values.shape[1])
        np.save(place / "future.npy", np.stack([_wall_clock(panel, row) for row in future]))
        np.save(place / "ahead.npy", np.stack([ahead.values, *(end for _, *ends in ahead.bands for end in ends)]))
        index |= {"levels": [level for level, _, _ in ahead.bands], "end": _numbers(ahead.values[:, -1])}
    (place / LEVELS).write_text(json.dumps(index["levels"]), encoding="utf-8")
    (folder / INDEX).write_text(json.dumps(index, allow_nan=False), encoding="utf-8")


def read_series(folder: Path, number: int, steps: int = LONGEST) -> dict[str, Any]:
    """One series as plain values: `t`, `y` of its last steps, and `ahead`: `t`, `y`, and `bands` with `lo` and `hi`.

    Stamps are seconds since 1970 of the wall clock, or numbers of steps. Raises IndexError for an unknown number.
    """
    place = folder / FOLDER
    values = _array(place / "values.npy")
    offsets = _array(place / "offsets.npy")
    width = values.shape[1]
    if not 0 <= number < width * (len(offsets) - 1):
        raise IndexError(number)
    item, column = divmod(number, width)
    begin, end = int(offsets[item]), int(offsets[item + 1])
    begin = max(begin, end - steps)
    times = _array(place / "times.npy")[begin:end]
    found: dict[str, Any] = {"t": times.tolist(), "y": _numbers(values[begin:end, column])}
    found["left_out"] = begin - int(offsets[item])
    if (place / "ahead.npy").exists():
        levels = json.loads((place / LEVELS).read_text(encoding="utf-8"))
        point, *ends = _array(place / "ahead.npy")[:, number]
        bands = [
            {"level": level, "lo": _numbers(ends[2 * at]), "hi": _numbers(ends[2 * at + 1])}
            for at, level in enumerate(levels)
        ]
        future = _array(place / "future.npy")[item]
        found["ahead"] = {"t": future.tolist(), "y": _numbers(point), "bands": bands}
    return found


def _last_seen(values: Array, offsets: NDArray[np.int64]) -> Array:
    """[items, channels] the last observed value; NaN where there is none."""
    steps = np.where(np.isnan(values), -1, np.arange(len(values))[:, None])
    at = np.maximum.reduceat(steps, offsets[:-1], axis=0)
    return np.where(at < offsets[:-1, None], np.nan, np.take_along_axis(values, np.maximum(at, 0), axis=0))


def _wall_clock(panel: Panel, times: NDArray[Any]) -> NDArray[Any]:
    """Seconds since 1970 as the clocks of the data's own zone show them; numbers of steps as they are."""
    if not np.issubdtype(times.dtype, np.datetime64):
        return np.asarray(times, np.int64)
    if panel.zone is not None:
        times = panel.clock.restore(times).dt.tz_localize(None).to_numpy()
    return np.asarray(times.astype("datetime64[ms]").astype(np.int64) / 1000)


def _numbers(values: Array) -> list[float | None]:
    """Seven significant digits, which JSON holds shortly; None where there is no number."""
    return [None if value != value else float(f"{value:.7g}") for value in values.tolist()]


def _array(path: Path) -> NDArray[Any]:
    """A saved array where it lies; this reader takes no pickled objects."""
    return open_memmap(path, mode="r")
