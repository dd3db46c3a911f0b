"""SVG figures of a benchmark: accuracy against cost, and mean ranks with their critical difference."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullFormatter

from latentcast.reporting.figures import FUTURE, PAST, plain_axes, short, svg

WIDTH, HEIGHT = 10.0, 2.7  # inches of a figure, and of one row of panels
FRONT, BEHIND = FUTURE, "#8d99ae"
FAR = 1.6  # axis limit as a multiple of the least error


@dataclass(frozen=True)
class Spot:
    """One model: its number in the page's list, what it costs, its error, and the standard deviation of that over
    seeds."""

    number: int
    cost: float
    error: float
    sd: float | None = None


def front(spots: Sequence[Spot]) -> list[Spot]:
    """Return the Pareto front of cost and error, cheapest first."""
    found: list[Spot] = []
    for spot in sorted(spots, key=lambda s: (s.cost, s.error)):
        if not found or spot.error < found[-1].error:
            found.append(spot)
    return found


def draw_costs(rows: Sequence[tuple[str, Sequence[tuple[str, Sequence[Spot]]]]], error: str) -> str:
    """SVG: one row of panels a cost (its label, then each panel's title and spots); the front is joined.

    Costs are on a logarithmic axis; one of zero (nothing was trained) is drawn at its left edge. An error of more than
    FAR times the least is a triangle at the upper edge.
    """
    columns = max(len(panels) for _, panels in rows)
    figure = Figure(figsize=(WIDTH, HEIGHT * len(rows)), layout="constrained")
    axes = figure.subplots(len(rows), columns, squeeze=False, sharey="col")
    for (label, panels), line in zip(rows, axes, strict=True):
        for axis in line[len(panels) :]:
            axis.set_visible(False)
        least = min((s.cost for _, spots in panels for s in spots if s.cost > 0), default=1.0) / 3
        for column, ((title, spots), axis) in enumerate(zip(panels, line, strict=False)):
            plain_axes(axis)
            axis.set_xscale("log")
            axis.xaxis.set_major_locator(LogLocator(subs=(1.0, 3.0), numticks=6))
            axis.xaxis.set_major_formatter(FuncFormatter(_count))
            axis.xaxis.set_minor_formatter(NullFormatter())
            axis.yaxis.set_major_locator(MaxNLocator(5))
            axis.set_title(short(title), fontsize=9, loc="left")
            axis.set_xlabel(label, fontsize=8)
            axis.tick_params(labelsize=8)
            axis.margins(0.12)
            if column == 0:
                axis.set_ylabel(error, fontsize=8)
            best = front(spots)
            top = FAR * min(spot.error for spot in spots)
            near = [spot for spot in best if spot.error <= top]
            axis.plot([max(s.cost, least) for s in near], [s.error for s in near], color=FRONT, linewidth=1, zorder=2)
            for spot in spots:
                at, colour = max(spot.cost, least), FRONT if spot in best else BEHIND
                far = spot.error > top
                height = top if far else spot.error
                if spot.sd and not far:
                    axis.plot([at, at], [height - spot.sd, min(height + spot.sd, top)], color=colour, linewidth=1)
                axis.plot(at, height, "^" if far else "o", color=colour, markersize=12, alpha=0.85, zorder=3)
                axis.annotate(
                    str(spot.number), (at, height), ha="center", va="center_baseline", fontsize=7, color="white",
                    zorder=4,
                )  # fmt: skip
    return svg(figure)


def draw_ranks(models: Sequence[str], ranks: Sequence[float], critical: float | None) -> str:
    """SVG: mean ranks, best on top, each with half the critical difference to either side: two models whose bars do
    not overlap are distinguished; those that reach into the band of the best are not distinguishable from it."""
    figure = Figure(figsize=(WIDTH, 0.5 + 0.27 * len(models)), layout="constrained")
    axis = figure.subplots()
    plain_axes(axis)
    half = 0.0 if critical is None else critical / 2
    rows = np.arange(len(models))
    if half:
        axis.axvspan(ranks[0] - half, ranks[0] + half, color=FRONT, alpha=0.12, linewidth=0)
    for row, rank in zip(rows, ranks, strict=True):
        colour = FRONT if row == 0 or (half and rank - ranks[0] < critical) else PAST  # type: ignore[operator]
        axis.plot([rank - half, rank + half], [row, row], color=colour, linewidth=2)
        axis.plot(rank, row, "o", color=colour, markersize=6)
    axis.set_yticks(rows, [short(m) for m in models], fontsize=9)
    axis.set_ylim(len(models) - 0.5, -0.5)
    axis.set_xlim(0.5, len(models) + 0.5)
    axis.set_xlabel("mean rank, 1 is best", fontsize=9)
    return svg(figure)


def _count(value: float, _: int) -> str:
    for size, letter in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if value >= size:
            return f"{value / size:g}{letter}"
    return f"{value:g}"
