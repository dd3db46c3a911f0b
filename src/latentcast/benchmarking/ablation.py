"""ablate: compare a model with variants of its settings."""

import json
import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from statistics import fmean, stdev
from typing import Any

import pandas as pd

from latentcast.benchmarking.leaderboard import benchmark
from latentcast.benchmarking.results import Results, Row, markdown_line
from latentcast.benchmarking.switches import study
from latentcast.benchmarking.variants import Claim, Study
from latentcast.core.cluster import Engine
from latentcast.core.errors import Fault, SettingsError
from latentcast.models.config.run import merge_user_settings, resolve_config
from latentcast.reporting.files import write_frame, write_text

LEVEL = 0.95
FILE = "ablation"


@dataclass(frozen=True)
class Difference:
    """Mean over the seeds of one variant's error less the other's, and half its confidence interval."""

    mean: float
    half: float

    @property
    def sign(self) -> int:
        """Return 1 where the first error is significantly larger, -1 where smaller, else 0."""
        return 0 if abs(self.mean) <= self.half else 1 if self.mean > 0 else -1

    def __str__(self) -> str:
        return f"{self.mean:+.4f} ±{self.half:.4f}"


@dataclass(frozen=True)
class Ablation:
    """Result of an ablation: `results` holds every variant as a model of a benchmark, `study` describes them.

    Examples
    --------
    >>> found = latentcast.ablate("ETTh1", "patch-transformer", switches="all", out="runs/ablation")  # doctest: +SKIP
    >>> found.verdicts()  # doctest: +SKIP
    """

    study: Study
    results: Results

    @cached_property
    def rows(self) -> dict[str, Row]:
        return {row.model: row for row in self.results.rows}

    @property
    def seeds(self) -> int:
        """Seeds of every variant.

        Examples
        --------
        >>> found.seeds  # doctest: +SKIP
        3
        """
        return len(self.results.seeds)

    def difference(self, one: str, other: str, metric: str = "MSE") -> Difference | None:
        """Return the paired difference of two variants: equal seeds draw the same windows in the same order.

        Parameters
        ----------
        one, other
            Names of variants.
        metric
            `MSE` or `MAE`, in scaled units.

        Returns
        -------
        Difference or None
            Mean of one − other over the seeds, t interval of 95 %. None where a seed is missing, or for one seed.

        Examples
        --------
        >>> found.difference("no prompt", "time-llm").mean  # doctest: +SKIP
        """
        first, second = self._scores(one, metric), self._scores(other, metric)
        if len(first) < 2 or first.keys() != second.keys() or len(first) < self.seeds:
            return None
        return paired(list(first.values()), [second[seed] for seed in first])

    def verdicts(self) -> tuple[str, ...]:
        """Return one sentence for each claim, as far as the numbers support it.

        Returns
        -------
        tuple of str
            In the order of the claims.

        Examples
        --------
        >>> for sentence in found.verdicts():  # doctest: +SKIP
        ...     print(sentence)
        """
        return tuple(self._judge(claim) for claim in self.study.claims)

    def caveat(self) -> str:
        """Return the limits of the verdicts, in words.

        Returns
        -------
        str
            Two sentences.

        Examples
        --------
        >>> found.caveat()  # doctest: +SKIP
        """
        return (
            f"Judged by MSE on this test part: differences of equal seeds, with their {LEVEL:.0%} t interval."
            " That tells what seeds do, and not what other data would."
        )

    def steps(self, label: str) -> float | None:
        """Return the mean number of training steps of a seed.

        Parameters
        ----------
        label
            Name of a variant.

        Returns
        -------
        float or None
            Over all stages. None where no seed has finished.

        Examples
        --------
        >>> found.steps("time-llm")  # doctest: +SKIP
        """
        each = [
            sum(stage["steps"] for stage in (record["training"] or {}).get("stages", ()))
            for record in self._records(label)
        ]
        return fmean(each) if each else None

    def frame(self) -> pd.DataFrame:
        """Return one row for each variant, each figure in a column of its own.

        Returns
        -------
        pandas.DataFrame
            `apart` is the MSE less that of the reference, `apart_half_interval` half of its 95 % interval.

        Examples
        --------
        >>> found.frame().sort_values("apart")  # doctest: +SKIP
        """
        frame = self.results.frame().rename(columns={"model": "variant"})
        apart = [self.difference(label, self.study.reference) for label in frame["variant"]]
        frame["apart"] = [None if d is None else d.mean for d in apart]
        frame["apart_half_interval"] = [None if d is None else d.half for d in apart]
        frame["steps"] = [self.steps(label) for label in frame["variant"]]
        return frame

    def to_markdown(self) -> str:
        """Return verdicts, table, and what each variant is.

        Returns
        -------
        str
            Markdown, as in ablation.md.

        Examples
        --------
        >>> print(found.to_markdown())  # doctest: +SKIP
        """
        head = ("variant", "MSE", "MAE", f"MSE less that of {self.study.reference}", "seeds", "steps", "training s",
                "test s", "peak MiB", "learned weights")  # fmt: skip
        lines = [self.results.title(), "", *(f"* {sentence}" for sentence in self.verdicts()), "", self.caveat(), ""]
        lines += [markdown_line(head), markdown_line(["---", *["---:"] * (len(head) - 1)])]
        for label, row in self.rows.items():
            lines.append(markdown_line((label, row.text("MSE"), row.text("MAE"), *self.figures(label))))
        lines += ["", *(f"* {label}: {variant.about}" for label, variant in self.study.variants.items())]
        lines += [f"* left out: {why}" for why in self.study.left_out]
        lines += [f"* failed: {cell}: {' '.join(why.split())}" for cell, why in self.results.errors.items()]
        return "\n".join(lines) + "\n"

    def plot(self, path: str | Path) -> Path:
        """Draw the scaled MSE and MAE of every variant, means over its seeds.

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
        >>> found.plot("ablation.png")  # doctest: +SKIP
        """
        from latentcast.reporting.charts import draw_bars

        errors = {name: [row.mean.get(name, math.nan) for row in self.rows.values()] for name in ("MSE", "MAE")}
        title = f"Variants of {self.study.reference}: scaled errors, mean of {self.seeds} seed{'s' * (self.seeds > 1)}"
        draw_bars(Path(path), title, list(self.rows), errors)
        return Path(path)

    def figures(self, label: str) -> tuple[str, ...]:
        """Return the figures of a row of the table, without its errors.

        Parameters
        ----------
        label
            Name of a variant.

        Returns
        -------
        tuple of str
            Difference to the reference, finished seeds, steps, seconds of training and test, peak MiB, trained weights.

        Examples
        --------
        >>> found.figures("time-llm")  # doctest: +SKIP
        """
        row, apart = self.rows[label], self.difference(label, self.study.reference)
        of_itself = label == self.study.reference
        sizes = (
            (self.steps(label), ".0f"), (row.training_seconds, ".1f"), (row.prediction_seconds, ".2f"),
            (row.peak_mib, ".0f"), (row.trainable, ","),
        )  # fmt: skip
        return (
            "–" if of_itself or apart is None else str(apart),
            f"{row.finished}/{row.seeds}",
            *("–" if value is None else format(value, form) for value, form in sizes),
        )

    def _records(self, label: str) -> list[Mapping[str, Any]]:
        pairs = zip(self.results.cells, self.results.records, strict=True)
        return [r for cell, r in pairs if cell.label == label and r is not None and "error" not in r]

    def _scores(self, label: str, metric: str) -> dict[int, float]:
        found = {record["seed"]: record["test"]["scaled"][metric] for record in self._records(label)}
        return {seed: value for seed, value in found.items() if value is not None}

    def _judge(self, claim: Claim) -> str:
        about = f"Whether {claim.subject} helps"
        apart = {label: self.difference(label, claim.having) for label in claim.without}
        if self.seeds == 1:
            return f"{about} is not said: one seed tells nothing of what seeds do; give several."
        if missing := [label for label, found in apart.items() if found is None]:
            return f"{about} is not said: a seed is missing, of {claim.having} or of {_and(missing)}."
        known = {label: found for label, found in apart.items() if found is not None}
        worse, better, level = (
            [f"{label} ({found})" for label, found in known.items() if found.sign == sign] for sign in (1, -1, 0)
        )
        over = f"over {self.seeds} seeds"
        if better:
            said = [f"These numbers speak against {claim.subject}: lower errors {over} without it have {_and(better)}"]
        elif level:
            said = [f"These numbers do not show that {claim.subject} helps"]
        else:
            said = [f"These numbers support that {claim.subject} helps: without it errors {over} are higher"]
        if level:
            said.append(f"not distinguished {over}: {_and(level)}")
        if worse:
            said.append(f"higher errors: {_and(worse)}")
        return "; ".join(said) + self._cost(claim) + "."

    def _cost(self, claim: Claim) -> str:
        """Seconds of training against the cheapest of the others."""
        own = self.rows[claim.having].training_seconds
        others = [s for label in claim.without if (s := self.rows[label].training_seconds)]
        if not own or not others:
            return ""
        ratio = own / min(others)
        what = f"{ratio:.2g} times" if ratio < 10 else f"{ratio:.0f} times"
        return f". It trained {what} as long as {'the quickest of these' if len(others) > 1 else 'that'}"


