"""Tables for a terminal: what a person reads of an evaluation, a backtest, the models and the datasets.

Names come from data and may hold anything: they are never read as markup.
"""

from collections.abc import Iterable, Mapping
from itertools import groupby
from typing import TYPE_CHECKING, Any

from rich import box
from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    from latentcast.benchmarking.ablation import Ablation
    from latentcast.benchmarking.backtest import Backtest
    from latentcast.benchmarking.leaderboard import Results
    from latentcast.benchmarking.m4 import M4
    from latentcast.models.inspection import Architecture
    from latentcast.workflows.imputation import ImputationErrors
    from latentcast.workflows.reconstruction_error import ReconstructionErrors

BOARD = ("MAE", "RMSE", "sMAPE", "MASE", "scaled MSE")
JUDGED = ("MSE", "MAE")


def grid(rows: Iterable[tuple[str, ...]], *header: str) -> Table:
    """Rows of text; the first column is never broken."""
    table = Table(box=box.SIMPLE_HEAD, show_header=bool(header), show_edge=False, pad_edge=False)
    rows = list(rows)
    for column in range(len(header) or len(rows[0])):
        table.add_column(header[column] if header else "", no_wrap=column == 0, max_width=None if column < 2 else 22)
    for row in rows:
        table.add_row(*(Text(cell) for cell in row))
    return table


def leaderboard(result: "Backtest") -> Table:
    """One row per model, best MAE first, in original units."""
    table = _figures("model", (*BOARD, "seconds"))
    for row in result.table().to_dict("records"):
        seconds = row["seconds"]
        table.add_row(
            Text(row["model"]), *(figure(row[name]) for name in BOARD), "–" if seconds != seconds else f"{seconds:.1f}"
        )
    return table


def comparison(results: "Results") -> Table:
    """One row per dataset, horizon and model; the best of each dataset and horizon is bold. While some
    seeds are missing, their number stands in the place of the weights'."""
    missing = any(row.finished < row.seeds for row in results.rows)
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, collapse_padding=True)
    table.add_column("", overflow="fold")
    table.add_column("model", overflow="fold", min_width=_longest_word(row.model for row in results.rows))
    for name in (*JUDGED, "fit s", "test s", "seeds" if missing else "weights"):
        table.add_column(name, justify="right", no_wrap=True)
    before = ""
    for row in results.rows:
        group = f"{row.dataset} {row.horizon}"
        if before not in ("", group):
            table.add_section()
        texts = {"MSE": row.text("MSE"), "MAE": figure(row.mean.get("MAE"))}  # with its standard deviation in table.md
        scores = (Text(text, style="bold" if name in row.best else "") for name, text in texts.items())
        seconds = ("–" if s is None else f"{s:.1f}" for s in (row.training_seconds, row.prediction_seconds))
        last = f"{row.finished}/{row.seeds}" if missing else _size(row.parameters)
        table.add_row(Text(group if group != before else ""), Text(row.model), *scores, *seconds, last)
        before = group
    return table


def competition(result: "M4") -> Table:
    """One row per frequency and method; sMAPE in per cent. A dash: the training part is not there."""
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False)
    for name in ("frequency", "method", "series", "sMAPE", "MASE", "OWA"):
        table.add_column(name, justify="left" if name in ("frequency", "method") else "right", no_wrap=True)
    before = ""
    for score in result.scores:
        if before not in ("", score.frequency):
            table.add_section()
        name = score.frequency if score.frequency != before else ""
        figures = ("–" if value is None else f"{value:.3f}" for value in (score.smape, score.mase, score.owa))
        table.add_row(name, Text(score.method), str(score.series), *figures)
        before = score.frequency
    return table


def ablation(result: "Ablation") -> Table:
    """One row per variant: its errors, how far its MSE is from the reference's, and what it costs."""
    figures = {label: result.figures(label) for label in result.rows}
    every = sorted({steps for _, _, steps, *_ in figures.values()})
    differ = len(every) > 1
    said = None if differ or every == ["–"] else f"{every[0]} steps of training each"
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, collapse_padding=True, caption=said)
    table.add_column("", overflow="fold", min_width=_longest_word(figures))
    for name in ("MSE", "MAE", "MSE apart", *(["steps"] if differ else []), "fit s", "MiB", "learned"):
        table.add_column(name, justify="right", no_wrap=True)
    for label, row in result.rows.items():
        apart, finished, steps, seconds, _, memory, _ = figures[label]
        name = label if row.finished == row.seeds else f"{label} ({finished} seeds)"
        costs = (*([steps] if differ else []), seconds, memory, _size(row.trainable))
        table.add_row(Text(name), row.text("MSE"), figure(row.mean.get("MAE")), apart, *costs)
    return table


def architecture(made: "Architecture") -> Table:
    """One row per stage: the shapes it gives for one window (series×steps×width), its parameters and its FLOPs."""
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False)
    for name in ("stage", "what it is", "gives"):
        table.add_column(name, no_wrap=name == "stage")
    for name in ("weights", "FLOPs"):
        table.add_column(name, justify="right", no_wrap=True)
    parent = ""
    for row in made.rows:
        if row.depth == 1:
            table.add_section()
            parent = f"{row.name}."
        name = row.name if row.depth < 2 else f"  {row.name.removeprefix(parent)}"
        runs = (("×".join(map(str, shape)), len(list(times))) for shape, times in groupby(row.shapes))
        shapes = ", ".join(shape if times == 1 else f"{times} times {shape}" for shape, times in runs)
        table.add_row(Text(name), row.what, shapes, _size(row.parameters), _size(row.flops))
    return table


