"""Results of a benchmark: means over seeds, ranks and tables."""

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from statistics import fmean, stdev
from typing import Any

import numpy as np
import pandas as pd

from latentcast.benchmarking.plan import Cell, Published, Without
from latentcast.evaluation.significance import Significance, significance

JUDGED = ("MSE", "MAE")


@dataclass(frozen=True)
class Row:
    """One model on one dataset at one horizon: means over the seeds that finished.

    mean, sd   MSE and MAE of the test part in standardised units; the standard deviation is the sample's, None of
               one seed
    rank       1 is best, by `mean`, among the models that are in every dataset and horizon; none until all have ended
    best       metrics of which no model here has a lower mean; none until all have ended
    """

    dataset: str
    horizon: int
    model: str
    seeds: int
    finished: int
    failed: int
    windows: int | None
    mean: Mapping[str, float]
    sd: Mapping[str, float | None]
    rank: Mapping[str, float]
    best: frozenset[str]
    training_seconds: float | None
    prediction_seconds: float | None
    windows_per_second: float | None
    peak_mib: float | None
    parameters: int | None
    trainable: int | None

    @property
    def state(self) -> str:
        """Describe the finished, failed and missing seeds."""
        if self.finished == self.seeds:
            return str(self.seeds)
        missing = f"{self.failed} failed" if self.failed else "unfinished"
        return f"{self.finished} of {self.seeds}, {missing}"

    def text(self, name: str) -> str:
        """Mean ± standard deviation of a metric; a dash where there is none."""
        if name not in self.mean:
            return "failed" if self.failed else "–"
        sd = self.sd[name]
        return f"{self.mean[name]:.4f}" + (f" ±{sd:.4f}" if sd is not None else "")


