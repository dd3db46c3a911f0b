"""Pictures: the end of each series and its forecast; error against compression."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.dates import AutoDateLocator, ConciseDateFormatter
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.transforms import Bbox
from numpy.typing import NDArray

from latentcast.data.panel import Panel
from latentcast.errors import CheckpointError, DataError
from latentcast.forecaster import Forecaster, open_data
from latentcast.mapping import HeatMap
from latentcast.reconstructing import Floor, Point

MOST = 8  # series drawn; a picture of hundreds shows none of them
WIDE, HIGH, DPI = 12.0, 3.0, 100  # inches of the whole picture and of one row of it
EXACT = 1e-9  # errors below it are those of rounding
PAST, FUTURE = "#2b2d42", "#d1495b"


def plot_forecast(forecaster: Forecaster, data: Any, forecast: Any, path: Path) -> None:
    """Draw up to eight series: their last steps, and `forecast`, which `forecaster.predict(data)` gave.

    Steps that the gap policy filled are left open. Raises DataError when the forecast is not of this data, and
    CheckpointError when the file cannot be written.
    """
    source, _ = open_data(data)
    panel = forecaster.panel(source)
    series = [(item, channel) for item in range(len(panel.ids)) for channel in forecaster.task.targets]
    horizon = forecaster.task.horizon
    if len(forecast) != len(series) * horizon:
        raise DataError(f"the forecast has {len(forecast)} rows, wanted {horizon} for each of {len(series)} series")
    steps = max(48, 3 * horizon, min(forecaster.task.lookback, 10 * horizon))
    values = np.asarray(forecast[forecaster.name], np.float64).reshape(-1, horizon)
    chosen = series[:MOST]
    figure, axes = _canvas(len(chosen))
    for number, (axis, (item, channel)) in enumerate(zip(axes, chosen, strict=True)):
        times, past = _last(panel, item, channel, steps)
        ahead = panel.frequency.after(times[-1:], horizon)[0]
        if not panel.frequency.integer:
            _dates(axis)
        _draw(axis, _local(forecaster, panel, times), past, _local(forecaster, panel, ahead), values[number])
        axis.set_title(_short(panel.series_name(item, channel)), loc="left", fontsize=11)
    history, future = axes[0].lines[:2]
    figure.legend([history, future], ["history", forecaster.name], loc="outside upper right", ncols=2, frameon=False)
    name = "the data" if source.name == "frame" else _short(source.name)
    left_out = f" (the first {len(chosen)} of {len(series)} series)" if len(series) > len(chosen) else ""
    ahead_of = f"{horizon} step{'s' if horizon > 1 else ''} beyond the end of {name}"
    figure.suptitle(f"{forecaster.name}: {ahead_of}{left_out}", x=0.01, ha="left")
    _save(figure, path)


def plot_floor(result: Floor, path: Path) -> None:
    """Draw error against the ratio, and against the numbers that are kept; points of one latent width are joined.

    Raises CheckpointError when the file cannot be written.
    """
    figure = Figure(figsize=(WIDE, 5.0), dpi=DPI, layout="constrained")
    left, right = figure.subplots(1, 2, sharey=True)
    errors = [e for p in result.points for e in (p.mse, p.linear_mse) if e is not None and e > EXACT]
    bottom = 0.5 * min(errors, default=1.0)  # where what is exact is marked, which this axis has no place for
    groups = _by_width(result.points)
    shades = _shades(len(groups))
    for axis in (left, right):
        axis.set_xscale("log", base=2)
        axis.set_yscale("log")
        axis.margins(x=0.12, y=0.1)
        _plain(axis)
    for shade, points in zip(shades, groups, strict=True):
        _curves(left, points, [p.total for p in points], shade, bottom)
        _curves(right, points, [p.rate for p in points], shade, bottom)
    left.set_xticks(sorted({p.total for p in result.points}), minor=False)
    left.xaxis.set_major_formatter(lambda value, _: f"{value:g}×")
    right.xaxis.set_major_formatter(lambda value, _: f"{value:g}")
    for axis in (left.yaxis, right.yaxis):
        axis.set_major_formatter(lambda value, _: f"{value:g}")
        axis.set_minor_formatter(lambda value, _: f"{value:.1g}" if f"{value:e}"[0] in "25" else "")
    if right.get_xlim()[0] < 1 < right.get_xlim()[1]:
        right.axvline(1, color="0.4", linewidth=1, linestyle=":", zorder=1)
        right.text(1.04, 0.02, "more kept than given", transform=right.get_xaxis_transform(), fontsize=8, color="0.4")
    left.set_xlabel("steps that become one latent")
    right.set_xlabel("numbers kept for each number of the window")
    left.set_ylabel("MSE of the validation part, standardised units")
    model = [Line2D([], [], color=shade, marker="o", label=f"latent of {points[0].latent_dim}")
             for shade, points in zip(shades, groups, strict=True)]  # fmt: skip
    code = Line2D([], [], color=PAST, linestyle="--", marker="s", markersize=4, linewidth=1,
                  label="as many principal components")  # fmt: skip
    exact = Line2D([], [], color=PAST, linestyle="", marker="v", label="the same, exact")
    figure.legend(handles=[*model, code, exact], loc="outside lower center", ncols=5, frameon=False)
    title = (
        f"{result.model} on {_short(result.data)}: encode → decode alone, windows of {result.lookback} steps"
        f" × {result.channels} channels, {result.max_steps} training steps"
    )
    figure.suptitle(title, x=0.01, ha="left")
    figure.draw_without_rendering()  # where everything stands is known from here on
    figure.set_layout_engine("none")
    every = [(p, shade) for shade, points in zip(shades, groups, strict=True) for p in points]
    alone = {points[0].label for points in groups if len(points) == 1}
    _write(left, [(p.label, p.total, p.mse, shade) for p, shade in every if p.label in alone])
    _write(right, [(p.label.split(" to ")[0], p.rate, p.mse, shade) for p, shade in every])
    _save(figure, path)


def plot_heat_map(result: HeatMap, path: Path, most: int = 30) -> None:
    """Patches, oldest first, against the prototypes that they take most from, named by their nearest words; the mean
    over heads. Raises CheckpointError when the file cannot be written.
    """
    chosen = result.top(most)
    weights = result.weights.mean(0)[:, chosen]
    figure = Figure(figsize=(WIDE, 2.2 + 0.12 * len(weights)), dpi=DPI, layout="constrained")
    axis = figure.subplots()
    image = axis.imshow(weights, aspect="auto", cmap="viridis", interpolation="nearest", vmin=0)
    labels = [" ".join(_drawable(_short(word, 12)) for word in result.words[i]) for i in chosen]
    axis.set_xticks(range(len(chosen)), labels, rotation=90, fontsize=7)
    axis.set_ylabel("patch, oldest first")
    share = float(result.weights.mean((0, 1))[chosen].sum())
    axis.set_title(
        f"{_short(result.series)}: the {len(chosen)} of {len(result.words)} prototypes that patches take most from"
        f" ({share:.0%} of all attention)",
        fontsize=10,
        loc="left",
    )
    figure.colorbar(image, ax=axis, label="mean attention")
    _save(figure, path)


def _drawable(word: str) -> str:
    """What the font of the picture has no sign for is a dot; a dollar is no formula."""
    return "".join(sign if ord(sign) < 0x250 else "·" for sign in word).replace("$", r"\$")


def _curves(axis: Axes, points: Sequence[Point], xs: Sequence[float], shade: Any, bottom: float) -> None:
    """The model's errors, and those of the linear code that can be told from zero; the others at the bottom."""
    axis.plot(xs, [p.mse for p in points], "o-", color=shade, markersize=6)
    linear = [(x, p.linear_mse) for x, p in zip(xs, points, strict=True) if p.linear_mse is not None]
    there = [(x, error) for x, error in linear if error > EXACT]
    axis.plot([x for x, _ in there], [error for _, error in there], "s--", color=shade, markersize=4, linewidth=1)
    exact = [x for x, error in linear if error <= EXACT]
    axis.plot(exact, [bottom] * len(exact), "v", color=PAST)


