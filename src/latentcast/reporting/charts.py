"""Plain pictures of results: grouped bars, and lines in panels."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from matplotlib import colormaps
from matplotlib.figure import Figure

from latentcast.reporting.figures import DPI, FUTURE, HIGH, PAST, WIDE, dates, plain_axes, save, short

Line = tuple[Any, Any]  # x and y
SHADES = (FUTURE, "0.6", PAST)
MOST_BARS = 60  # of a picture that is looked at as a whole


def draw_bars(path: Path, title: str, names: Sequence[str], groups: Mapping[str, Sequence[float]]) -> None:
    """Horizontal bars for each name, one of each group, with their values; shorter is better."""
    figure = Figure(figsize=(WIDE * 0.7, 1.0 + 0.32 * len(names) * len(groups)), dpi=DPI, layout="constrained")
    axis = figure.add_subplot()
    height = 0.8 / len(groups)
    shades = SHADES if len(groups) <= len(SHADES) else [colormaps["tab20"](n % 20) for n in range(len(groups))]
    for number, (label, values) in enumerate(groups.items()):
        places = [place + (number - (len(groups) - 1) / 2) * height for place in range(len(names))]
        drawn = axis.barh(places, list(values), height=height * 0.92, color=shades[number], label=label)
        axis.bar_label(drawn, fmt=_number, padding=3, fontsize=8)
    axis.set_yticks(range(len(names)), [short(name, 40) for name in names])
    axis.invert_yaxis()
    axis.margins(x=0.1)
    plain_axes(axis)
    if len(groups) > 1:
        figure.legend(loc="outside lower left", ncols=5, frameon=False, fontsize=9)
    figure.suptitle(short(title, 100), x=0.01, ha="left")
    save(figure, path)


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 1000 else f"{value:.3g}"


def draw_lines(path: Path, title: str, panels: Mapping[str, tuple[Line, Mapping[str, Sequence[Line]]]]) -> None:
    """One panel for each series: what was observed, and the stretches of each model in its colour."""
    columns = 1 if len(panels) <= 3 else 2
    rows = -(-len(panels) // columns)
    figure = Figure(figsize=(WIDE, HIGH * rows + 0.5), dpi=DPI, layout="constrained")
    models = list(dict.fromkeys(name for _, lines in panels.values() for name in lines))
    shades: dict[str, Any] = {name: colormaps["tab10"](number % 10) for number, name in enumerate(models)}
    if len(models) == 1:
        shades = dict.fromkeys(models, FUTURE)
    handles: dict[str, Any] = {}
    for number, (name, (observed, lines)) in enumerate(panels.items(), 1):
        axis = figure.add_subplot(rows, columns, number)
        if getattr(observed[0], "dtype", None) is not None and observed[0].dtype.kind == "M":
            dates(axis)
        handles["observed"] = axis.plot(*observed, color=PAST, linewidth=1.2)[0]
        for model, stretches in lines.items():
            for stretch in stretches:
                handles[model] = axis.plot(*stretch, color=shades[model], linewidth=1.4, alpha=0.9)[0]
        axis.set_title(short(name), loc="left", fontsize=11)
        plain_axes(axis)
    figure.legend(
        list(handles.values()), [short(name, 30) for name in handles], loc="outside upper right", ncols=len(handles),
        frameon=False,
    )  # fmt: skip
    figure.suptitle(short(title, 80), x=0.01, ha="left")
    save(figure, path)