@dataclass(frozen=True)
class Results:
    """`records` holds, in the order of `cells`, the line of each cell in cells.jsonl; None where there is none yet.
    `published` are figures of others, `without` lists what was not run.

    Examples
    --------
    >>> results = latentcast.benchmark("configs/leaderboard.yaml", out="runs/leaderboard")  # doctest: +SKIP
    >>> results.average_ranks  # doctest: +SKIP
    """

    cells: tuple[Cell, ...]
    records: tuple[Mapping[str, Any] | None, ...]
    published: tuple[Published, ...] = ()
    without: tuple[Without, ...] = ()

    def __repr__(self) -> str:
        shown = self.frame()[["dataset", "horizon", "model", *JUDGED, "finished", "seeds"]]
        return shown.to_string(index=False, float_format="{:.4f}".format)

    @cached_property
    def rows(self) -> tuple[Row, ...]:
        """By dataset, horizon and model, as these were stated; then what was judged on others (ETTh1 → ETTh2)."""
        groups: dict[tuple[str, int], dict[str, list[Mapping[str, Any] | None]]] = {}
        elsewhere: dict[tuple[str, int], dict[str, list[Mapping[str, Any] | None]]] = {}
        for cell, record in zip(self.cells, self.records, strict=True):
            group = groups.setdefault((cell.data, cell.run.horizon), {})
            group.setdefault(cell.label, []).append(record)
            for name, _ in cell.on:
                there = elsewhere.setdefault((f"{cell.data} → {name}", cell.run.horizon), {})
                there.setdefault(cell.label, []).append(_judged_on(record, name))
        ranked = set(self.everywhere)
        each = [(place, models, ranked) for place, models in groups.items()]
        each += [(place, models, set()) for place, models in elsewhere.items()]
        return tuple(row for (data, horizon), models, its in each for row in _group(data, horizon, models, its))

    @property
    def everywhere(self) -> tuple[str, ...]:
        """Models that have a cell on every dataset at every horizon: those that are ranked.

        Examples
        --------
        >>> results.everywhere  # doctest: +SKIP
        """
        places: dict[str, set[tuple[str, int]]] = {}
        for cell in self.cells:
            places.setdefault(cell.label, set()).add((cell.data, cell.run.horizon))
        every = set().union(*places.values())
        return tuple(label for label, its in places.items() if its == every)

    @property
    def seeds(self) -> tuple[int, ...]:
        """Seeds of the cells, in their order.

        Examples
        --------
        >>> results.seeds  # doctest: +SKIP
        (0, 1, 2)
        """
        return tuple(dict.fromkeys(cell.run.seed for cell in self.cells))

    @cached_property
    def errors(self) -> dict[str, str]:
        """Cells that failed, and why."""
        found = {}
        for cell, record in zip(self.cells, self.records, strict=True):
            for name, there in (record or {}).get("on", {}).items():
                if "error" in there:
                    found[f"{cell}, on {name}"] = there["error"]
            if record is not None and "error" in record:
                found[str(cell)] = record["error"]
        return found

    @cached_property
    def significance(self) -> Significance | None:
        """Of the ranked models' MSE over the datasets and horizons where all of them have ended."""
        blocks: dict[tuple[str, int], dict[str, float]] = {}
        for row in self.rows:
            if row.rank:
                blocks.setdefault((row.dataset, row.horizon), {})[row.model] = row.mean[JUDGED[0]]
        if not blocks:
            return None
        return significance(self.everywhere, np.array([[its[m] for m in self.everywhere] for its in blocks.values()]))

    def best_published(self, data: str, horizon: int) -> tuple[str, float] | None:
        """Return the lowest of the published figures.

        Parameters
        ----------
        data
            Name of a dataset.
        horizon
            Steps.

        Returns
        -------
        tuple of str and float, or None
            Whose it is, and its MSE in scaled units. None where nothing was published.

        Examples
        --------
        >>> results.best_published("ETTh1", 96)  # doctest: +SKIP
        """
        its = [(of.name, of.MSE[horizon]) for of in self.published if of.dataset == data and horizon in of.MSE]
        return min(its, key=lambda item: item[1], default=None)

    @cached_property
    def average_ranks(self) -> dict[str, dict[str, float]]:
        """model → metric → mean rank over the datasets and horizons where all ranked ones have ended, best first."""
        ranked = [row for row in self.rows if row.rank]
        models = dict.fromkeys(row.model for row in ranked)
        ranks = {m: {name: fmean(r.rank[name] for r in ranked if r.model == m) for name in JUDGED} for m in models}
        return dict(sorted(ranks.items(), key=lambda item: item[1][JUDGED[0]]))

    @property
    def ranked_groups(self) -> tuple[int, int]:
        """Over how many datasets × horizons ranks are averaged, and of how many.

        Examples
        --------
        >>> results.ranked_groups  # doctest: +SKIP
        (12, 16)
        """
        ranked = {(row.dataset, row.horizon) for row in self.rows if row.rank}
        return len(ranked), len({(cell.data, cell.run.horizon) for cell in self.cells})

    def frame(self) -> pd.DataFrame:
        """Return one row for each model, dataset and horizon, each figure in a column of its own.

        Returns
        -------
        pandas.DataFrame
            Means and standard deviations over seeds, in scaled units, with costs and ranks.

        Examples
        --------
        >>> results.frame().pivot_table("MSE", "model", ["dataset", "horizon"])  # doctest: +SKIP
        """
        return pd.DataFrame([{**self._plain(row), **self._rank_columns(row)} for row in self.rows])

    @staticmethod
    def _plain(row: Row) -> dict[str, Any]:
        figures: dict[str, float | None] = {}
        for name in JUDGED:
            figures |= {name: row.mean.get(name), f"{name}_sd": row.sd.get(name)}
        others = ("training_seconds", "prediction_seconds", "windows_per_second", "peak_mib", "parameters", "trainable")
        first = ("dataset", "horizon", "model", "seeds", "finished", "failed", "windows")
        return {
            **{name: getattr(row, name) for name in first},
            **figures,
            **{name: getattr(row, name) for name in others},
        }

    def _rank_columns(self, row: Row) -> dict[str, Any]:
        average = self.average_ranks.get(row.model, {})
        ranks = {f"rank_{name}": row.rank.get(name) for name in JUDGED}
        return {**ranks, **{f"average_rank_{name}": average.get(name) for name in JUDGED}}

    def to_markdown(self) -> str:
        """Return the table, average ranks, what failed, and where it was measured.

        Returns
        -------
        str
            Markdown, as in the folder of the benchmark.

        Examples
        --------
        >>> print(results.to_markdown())  # doctest: +SKIP
        """
        lines = [f"{self.title()} The lowest is bold where every cell has ended.", ""]
        head = ("dataset", "horizon", "model", *JUDGED, "seeds", "windows", "training s", "prediction s", "parameters")
        lines += [markdown_line(head), markdown_line(["---"] * 3 + ["---:"] * (len(head) - 3))]
        for row in self.rows:
            scores = [f"**{row.text(name)}**" if name in row.best else row.text(name) for name in JUDGED]
            sizes = (_figure(row.training_seconds, ".1f"), _figure(row.prediction_seconds, ".2f"), row.parameters)
            cells = [row.dataset, row.horizon, row.model, *scores, row.state, row.windows, *sizes]
            lines.append(markdown_line(cells))
        lines += ["", self.ranks_title(), ""]
        if self.average_ranks:
            lines += [markdown_line(["model", *JUDGED]), markdown_line(["---", *["---:"] * len(JUDGED)])]
            lines += [
                markdown_line([m, *(f"{ranks[name]:.2f}" for name in JUDGED)])
                for m, ranks in self.average_ranks.items()
            ]
        if self.significance:
            lines += ["", self.significance.words()]
        lines += self._beside_published()
        if self.without:
            lines += ["", "Not run:", "", *(f"* {rule}" for rule in self.without)]
        if self.errors:
            lines += ["", "Failed (the next run tries cells again):", ""]
            lines += [f"* {cell}: {' '.join(why.split())}" for cell, why in self.errors.items()]
        lines += ["", *(f"Measured on {where}." for where in self.machines())]
        return "\n".join(lines) + "\n"

    def plot(self, path: str | Path) -> Path:
        """Draw the scaled MSE of each model by dataset and horizon; average ranks where these are over 60 bars.

        Parameters
        ----------
        path
            File to write; its ending says which: PNG, PDF or SVG.

        Returns
        -------
        Path
            The file.

        Raises
        ------
        SettingsError
            Another ending.
        CheckpointError
            The file cannot be written.

        Examples
        --------
        >>> results.plot("comparison.png")  # doctest: +SKIP
        """
        from latentcast.reporting.charts import MOST_BARS, draw_bars

        judged = JUDGED[0]
        ranks = {model: its[judged] for model, its in self.average_ranks.items()}
        if ranks and len(self.rows) > MOST_BARS:
            draw_bars(Path(path), self.ranks_title(), list(ranks), {"average rank": list(ranks.values())})
            return Path(path)
        means = {(row.dataset, row.horizon, row.model): row.mean.get(judged, float("nan")) for row in self.rows}
        models, names = dict.fromkeys(m for *_, m in means), [f"{h} steps, {Path(d).name}" for d, h in self.groups()]
        bars = {m: [means.get((*g, m), float("nan")) for g in self.groups()] for m in models}
        draw_bars(Path(path), f"{judged}, scaled, mean over seeds", names, bars)
        return Path(path)

    def _beside_published(self) -> list[str]:
        rows = []
        for (data, horizon), group in self.groups().items():
            theirs = self.best_published(data, horizon)
            done = [row for row in group if row.finished == row.seeds and JUDGED[0] in row.mean]
            if theirs is not None and done:
                ours = min(done, key=lambda row: row.mean[JUDGED[0]])
                mse = ours.mean[JUDGED[0]]
                rows.append([data, horizon, ours.model, f"{mse:.4f}", *theirs, f"{mse - theirs[1]:+.4f}"])
        if not rows:
            return []
        head = ("dataset", "horizon", "best here", "MSE", "best published", "MSE", "apart")
        marks = ["---", "---", "---", "---:", "---", "---:", "---:"]
        return ["", "Beside the best published figure:", "", *map(markdown_line, (head, marks, *rows))]

    def groups(self) -> dict[tuple[str, int], list[Row]]:
        """Return the rows by dataset and horizon.

        Returns
        -------
        dict
            (dataset, horizon) → rows.

        Examples
        --------
        >>> len(results.groups())  # doctest: +SKIP
        """
        found: dict[tuple[str, int], list[Row]] = {}
        for row in self.rows:
            found.setdefault((row.dataset, row.horizon), []).append(row)
        return found

    def title(self) -> str:
        """Return one sentence: what the figures are, over which seeds.

        Returns
        -------
        str
            The line above the table.

        Examples
        --------
        >>> results.title()  # doctest: +SKIP
        """
        seeds = ", ".join(map(str, self.seeds))
        fewer = "up to " if any(row.seeds < len(self.seeds) for row in self.rows) else ""
        over = f"{fewer}{len(self.seeds)} seeds ({seeds})" if len(self.seeds) > 1 else f"one seed ({seeds})"
        return f"Test part, every window once, standardised units: mean ± sample standard deviation over {over}."

    def ranks_title(self) -> str:
        """Return one sentence: over what ranks are averaged, and which models are not ranked.

        Returns
        -------
        str
            The line above the ranks.

        Examples
        --------
        >>> results.ranks_title()  # doctest: +SKIP
        """
        some, all_ = self.ranked_groups
        over = f"Average rank, by the means shown, over {some} of {all_} datasets × horizons"
        left_out = [label for label in dict.fromkeys(cell.label for cell in self.cells) if label not in self.everywhere]
        return f"{over}; not in all of them, and so not ranked: {', '.join(left_out)}." if left_out else f"{over}."

    def machines(self) -> list[str]:
        """Return the machines and versions of torch that cells ran on.

        Returns
        -------
        list of str
            Each once.

        Examples
        --------
        >>> results.machines()  # doctest: +SKIP
        """
        found = []
        for record in self.records:
            if record is not None and "machine" in record:
                of, threads = record["machine"], record["machine"]["threads"]
                place = of["gpu"] or f"{of['cpu']}, {threads} thread{'' if threads == 1 else 's'} a cell"
                found.append(f"{place}; torch {record['versions'].get('torch')}")
        return list(dict.fromkeys(found))


