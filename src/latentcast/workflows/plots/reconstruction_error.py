"""Error against compression."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.transforms import Bbox

from latentcast.reporting.figures import DPI, FUTURE, PAST, WIDE, plain_axes, save
from latentcast.workflows.compression_point import Point

EXACT = 1e-9  # errors below it are those of rounding


def plot_floor(title: str, every_point: Sequence[Point], path: Path) -> None:
    """Draw error against the ratio, and against the numbers that are kept; points of one latent width are joined.

    Raises CheckpointError when the file cannot be written.
    """
    figure = Figure(figsize=(WIDE, 5.0), dpi=DPI, layout="constrained")
    left, right = figure.subplots(1, 2, sharey=True)
    errors = [e for p in every_point for e in (p.mse, p.linear_mse) if e is not None and e > EXACT]
    bottom = 0.5 * min(errors, default=1.0)  # where what is exact is marked, which this axis has no place for
    groups = _by_width(every_point)
    shades = _shades(len(groups))
    for axis in (left, right):
        axis.set_xscale("log", base=2)
        axis.set_yscale("log")
        axis.margins(x=0.12, y=0.1)
        plain_axes(axis)
    for shade, points in zip(shades, groups, strict=True):
        _curves(left, points, [p.total for p in points], shade, bottom)
        _curves(right, points, [p.rate for p in points], shade, bottom)
    left.set_xticks(sorted({p.total for p in every_point}), minor=False)
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
    figure.suptitle(title, x=0.01, ha="left")
    figure.draw_without_rendering()  # where everything stands is known from here on
    figure.set_layout_engine("none")
    every = [(p, shade) for shade, points in zip(shades, groups, strict=True) for p in points]
    alone = {points[0].label for points in groups if len(points) == 1}
    _write(left, [(p.label, p.total, p.mse, shade) for p, shade in every if p.label in alone])
    _write(right, [(p.label.split(" to ")[0], p.rate, p.mse, shade) for p, shade in every])
    save(figure, path)


def _curves(axis: Axes, points: Sequence[Point], xs: Sequence[float], shade: Any, bottom: float) -> None:
    """The model's errors, and those of the linear code that differ from zero; the others at the bottom."""
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
