"""The page of a study: its trials, which settings mattered, and the trials as lines over the settings."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from latentcast.reporting.figures import FUTURE, PAST, WIDE, plain_axes, short, svg
from latentcast.reporting.html import drawing, render

BEST = 0.25  # share of the trials that is drawn in colour
DPI = 100
LABEL = {"facecolor": "white", "edgecolor": "none", "pad": 1.0, "alpha": 0.85}


def importance_figure(importance: Mapping[str, float]) -> Figure:
    """Bars, the most important setting on top."""
    names = sorted(importance, key=lambda name: importance[name])
    figure = Figure(figsize=(WIDE * 0.7, 0.9 + 0.35 * len(names)), dpi=DPI, layout="constrained")
    axis = figure.add_subplot()
    axis.barh([short(name) for name in names], [importance[name] for name in names], color=FUTURE, height=0.6)
    axis.set_xlabel("share of the variance of the errors")
    plain_axes(axis)
    return figure


def parallel_figure(history: pd.DataFrame, settings: Sequence[str]) -> Figure:
    """Every finished trial as a line over its settings and its error; the best ones in colour, dark is better."""
    done = history[history["state"] == "complete"]
    columns = [*settings, "validation MSE"]
    figure = Figure(figsize=(WIDE, 4.2), dpi=DPI, layout="constrained")
    axis = figure.add_subplot()
    heights = np.stack([_heights(axis, place, done[name]) for place, name in enumerate(columns)], axis=1)
    order = np.argsort(-done["validation MSE"].to_numpy(np.float64), kind="stable")  # the best is drawn last
    best = max(1, round(BEST * len(done)))
    for rank, row in enumerate(order):
        place = len(order) - 1 - rank
        shade = colormaps["plasma"](0.8 * place / max(1, best)) if place < best else "0.85"
        axis.plot(range(len(columns)), heights[row], color=shade, linewidth=2.2 if place == 0 else 1.1)
    axis.set_xticks(range(len(columns)), [short(name, 34) for name in columns], rotation=18, ha="right", fontsize=8)
    axis.set_yticks([])
    axis.set_xlim(-0.3, len(columns) - 0.4)
    axis.spines[["top", "right", "left", "bottom"]].set_visible(False)
    for place in range(len(columns)):
        axis.axvline(place, color=PAST, linewidth=0.7)
    return figure


def _heights(axis: Axes, place: int, values: pd.Series) -> Any:
    """Positions between 0 and 1 on one axis, whose ends or values are written beside it."""
    numbers = pd.to_numeric(values, errors="coerce")
    numeric = bool(numbers.notna().all()) and not values.map(lambda value: isinstance(value, bool)).any()
    if numeric and numbers.min() < numbers.max():
        low, high = float(numbers.min()), float(numbers.max())
        log = low > 0 and high / low > 20
        scaled = np.log(numbers) if log else numbers
        ends = (np.log(low), np.log(high)) if log else (low, high)
        marks = {0.0: f"{low:.3g}", 1.0: f"{high:.3g}"}
        heights = ((scaled - ends[0]) / (ends[1] - ends[0])).to_numpy(np.float64)
    else:
        names = sorted(map(str, values.unique()))
        at = {name: 0.5 if len(names) == 1 else number / (len(names) - 1) for number, name in enumerate(names)}
        marks = {height: name for name, height in at.items()}
        heights = values.map(lambda value: at[str(value)]).to_numpy(np.float64)
    for height, text in marks.items():
        axis.text(place + 0.03, height, text, fontsize=7.5, va="center", color=PAST, bbox=LABEL)
    return heights


def page(title: str, facts: Mapping[str, str], history: pd.DataFrame, importance: Mapping[str, float]) -> str:
    """One file that needs no network."""
    settings = [column for column in history.columns if "." in column or column == "lookback"]
    drawings = []
    if importance:
        drawings.append(("Which settings mattered", drawing(svg(importance_figure(importance), "importance"))))
    if (history["state"] == "complete").any():
        drawings.append(("Trials over their settings", drawing(svg(parallel_figure(history, settings), "parallel"))))
    rows = [[_text(value) for value in row] for row in history.itertuples(index=False)]
    return render(
        "latentcast.benchmarking", "own/tune.html", title=title, facts=facts, drawings=drawings,
        heads=list(history.columns), rows=rows,
    )  # fmt: skip


def _text(value: Any) -> str:
    if isinstance(value, float):
        return "–" if value != value else f"{value:.5g}"
    return "" if value is None else str(value)