def _judged_on(record: Mapping[str, Any] | None, name: str) -> Mapping[str, Any] | None:
    """Return a cell's record for the other dataset `on`; a failure of the fit counts there too."""
    if record is None or "error" in record:
        return record
    return {**record, **record["on"][name]}


def _group(
    data: str, horizon: int, models: Mapping[str, list[Mapping[str, Any] | None]], ranked: AbstractSet[str]
) -> list[Row]:
    """The rows of one dataset and horizon; who is best, and the ranks of `ranked`, when no cell of any is missing."""
    scores = {m: _scores(records) for m, records in models.items()}
    ended = {m for m, records in models.items() if all(len(values) == len(records) for values in scores[m].values())}
    means = {m: {name: fmean(values) for name, values in scores[m].items() if values} for m in models}
    ranks: dict[str, dict[str, float]] = {}
    if len(ranked) > 1 and ranked <= ended:
        each = {name: pd.Series({m: means[m][name] for m in models if m in ranked}).rank() for name in JUDGED}
        ranks = {m: {name: float(each[name][m]) for name in JUDGED} for m in ranked}
    least = {name: min(its[name] for its in means.values()) for name in JUDGED} if ended == models.keys() else {}
    rows = []
    for m, records in models.items():
        done = [record for record in records if record is not None and "error" not in record]
        rows.append(
            Row(
                dataset=data,
                horizon=horizon,
                model=m,
                seeds=len(records),
                finished=len(done),
                failed=sum(record is not None and "error" in record for record in records),
                windows=done[0]["windows"] if done else None,
                mean=means[m],
                sd={name: stdev(scores[m][name]) if len(scores[m][name]) > 1 else None for name in means[m]},
                rank=ranks.get(m, {}),
                best=frozenset(name for name in least if means[m][name] == least[name]),
                training_seconds=_mean([(record["training"] or {}).get("seconds", 0.0) for record in done]),
                prediction_seconds=_mean([record["prediction"]["seconds"] for record in done]),
                windows_per_second=_mean([record["prediction"]["windows_per_second"] for record in done]),
                peak_mib=_mean([_peak(record) for record in done if _peak(record) is not None]),
                parameters=done[0]["parameters"]["all"] if done else None,
                trainable=done[0]["parameters"]["trainable"] if done else None,
            )
        )
    return rows


def _scores(records: list[Mapping[str, Any] | None]) -> dict[str, list[float]]:
    found = [record["test"]["scaled"] for record in records if record is not None and "error" not in record]
    return {name: [scaled[name] for scaled in found if scaled[name] is not None] for name in JUDGED}


def _peak(record: Mapping[str, Any]) -> Any:
    """On a GPU its memory is what is scarce."""
    peak = record["peak_memory"]
    return peak["process_mib"] if peak["cuda_mib"] is None else peak["cuda_mib"]


def _mean(values: list[float]) -> float | None:
    return fmean(values) if values else None


def _figure(value: float | None, form: str) -> str:
    return "–" if value is None else format(value, form)


def markdown_line(cells: Any) -> str:
    return "| " + " | ".join("–" if cell is None else str(cell).replace("|", "\\|") for cell in cells) + " |"
