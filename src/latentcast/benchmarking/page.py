"""A comparison as one HTML page that needs no network: ranks, accuracy against cost, tables, what was run."""

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from latentcast.benchmarking.figures import FAR, Spot, draw_costs, draw_ranks
from latentcast.benchmarking.results import JUDGED, Results, Row
from latentcast.reporting.html import said, sheet

COSTS = (
    ("training_seconds", "training, seconds"),
    ("ms_a_window", "prediction, ms a window"),
    ("trainable", "trained weights"),
)
STYLE = """
p.about{color:#5c6078;margin-top:0}
table{font-size:.84rem}
th,td{text-align:right;white-space:nowrap;padding:.25rem .45rem}
th:first-child,td:first-child{text-align:left}
td b{color:#b23a48}td.none{color:#8a8fa3}
td small,td .sd{color:#8a8fa3;font-size:.78rem;font-weight:400}
ol.key{columns:3 14rem;font-size:.87rem;padding-left:1.6rem}
"""


def to_html(results: Results) -> str:
    """The page. What comes from settings and data is escaped."""
    models = list(dict.fromkeys(row.model for row in results.rows))
    body = [
        "<h1>Comparison</h1>",
        f'<p class="about">{said(results.title())}</p>',
        *_ranks(results),
        *_costs(results, models),
        *_tables(results),
        *_failed(results),
        *_not_run(results),
        *_what_was_run(results, models),
    ]
    return sheet("latentcast: comparison", "\n".join(body), STYLE)


def _ranks(results: Results) -> list[str]:
    if not results.average_ranks:
        return []
    found = results.significance
    ranks = {model: its[JUDGED[0]] for model, its in results.average_ranks.items()}
    lines = ["<h2>Who is ahead</h2>", f"<p>{said(results.ranks_title())} By MSE."]
    critical = None
    if found is not None:
        lines.append(
            f" {said(found.words())} The horizons of one dataset count as if they were independent, which they are not"
            " quite."
        )
        if found.differ:
            critical = found.critical
            lines.append(
                " Bars reach half of the critical difference to either side: two models whose bars do not overlap are"
                " told apart."
            )
    return [*lines, "</p>", draw_ranks(list(ranks), list(ranks.values()), critical)]


def _costs(results: Results, models: Sequence[str]) -> list[str]:
    """One figure a dataset: a row of panels for each cost, a column for each horizon."""
    by_data: dict[str, dict[int, list[Row]]] = {}
    for (data, horizon), rows in results.groups().items():
        if "→" not in data:
            by_data.setdefault(data, {})[horizon] = [row for row in rows if JUDGED[0] in row.mean]
    numbers = {model: n for n, model in enumerate(models, 1)}
    lines = [
        "<h2>What accuracy costs</h2>",
        "<p>Lower left is better; the line joins what nothing else beats in both. Costs are logarithmic; what trains"
        " nothing stands at the left edge. Vertical strokes are deviations over seeds; a triangle at the upper edge is"
        f" a model whose error is more than {FAR:g} times the least.</p>",
        '<ol class="key">' + "".join(f"<li>{said(model)}</li>" for model in models) + "</ol>",
    ]
    for data, horizons in by_data.items():
        shown = {horizon: rows for horizon, rows in horizons.items() if rows}
        if shown:
            panels = [
                (label, [(f"horizon {horizon}", _spots(rows, name, numbers)) for horizon, rows in shown.items()])
                for name, label in COSTS
            ]
            lines += [f"<h3>{said(data)}</h3>", draw_costs(panels, "MSE")]
    return lines


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


def _tables(results: Results) -> list[str]:
    """One table a dataset: models by horizons; the best of each column is bold where every cell has ended."""
    lines = ["<h2>Figures</h2>", "<p>MSE / MAE; deviations over seeds are small print.</p>"]
    datasets: dict[str, dict[str, dict[int, Row]]] = {}
    for row in results.rows:
        datasets.setdefault(row.dataset, {}).setdefault(row.model, {})[row.horizon] = row
    for data, models in datasets.items():
        horizons = list(dict.fromkeys(horizon for rows in models.values() for horizon in rows))
        windows = {h: next((r[h].windows for r in models.values() if h in r and r[h].windows), None) for h in horizons}
        heads = [f"{h}<br><small>{windows[h] or '–'} windows</small>" for h in horizons]
        seeds = max(row.seeds for rows in models.values() for row in rows.values())
        body = [
            [f"<td>{said(model)}</td>", *(_cell(rows.get(horizon), seeds) for horizon in horizons)]
            for model, rows in models.items()
        ]
        for its in results.published:
            if its.dataset == data:
                figures = [f"<i>{its.MSE[h]:.3f}</i>" if h in its.MSE else "–" for h in horizons]
                body.append([f"<td><i>{said(its.name)}</i>, published</td>", *(f"<td>{text}</td>" for text in figures)])
        fewer = f", {seeds} seed{'s' * (seeds > 1)}" if seeds < len(results.seeds) else ""
        lines += [f"<h3>{said(data)}{fewer}</h3>", _table(["model", *heads], body)]
    return lines


def _cell(row: Row | None, seeds: int) -> str:
    if row is None or not row.mean:
        return f'<td class="none">{"failed" if row is not None and row.failed else "–"}</td>'
    parts = []
    for name in JUDGED:
        sd = row.sd.get(name)
        mean = f"{row.mean[name]:.3f}" if name in row.mean else "–"
        parts.append(f"<b>{mean}</b>" if name in row.best else mean)
        parts[-1] += f'<span class="sd"> ±{sd:.3f}</span>' if sd is not None else ""
    some = "" if row.finished == row.seeds else f"<br><small>{said(row.state)}</small>"
    if not some and row.seeds < seeds:
        some = f"<br><small>{row.seeds} seed{'s' * (row.seeds > 1)}</small>"
    return f"<td>{' / '.join(parts)}{some}</td>"


def _failed(results: Results) -> list[str]:
    if not results.errors:
        return []
    items = "".join(f"<li>{said(cell)}: {said(' '.join(why.split()))}</li>" for cell, why in results.errors.items())
    return [f"<h2>Failed</h2><ul>{items}</ul>"]


def _not_run(results: Results) -> list[str]:
    if not results.without:
        return []
    return [f"<h2>Not run</h2><ul>{''.join(f'<li>{said(rule)}</li>' for rule in results.without)}</ul>"]


def _what_was_run(results: Results, models: Sequence[str]) -> list[str]:
    """Machines and versions; the settings of every model, as its first cell had them."""
    lines = ["<h2>What was run</h2>", *(f"<p>Measured on {said(where)}.</p>" for where in results.machines())]
    for model in models:
        cell = next(cell for cell in results.cells if cell.label == model)
        settings: dict[str, Any] = cell.run.dump()
        where = f"{cell.data}, horizon {cell.run.horizon}, seed {cell.run.seed}"
        text = json.dumps(settings, indent=1, ensure_ascii=False)
        lines.append(
            f"<details><summary>{said(model)} <small>({said(where)})</small></summary><pre>{said(text)}</pre></details>"
        )
    return lines


def _table(heads: Sequence[str], body: Iterable[Sequence[str]]) -> str:
    top = "".join(f"<th>{head}</th>" for head in heads)
    rows = "".join(f"<tr>{''.join(cells)}</tr>" for cells in body)
    return f'<div class="wide"><table><thead><tr>{top}</tr></thead><tbody>{rows}</tbody></table></div>'
