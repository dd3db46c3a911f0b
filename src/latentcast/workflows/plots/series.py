"""What results keep of a panel to draw it: a stretch of up to eight series, and where values are missing."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from latentcast.data.panel.panel import Panel

MOST, STEPS = 8, 400
Values = NDArray[np.float64]


@dataclass(frozen=True)
class Stretch:
    """Consecutive steps of one series in original units; `missing` were not observed."""

    name: str
    times: Any
    values: Values
    missing: NDArray[np.bool_]


def ends(panel: Panel) -> tuple[Stretch, ...]:
    """The end of up to eight series."""
    return tuple(
        _stretch(panel, panel.values, item, channel, int(panel.offsets[item + 1])) for item, channel in _places(panel)
    )


def gaps(panel: Panel, values: Values) -> tuple[Stretch, ...]:
    """The surroundings of the last gap of up to eight series that have one; `values` [steps, channels] are filled."""
    found = []
    for item, channel in _places(panel, with_gaps=True):
        begin, end = map(int, panel.offsets[item : item + 2])
        last = begin + int(np.flatnonzero(~panel.observed[begin:end, channel])[-1])
        found.append(_stretch(panel, values, item, channel, min(last + STEPS // 4, end)))
    return tuple(found)


def _places(panel: Panel, *, with_gaps: bool = False) -> list[tuple[int, int]]:
    found: list[tuple[int, int]] = []
    for item in range(len(panel.ids)):
        rows = slice(*panel.offsets[item : item + 2])
        shown = ~panel.observed[rows].all(0) if with_gaps else np.ones(len(panel.channels), bool)
        found += [(item, int(channel)) for channel in np.flatnonzero(shown)]
        if len(found) >= MOST:
            break
    return found[:MOST]


def _stretch(panel: Panel, values: Values, item: int, channel: int, end: int) -> Stretch:
    rows = slice(max(end - STEPS, int(panel.offsets[item])), end)
    times = np.asarray(panel.clock.restore(panel.times[rows]))
    return Stretch(
        panel.series_name(item, channel), times, values[rows, channel].copy(), ~panel.observed[rows, channel]
    )


def around(chosen: NDArray[np.bool_]) -> list[slice]:
    """Each run of chosen steps with its neighbours, so that a single step is drawn as well."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], chosen.astype(np.int8), [0]])))
    return [slice(max(int(a) - 1, 0), int(b) + 1) for a, b in edges.reshape(-1, 2)]


def draw(path: Path, title: str, series: tuple[Stretch, ...], label: str | None) -> None:
    """Observed values of each series, and under `label` what stands in its gaps; None leaves the gaps open."""
    from latentcast.reporting.charts import draw_lines

    panels = {}
    for one in series:
        observed = np.where(one.missing, np.nan, one.values)
        runs = [] if label is None else [(one.times[run], one.values[run]) for run in around(one.missing)]
        panels[one.name] = (one.times, observed), {} if label is None else {label: runs}
    draw_lines(path, title, panels)
