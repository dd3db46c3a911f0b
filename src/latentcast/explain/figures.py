"""Draw findings as lines, bars and heat maps. The page lists their numbers next to them."""

import math
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib import colormaps
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from latentcast.core.findings import Array, Finding
from latentcast.reporting.figures import DPI, plain_axes, save, short, svg
from latentcast.reporting.html import escaped, printable

WIDE = 10.0  # inches; of text some 12 characters go in one
# Okabe and Ito 2008: distinguishable for the colour-blind; lines also differ in their dashes
COLOURS = ("#000000", "#d55e00", "#0072b2", "#009e73", "#cc79a7", "#e69f00", "#56b4e9")
DASHES = ("-", "-", (0, (5, 2)), (0, (1.5, 2)), (0, (6, 2, 1.5, 2)), (0, (1, 3)), (0, (9, 3)))
NUMBERED, COLUMNS = 150, 16  # cells, and columns, of a heat map that has its numbers in it
NARROW, EVEN = 0.5, 0.98  # shares of the largest value
DATED = re.compile(r"\d{4}-\d\d-\d\d")


def number(value: float) -> str:
    """Format with four significant digits."""
    return "–" if not math.isfinite(value) else f"{value:.4g}".replace("-", "−")


def draw(finding: Finding, name: str) -> str:
    """The SVG of lines, bars or heat; `name` is unique in the page."""
    figure = _drawn(finding)
    spoken = f'<svg role="img" aria-labelledby="{name}-title" aria-describedby="{name}-said"'
    drawn = svg(figure, name).replace("<svg", spoken, 1)
    return drawn.replace(">", f'><title id="{name}-title">{escaped(finding.title)}</title>', 1)


def save_picture(finding: Finding, path: Path) -> None:
    """Write lines, bars or heat as PNG, PDF or SVG. Raises SettingsError and CheckpointError."""
    figure = _drawn(finding)
    figure.suptitle(short(finding.title, 90), x=0.01, ha="left", fontsize=11)
    save(figure, path)


def _drawn(finding: Finding) -> Figure:
    figure = Figure(dpi=DPI, layout="constrained")
    {"lines": _lines, "bars": _bars, "heat": _heat}[finding.kind](finding, figure)
    return figure


def _label(text: str, most: int) -> str:
    return short(printable(text), most)


def _lines(finding: Finding, figure: Figure) -> None:
    values, names = finding.values, finding.columns
    assert values is not None
    figure.set_size_inches(WIDE, 2.8)
    axis, at, legend = figure.subplots(), np.arange(len(names)), list[Artist]()
    plain_axes(axis)
    if finding.shade is not None and finding.shade.max() > 0:
        _ground(axis, finding.shade)
    for depth, (name, lo, hi) in enumerate(finding.bands):
        shade: dict[str, Any] = {"color": COLOURS[1], "alpha": 0.16 + 0.14 * depth, "linewidth": 0}
        if np.isfinite(hi - lo).sum() == 1:  # an area of one step has no width
            axis.bar(at, hi - lo, bottom=lo, **shade)
        else:
            axis.fill_between(at, lo, hi, **shade)
        legend.append(Patch(label=name, **shade))
    if finding.since is not None:
        axis.axvline(finding.since - 0.5, color="0.4", linewidth=1, linestyle=":")
    for row, (name, line) in enumerate(zip(finding.rows, values, strict=True)):
        colour = COLOURS[row % len(COLOURS)]
        legend += axis.plot(at, line, color=colour, linestyle=DASHES[row % len(DASHES)], linewidth=1.4, label=name)
        there = np.isfinite(np.pad(line, 1, constant_values=np.nan))
        alone = there[1:-1] & ~there[:-2] & ~there[2:]  # no line goes to it
        axis.plot(at[alone], line[alone], "o", color=colour, markersize=3)
    axis.set_xlim(-0.5, max(len(names), 1) - 0.5)
    _dates(axis, names, 6 if any(len(name) > 10 for name in names) else 8)
    axis.set_ylabel(_label(finding.measure, 30), fontsize=9)
    if len(legend) > 1:
        labels = [" " + _label(str(one.get_label()), 34) for one in legend]  # the space: none begins with "_"
        axis.legend(
            legend, labels, loc="lower left", bbox_to_anchor=(0, 1), borderaxespad=0.2, ncols=5, fontsize=8.5,
            frameon=False,
        )  # fmt: skip


def _ground(axis: Axes, shade: Array) -> None:
    """Behind everything, the darker the larger."""
    edges = np.arange(len(shade) + 1) - 0.5
    axis.pcolormesh(
        edges, [0, 1], shade[None], cmap="Blues", vmin=0, vmax=1.6 * shade.max(), zorder=0, rasterized=True,
        transform=axis.get_xaxis_transform(),
    )  # fmt: skip