def _shades(count: int) -> list[Any]:
    """From light to dark: wider latents are darker."""
    return [colormaps["plasma_r"](x) for x in np.linspace(0.25, 0.85, count)] if count > 1 else [FUTURE]


def _by_width(points: Sequence[Point]) -> list[list[Point]]:
    """Points of one latent width together, from weak to strong compression."""
    widths = sorted({point.latent_dim for point in points})
    return [sorted((p for p in points if p.latent_dim == width), key=lambda p: p.total) for width in widths]


def _write(axis: Axes, labels: Sequence[tuple[str, float, float, Any]]) -> None:
    """Each text beside its point (text, x, y, colour), at the first of several places that nothing else takes."""
    paths = [line.get_transform().transform(line.get_xydata()) for line in axis.lines]
    taken = [Bbox.from_bounds(x - 5, y - 5, 10, 10) for path in paths for x, y in path]
    for path in paths:  # and what lies on the lines between
        between = [path[:-1] + part * np.diff(path, axis=0) for part in np.linspace(0.05, 0.95, 19)]
        taken += [Bbox.from_bounds(x, y, 1, 1) for x, y in np.concatenate(between)]
    for text, x, y, shade in labels:
        drawn = axis.annotate(text, (x, y), xytext=(0, 0), textcoords="offset pixels", ha="center", va="center",
                              fontsize=9, color=shade)  # fmt: skip
        box = drawn.get_window_extent()
        far = box.width / 2 + 9
        places = [(0, 14), (0, -14), (far, 0), (-far, 0), (far, 12), (-far, 12), (far, -12), (-far, -12), (0, 27)]
        boxes = [box.translated(*place) for place in places]
        free = [
            n
            for n, b in enumerate(boxes)
            if axis.bbox.x1 > b.x1 and axis.bbox.x0 < b.x0 and not b.count_overlaps(taken)
        ]
        chosen = free[0] if free else 0
        drawn.set_position(places[chosen])
        taken.append(boxes[chosen])


def _save(figure: Figure, path: Path) -> None:
    try:
        figure.savefig(path)
    except OSError as error:
        raise CheckpointError(f"{path} cannot be written: {error.strerror or error}") from error


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


def _local(forecaster: Forecaster, panel: Panel, times: NDArray[Any]) -> NDArray[Any]:
    """Stamps as the clocks of their own time zone show them."""
    stamps = forecaster.stamps(panel, times)
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
    _plain(axis)


def _plain(axis: Axes) -> None:
    axis.grid(color="0.92", linewidth=0.8)
    axis.set_axisbelow(True)
    axis.spines[["top", "right"]].set_visible(False)
    axis.tick_params(labelsize=9)


def _dates(axis: Axes) -> None:
    locator = AutoDateLocator(minticks=3, maxticks=8)
    axis.xaxis.set_major_locator(locator)
    axis.xaxis.set_major_formatter(ConciseDateFormatter(locator))


def _short(name: str, most: int = 60) -> str:
    """A name as it is, for matplotlib would read dollars as mathematics."""
    name = name if len(name) <= most else name[: most - 1] + "…"
    return name.replace("$", r"\$")
