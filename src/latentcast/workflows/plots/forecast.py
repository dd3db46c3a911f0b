"""The end of each series and its forecast."""

from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from latentcast.core.errors import DataError
from latentcast.data.panel.panel import Panel
from latentcast.data.sources.open import open_data
from latentcast.forecaster.forecaster import Forecaster
from latentcast.forecaster.inputs import read_panel
from latentcast.reporting.figures import DPI, FUTURE, HIGH, PAST, WIDE, dates, plain_axes, save, short

MOST = 8  # series drawn; a picture of hundreds shows none of them


def plot_forecast(forecaster: Forecaster, data: Any, forecast: Any, path: Path) -> None:
    """Draw up to eight series: their last steps, and `forecast`, which `forecaster.predict(data)` gave, with the
    intervals in it as bands, the narrowest the darkest.

    Steps that the gap policy filled are left open. Raises DataError when the forecast is not of this data, and
    CheckpointError when the file cannot be written.
    """
    source, _ = open_data(data)
    panel = read_panel(forecaster, source)
    series = [(item, channel) for item in range(len(panel.ids)) for channel in forecaster.task.targets]
    ids = np.asarray(forecast["unique_id"])
    horizon = int((ids == ids[0]).sum()) if len(ids) else forecaster.task.horizon
    if len(forecast) != len(series) * horizon:
        raise DataError(f"the forecast has {len(forecast)} rows, wanted {horizon} for each of {len(series)} series")
    steps = max(48, 3 * horizon, min(forecaster.task.lookback, 10 * horizon))
    values = np.asarray(forecast[forecaster.name], np.float64).reshape(-1, horizon)
    bands = _bands(forecaster.name, forecast, horizon)
    chosen = series[:MOST]
    figure, axes = _canvas(len(chosen))
    for number, (axis, (item, channel)) in enumerate(zip(axes, chosen, strict=True)):
        times, past = _last(panel, item, channel, steps)
        ahead = panel.frequency.after(times[-1:], horizon)[0]
        if not panel.frequency.integer:
            dates(axis)
        _draw(axis, _local(panel, times), past, _local(panel, ahead), values[number])
        for shade, (_, lo, hi) in enumerate(bands):
            _band(axis, _local(panel, ahead), lo[number], hi[number], 0.12 + 0.16 * shade / len(bands))
        axis.set_title(short(panel.series_name(item, channel)), loc="left", fontsize=11)
    history, future = axes[0].lines[:2]
    shown = [history, future, *axes[0].collections]
    names = ["history", forecaster.name, *(f"{level} %" for level, _, _ in bands)]
    figure.legend(shown, names, loc="outside upper right", ncols=len(names), frameon=False)
    name = "the data" if source.name == "frame" else short(source.name)
    left_out = f" (the first {len(chosen)} of {len(series)} series)" if len(series) > len(chosen) else ""
    ahead_of = f"{horizon} step{'s' if horizon > 1 else ''} beyond the end of {name}"
    figure.suptitle(f"{forecaster.name}: {ahead_of}{left_out}", x=0.01, ha="left")
    save(figure, path)


def _canvas(count: int) -> tuple[Figure, list[Axes]]:
    """One column for up to three series, else two."""
    columns = 1 if count <= 3 else 2
    rows = -(-count // columns)
    figure = Figure(figsize=(WIDE, HIGH * rows + 0.4), dpi=DPI, layout="constrained")
    return figure, [figure.add_subplot(rows, columns, number + 1) for number in range(count)]


def _last(panel: Panel, item: int, channel: int, steps: int) -> tuple[NDArray[Any], NDArray[np.float64]]:
    """Stamps and values of the last steps of a series; NaN where nothing was observed."""
    end = panel.offsets[item + 1]
    span = slice(max(panel.offsets[item], end - steps), end)
    return panel.times[span], np.where(panel.observed[span, channel], panel.values[span, channel], np.nan)


def _local(panel: Panel, times: NDArray[Any]) -> NDArray[Any]:
    """Stamps as the clocks of their own time zone show them."""
    stamps = panel.clock.restore(times)
    return times if panel.zone is None else stamps.dt.tz_localize(None).to_numpy()


def _draw(axis: Axes, times: Any, past: NDArray[np.float64], ahead: Any, values: NDArray[np.float64]) -> None:
    """The forecast is joined to the last observation, so that it is seen to go on from there."""
    alone = ~np.isnan(past) & np.isnan(np.r_[np.nan, past[:-1]]) & np.isnan(np.r_[past[1:], np.nan])
    axis.plot(times, past, color=PAST, linewidth=1.3)
    seen = np.flatnonzero(~np.isnan(past))[-1:]
    axis.plot(np.r_[times[seen], ahead], np.r_[past[seen], values], color=FUTURE, linewidth=1.8)
    axis.plot(times[alone], past[alone], ".", color=PAST, markersize=3)  # between two gaps there is no line
    if len(values) == 1:
        axis.plot(ahead, values, ".", color=FUTURE)
    axis.axvline(times[-1], color="0.6", linewidth=0.8, linestyle=":")
    axis.margins(x=0.01)
    plain_axes(axis)


Bands = list[tuple[str, NDArray[np.float64], NDArray[np.float64]]]


def _bands(name: str, forecast: Any, horizon: int) -> Bands:
    """(level, lo, hi) of the intervals in a forecast, each [series, horizon], the widest first."""
    prefix = f"{name}-lo-"
    levels = sorted((c.removeprefix(prefix) for c in forecast.columns if c.startswith(prefix)), key=float, reverse=True)

    def values(end: str, level: str) -> NDArray[np.float64]:
        return np.asarray(forecast[f"{name}-{end}-{level}"], np.float64).reshape(-1, horizon)

    return [(level, values("lo", level), values("hi", level)) for level in levels]


def _band(axis: Axes, ahead: Any, lo: NDArray[np.float64], hi: NDArray[np.float64], opacity: float) -> None:
    if len(lo) == 1:  # an area of one step has no width
        axis.vlines(ahead, lo, hi, color=FUTURE, alpha=min(1.0, 3 * opacity), linewidth=3)
    else:
        axis.fill_between(ahead, lo, hi, color=FUTURE, alpha=opacity, linewidth=0)