def floor(result: "ReconstructionErrors") -> Table:
    """One row per compression: what is kept, and the errors beside those of a linear code of the same size."""
    table = _figures("", ("ratio", "latent", "kept", "weights", *JUDGED, "PCA MSE", "PCA MAE"))
    table.padding = (0, 1, 0, 0)
    for p in result.points:
        sizes = (f"{p.total}", f"{p.latent_dim}", f"{p.rate:.2f}", _size(p.parameters))
        table.add_row(Text(p.label), *sizes, *map(_error, (p.mse, p.mae, p.linear_mse, p.linear_mae)))
    return table


def _error(value: float | None) -> str:
    return "exact" if value is not None and value < 1e-7 else figure(value)


def average_ranks(results: "Results") -> Table:
    table = _figures("model", JUDGED)
    for model, ranks in results.average_ranks.items():
        table.add_row(Text(model), *(f"{ranks[name]:.2f}" for name in JUDGED))
    return table


def imputation(judged: "Iterable[ImputationErrors]") -> Table:
    """One row per share that was hidden, beside interpolation between neighbours."""
    table = _figures("hidden", ("values", *JUDGED, "linear MSE", "linear MAE"))
    for row in judged:
        figures = (row.mse, row.mae, row.linear_mse, row.linear_mae)
        table.add_row(f"{row.mask:.1%}", str(row.values), *map(figure, figures))
    return table


def metrics(evaluation: Mapping[str, Any]) -> Table:
    """The metrics of `Evaluation.to_dict()` in standardised and in original units, those of seasonal-naive beside."""
    beside = evaluation.get("baseline")
    heads = () if beside is None else (f"{beside['model']} scaled", "original")
    table = _figures("metric", ("scaled", "original", *heads))
    for name in evaluation["scaled"]:
        units = [] if beside is None else [beside[unit].get(name) for unit in ("scaled", "original")]
        table.add_row(name, *map(figure, (evaluation["scaled"][name], evaluation["original"][name], *units)))
    return table


def elsewhere(found: Mapping[str, Mapping[str, Any]]) -> Table:
    """One row per dataset, in its own standardised units."""
    table = _figures("data", ("windows", "MSE", "MAE", "MASE"))
    for name, evaluation in found.items():
        scaled = evaluation["scaled"]
        table.add_row(Text(name), str(evaluation["windows"]), *(figure(scaled[m]) for m in ("MSE", "MAE", "MASE")))
    return table


def intervals(evaluation: Mapping[str, Any]) -> Table:
    """One row per level of `Evaluation.to_dict()["intervals"]`; widths and scores in both units."""
    found = evaluation["intervals"]
    table = _figures("interval", ("coverage", "width scaled", "original", "score scaled", "original"))
    for level, scaled in found["scaled"]["levels"].items():
        original = found["original"]["levels"][level]
        sizes = (scaled["width"], original["width"], scaled["score"], original["score"])
        table.add_row(f"{level} %", _share(scaled["coverage"]), *map(figure, sizes))
    for name in ("pinball", "CRPS"):
        if found["scaled"][name] is not None:
            table.add_row(name, "", "", "", figure(found["scaled"][name]), figure(found["original"][name]))
    return table


def backtest_intervals(result: "Backtest") -> Table:
    """One row per model and level, in original units."""
    table = _figures("model", ("interval", "coverage", "width", "score", "pinball"))
    for model in result.leaderboard["model"]:
        found = result.intervals[model].to_dict()["original"]
        for level, row in found["levels"].items():
            figures = (row["width"], row["score"], found["pinball"])
            table.add_row(Text(model), f"{level} %", _share(row["coverage"]), *map(figure, figures))
            model = ""
    return table


def _share(value: float | None) -> str:
    return "–" if value is None else f"{value:.1%}"


def metrics_title(evaluation: Mapping[str, Any]) -> str:
    windows = f"{evaluation['windows']} window{'s' if evaluation['windows'] != 1 else ''}"
    title = f"{evaluation['model']} on {evaluation['data']}, {evaluation['part']} part: {windows}"
    zeros = evaluation["targets_that_are_zero"]
    return f"{title} ({zeros} of {evaluation['values']} targets are zero: not in MAPE, MSPE)" if zeros else title


def figure(value: float | None) -> str:
    """Four digits behind the point, or four in all; a dash where there is none."""
    if value is None or value != value:
        return "–"
    return f"{value:.4f}" if 1e-3 <= abs(value) < 1000 or value == 0 else f"{value:.4g}"


def _longest_word(labels: Iterable[str]) -> int:
    """The least width at which a label is broken between words alone."""
    return max((len(word) for label in labels for word in label.split()), default=0)


def _size(number: int | None) -> str:
    """1234567 → 1.23M."""
    if number is None:
        return "–"
    for step, letter in ((10**9, "G"), (10**6, "M"), (10**3, "k")):
        if number >= step:
            return f"{number / step:.3g}{letter}"
    return str(number)


def _figures(first: str, names: Iterable[str]) -> Table:
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False)
    table.add_column(first, no_wrap=True)
    for name in names:
        table.add_column(name, justify="right", no_wrap=True)
    return table