def ablate(
    data: str | Path,
    model: str = "time-llm",
    *,
    switches: str = "llm",
    preset: str | None = None,
    lookback: int | None = None,
    horizon: int | None = None,
    seeds: Iterable[int] = (0, 1, 2),
    settings: Mapping[str, Any] | None = None,
    config: str | Path | None = None,
    out: str | Path,
    workers: int | None = None,
    threads: int | None = None,
    report: Callable[[str], None] | None = None,
    engine: Engine = "local",
    address: str | None = None,
    cpus: float = 1,
    gpus: float = 0,
    retries: int = 3,
) -> Ablation:
    """Train a model and its variants with one budget, and judge each on the test part.

    The result has one sentence for each claim, with no more certainty than the differences between seeds support.

    Parameters
    ----------
    data
        A dataset's name or a file: every variant is trained in a process of its own.
    model, preset, lookback, horizon, settings, config
        The reference model, as in `fit`; the variants differ from it only in the switched parts.
    switches
        `all`: each extension alone and all together, added to the model. `llm`: the language model, the same with
        random weights, one attention layer, one Transformer block and nothing in its place, and the language model
        without its prompt (Tan et al. 2024). `linear`: the parts of linear models, each alone (docs/linear-parts.md);
        of `dlinear` or a model composed of parts.
    seeds
        Seeds of each variant; three or more give an interval of the differences.
    out
        Folder of cells.jsonl, ablation.md and ablation.csv. Finished cells are not run again.
    workers, threads, report, engine, address, cpus, gpus, retries
        As in `benchmark`.

    Returns
    -------
    Ablation
        Errors and costs of every variant, differences with 95 % intervals, and verdicts in words.

    Raises
    ------
    SettingsError
        The model lacks the parts to switch, or settings are wrong; all faults in one error.
    CheckpointError
        `out` cannot be written, or another comparison is writing there.
    Interrupted
        Ctrl-C or SIGTERM; finished cells are kept.

    Examples
    --------
    Takes minutes, as every cell is a training:

    >>> found = latentcast.ablate("ETTh1", "patch-transformer", switches="all", out="runs/ablation")  # doctest: +SKIP
    >>> print(found.to_markdown())  # doctest: +SKIP
    """
    if not isinstance(data, str | Path):
        raise SettingsError(
            Fault(
                "data",
                f": got {type(data).__name__}, wanted a dataset's name or a file: it is read anew in every process",
            )
        )
    values = merge_user_settings(model, preset, lookback, horizon, None, settings, config)
    if "seed" in values:
        raise SettingsError(Fault("seed", ": several are wanted here: seeds=(0, 1, 2), --seeds 0,1,2"))
    run = resolve_config(values)
    asked = study(switches, run)
    whole = json.loads(json.dumps(run.dump()["model"]))  # with the names of its parts, so that they can be exchanged
    results = benchmark(
        {
            "datasets": [str(data)],
            "horizons": [run.horizon],
            "seeds": list(seeds),
            "common": {**{key: value for key, value in values.items() if key != "horizon"}, "model": whole},
            "models": {label: {"model": dict(variant.model)} for label, variant in asked.variants.items()},
        },
        out=out,
        workers=workers,
        threads=threads,
        report=report,
        engine=engine,
        address=address,
        cpus=cpus,
        gpus=gpus,
        retries=retries,
    )
    found = Ablation(asked, results)
    write_text(found.to_markdown(), Path(out) / f"{FILE}.md")
    write_frame(found.frame(), Path(out) / f"{FILE}.csv")
    return found


def paired(first: list[float], second: list[float]) -> Difference:
    """Paired difference of at least two seeds each, in the same order."""
    apart = [a - b for a, b in zip(first, second, strict=True)]
    return Difference(fmean(apart), t_quantile(len(apart) - 1) * stdev(apart) / math.sqrt(len(apart)))


def t_quantile(freedom: int) -> float:
    """Of Student's t: half the interval of LEVEL, in standard errors."""
    from scipy.stats import t

    return float(t.ppf((1 + LEVEL) / 2, freedom))


def _and(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


__all__ = ["Ablation", "Difference", "ablate"]