def _bars(finding: Finding, figure: Figure) -> None:
    assert finding.values is not None
    values = np.nan_to_num(finding.values)
    figure.set_size_inches(WIDE, 0.3 + 0.25 * len(values))
    axis, at = figure.subplots(), range(len(values))
    plain_axes(axis)
    bars = axis.barh(at, values, height=0.68, color=COLOURS[2])
    axis.bar_label(bars, [number(value) for value in values.tolist()], padding=4, fontsize=8.5)
    axis.axvline(0, color="0.4", linewidth=1)
    axis.set_yticks(at, [_label(name, 40) for name in finding.rows])
    axis.set_ylim(len(values) - 0.4, -0.6)
    axis.margins(x=0.08)
    axis.set_xticks([])  # the numbers say it
    axis.spines[["left", "bottom"]].set_visible(False)
    axis.tick_params(length=0)


def _heat(finding: Finding, figure: Figure) -> None:
    values = finding.values
    assert values is not None
    rows, columns = values.shape
    each = 0.25 if rows <= 16 else max(0.065, 4.0 / rows)
    figure.set_size_inches(WIDE, max(0.7 + each * rows, 1.3))
    axis = figure.subplots()
    shown = by_row(values) if finding.each_row else values
    low, most = ends(shown)
    colours = colormaps["RdBu_r" if low < 0 else "YlGnBu"].with_extremes(bad="0.78")
    image = axis.imshow(
        np.ma.masked_invalid(shown), cmap=colours, vmin=low, vmax=most, aspect="auto", interpolation="none"
    )
    every = max(1, math.ceil(0.13 / each))  # rows between labels
    axis.set_yticks(range(0, rows, every), [_label(name, 26) for name in finding.rows[::every]])
    labels = [_label(name, 30) for name in finding.columns]
    dated = all(DATED.match(name) or name.lstrip("-").isdigit() for name in finding.columns)
    if sum(map(len, labels)) < 90 - 2 * columns:
        axis.set_xticks(range(columns), labels)
    elif dated and columns > 8:
        _dates(axis, finding.columns, 6)
    else:
        axis.set_xticks(range(columns), labels, rotation=40, ha="right", rotation_mode="anchor")
    axis.tick_params(labelsize=9)
    axis.set_xlabel(_label(finding.across, 60), fontsize=9, color="0.35")
    axis.set_ylabel(_label(finding.down, 30), fontsize=9, color="0.35")
    if rows * columns <= NUMBERED and columns <= COLUMNS and rows <= 16:
        light = image.to_rgba(shown)[..., :3] @ np.array((0.299, 0.587, 0.114)) > 0.55
        for (row, at), value in np.ndenumerate(values):
            if np.isfinite(value):
                text = f"{value:.2g}" if abs(value) >= 0.01 else f"{value:.1g}"
                colour = "black" if light[row, at] else "white"
                axis.text(at, row, text, ha="center", va="center_baseline", fontsize=8, color=colour)
    bar = figure.colorbar(image, ax=axis, pad=0.01, fraction=0.03, aspect=12)
    bar.solids.set_rasterized(True)  # type: ignore[union-attr]  # 256 boxes otherwise
    bar.outline.set_visible(False)
    bar.ax.tick_params(labelsize=8)
    bar.set_label("of the row's most" if finding.each_row else _label(finding.measure, 24), fontsize=8.5)


def by_row(values: Array) -> Array:
    """Scale each row by its largest magnitude; a row of zeros is unchanged."""
    finite = np.where(np.isfinite(values), np.abs(values), 0.0).max(1, keepdims=True, initial=0.0)
    return np.asarray(values / np.where(finite > 0, finite, 1.0))


def ends(values: Array) -> tuple[float, float]:
    """What the colours go from and to: from 0 up, or to both sides of it where some are below.

    Where all lie far above 0 and yet differ, they begin at the least: differences would not be seen.
    """
    finite = values[np.isfinite(values)]
    most = float(np.abs(finite).max(initial=0.0))
    if most == 0:
        return 0.0, 1.0
    least = float(finite.min())
    return -most if least < 0 else least if NARROW * most < least < EVEN * most else 0.0, most


def _dates(axis: Axes, names: Sequence[str], most: int) -> None:
    found = places(names, most)
    axis.set_xticks([at for at, _ in found], [_label(name, 20) for _, name in found])


def places(names: Sequence[str], most: int = 8) -> list[tuple[int, str]]:
    """(place, text) of at most so many columns: of dates, where a year, a month, a day or an hour begins."""
    if len(names) <= most:
        return list(enumerate(names))
    if all(DATED.match(name) for name in names):
        for until in (4, 7, 10, 13):  # …of a stamp: year, month, day, hour
            new = [at for at in range(1, len(names)) if names[at][:until] != names[at - 1][:until]]
            if len(new) >= 3:
                return [(at, names[at][: max(until, 10) if until < 13 else 16]) for at in _thinned(new, most)]
    return [(at, names[at]) for at in _thinned(list(range(len(names))), most)]


def _thinned(at: list[int], most: int) -> list[int]:
    return at[:: -(-len(at) // most)]
