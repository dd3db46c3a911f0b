"""A comparison as one HTML page that needs no network: ranks, accuracy against cost, tables, what was run."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from latentcast.benchmarking.figures import FAR, Spot, draw_costs, draw_ranks
from latentcast.benchmarking.results import JUDGED, Results, Row
from latentcast.reporting.html import drawing, render

COSTS = (
    ("training_seconds", "training, seconds"),
    ("ms_a_window", "prediction, ms a window"),
    ("trainable", "trained weights"),
)


@dataclass(frozen=True)
class _Figure:
    """One figure of a cell, as text."""

    mean: str
    sd: str | None
    best: bool


@dataclass(frozen=True)
class _Cell:
    """Figures of one model at one horizon, or why there are none; `state` where some seeds are not there."""

    figures: tuple[_Figure, ...] = ()
    missing: str | None = None
    state: str | None = None


@dataclass(frozen=True)
class _Table:
    """One dataset: horizons with their windows, rows of models, rows of published figures."""

    title: str
    horizons: list[tuple[int, int | str]]
    rows: list[tuple[str, list[_Cell]]]
    published: list[tuple[str, list[str | None]]]


def to_html(results: Results) -> str:
    """Render the page; all text from settings and data is escaped."""
    models = list(dict.fromkeys(row.model for row in results.rows))
    return render(
        "latentcast.benchmarking",
        "own/comparison.html",
        title="latentcast: comparison",
        about=results.title(),
        ranks=_ranks(results),
        far=f"{FAR:g}",
        models=models,
        costs=_costs(results, models),
        tables=_tables(results),
        errors=results.errors,
        without=[str(rule) for rule in results.without],
        machines=results.machines(),
        runs=_runs(results, models),
    )


def _ranks(results: Results) -> dict[str, Any] | None:
    if not results.average_ranks:
        return None
    found = results.significance
    differ = found is not None and found.differ
    ranks = {model: its[JUDGED[0]] for model, its in results.average_ranks.items()}
    critical = found.critical if found is not None and differ else None
    return {
        "title": results.ranks_title(),
        "test": None if found is None else found.words(),
        "differ": differ,
        "drawing": drawing(draw_ranks(list(ranks), list(ranks.values()), critical)),
    }


def _costs(results: Results, models: Sequence[str]) -> list[tuple[str, Any]]:
    """One drawing a dataset: a row of panels for each cost, a column for each horizon."""
    by_data: dict[str, dict[int, list[Row]]] = {}
    for (data, horizon), rows in results.groups().items():
        if "→" not in data:
            by_data.setdefault(data, {})[horizon] = [row for row in rows if JUDGED[0] in row.mean]
    numbers = {model: n for n, model in enumerate(models, 1)}
    drawn = []
    for data, horizons in by_data.items():
        finished = {horizon: rows for horizon, rows in horizons.items() if rows}
        if finished:
            panels = [
                (label, [(f"horizon {horizon}", _spots(rows, name, numbers)) for horizon, rows in finished.items()])
                for name, label in COSTS
            ]
            drawn.append((data, drawing(draw_costs(panels, "MSE"))))
    return drawn


def _spots(rows: Iterable[Row], cost: str, numbers: Mapping[str, int]) -> list[Spot]:
    found = []
    for row in rows:
        if cost == "ms_a_window":
            value = 1e3 / row.windows_per_second if row.windows_per_second else None
        else:
            value = getattr(row, cost)
        if value is not None:
            found.append(Spot(numbers[row.model], float(value), row.mean[JUDGED[0]], row.sd[JUDGED[0]]))
    return found


def _tables(results: Results) -> list[_Table]:
    """One table a dataset: models by horizons; the best of each column is bold where every cell has ended."""
    datasets: dict[str, dict[str, dict[int, Row]]] = {}
    for row in results.rows:
        datasets.setdefault(row.dataset, {}).setdefault(row.model, {})[row.horizon] = row
    return [_table(results, data, models) for data, models in datasets.items()]


def _table(results: Results, data: str, models: Mapping[str, Mapping[int, Row]]) -> _Table:
    horizons = list(dict.fromkeys(horizon for rows in models.values() for horizon in rows))
    windows = {h: next((r[h].windows for r in models.values() if h in r and r[h].windows), None) for h in horizons}
    seeds = max(row.seeds for rows in models.values() for row in rows.values())
    fewer = f", {seeds} seed{'s' * (seeds > 1)}" if seeds < len(results.seeds) else ""
    return _Table(
        f"{data}{fewer}",
        [(horizon, windows[horizon] or "–") for horizon in horizons],
        [(model, [_cell(rows.get(horizon), seeds) for horizon in horizons]) for model, rows in models.items()],
        [
            (one.name, [f"{one.MSE[horizon]:.3f}" if horizon in one.MSE else None for horizon in horizons])
            for one in results.published
            if one.dataset == data
        ],
    )


def _cell(row: Row | None, seeds: int) -> _Cell:
    if row is None or not row.mean:
        return _Cell(missing="failed" if row is not None and row.failed else "–")
    figures = []
    for name in JUDGED:
        sd = row.sd.get(name)
        mean = f"{row.mean[name]:.3f}" if name in row.mean else "–"
        figures.append(_Figure(mean, None if sd is None else f"{sd:.3f}", name in row.best))
    state = None if row.finished == row.seeds else row.state
    if state is None and row.seeds < seeds:
        state = f"{row.seeds} seed{'s' * (row.seeds > 1)}"
    return _Cell(tuple(figures), state=state)


def _runs(results: Results, models: Sequence[str]) -> list[tuple[str, str, str]]:
    """The settings of every model, as its first cell had them."""
    runs = []
    for model in models:
        cell = next(cell for cell in results.cells if cell.label == model)
        where = f"{cell.data}, horizon {cell.run.horizon}, seed {cell.run.seed}"
        runs.append((model, where, json.dumps(cell.run.dump(), indent=1, ensure_ascii=False)))
    return runs
