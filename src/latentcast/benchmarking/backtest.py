"""Backtest models at the same rolling origins."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from latentcast.benchmarking.rolled import AUTO, Rolled, RollingPlan, roll, validation_steps
from latentcast.core.cluster import Cluster, Engine, check_engine
from latentcast.core.errors import DataError, Fault, SettingsError, shorten, suggest
from latentcast.core.nested import merge, merge_without_conflict, nested, python_values
from latentcast.data.panel.build import build
from latentcast.data.panel.panel import Panel
from latentcast.data.sources.frames import Source
from latentcast.data.sources.open import open_data
from latentcast.data.types import Frame, IntoFrame, Level
from latentcast.data.windows.silence import silent_note, silent_steps
from latentcast.evaluation.interval_metrics import IntervalFigures
from latentcast.evaluation.metrics import Baseline
from latentcast.forecaster.forecaster import Forecaster
from latentcast.forecaster.intervals import check_unasked, interval_columns, levels_of
from latentcast.forecaster.output import give_back, one_column, window_frame
from latentcast.models.config.lookback import default_lookback
from latentcast.models.config.presets import MODEL_PRESETS
from latentcast.models.config.run import RunConfig, resolve_config
from latentcast.workflows.fitting.fit import with_stages

MOST = 8  # series drawn


@dataclass(frozen=True)
class Backtest:
    """Results of a backtest.

    Attributes
    ----------
    forecasts
        `unique_id`, `ds`, `cutoff`, `y` and one column for each model, with its intervals; in original units.
    leaderboard
        One row for each model, lowest MAE first, in original units.
    n_windows, step_size, horizon
        Origins, steps between them, and steps forecast from each.
    notes
        Notes about the results.
    forecasters
        Model → the forecaster of the last fit.
    intervals
        Model → coverage and scores of its intervals, where levels were asked for.
    baseline
        Errors of the seasonal-naive forecast of the same windows.

    Examples
    --------
    >>> found = latentcast.backtest(frame, ["naive", "seasonal-naive"], lookback=96, horizon=24, n_windows=2)
    >>> found.leaderboard["model"].iloc[0]
    'seasonal-naive'
    """

    forecasts: Frame
    leaderboard: pd.DataFrame
    n_windows: int
    step_size: int
    horizon: int
    notes: tuple[str, ...]
    forecasters: dict[str, Forecaster]
    intervals: dict[str, IntervalFigures] = field(default_factory=dict)
    baseline: Baseline | None = None

    def __repr__(self) -> str:
        title = f"{self.n_windows} windows of {self.horizon} steps, {self.step_size} apart, original units"
        shown = self.table().to_string(index=False, float_format="{:.4g}".format, na_rep="")
        return f"{title}\n{shown}"

    def _repr_html_(self) -> str:
        return str(self.table().to_html(index=False, float_format="{:.4g}".format, na_rep=""))

    def plot(self, path: str | Path) -> Path:
        """Draw the outcomes and forecasts of up to eight series.

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
        >>> found = latentcast.backtest(frame, ["naive", "seasonal-naive"], lookback=96, horizon=24, n_windows=2)
        >>> found.plot(folder / "backtest.png").name
        'backtest.png'
        """
        from latentcast.reporting.charts import draw_lines

        frame = self.forecasts if isinstance(self.forecasts, pd.DataFrame) else open_data(self.forecasts)[0].frame
        panels: dict[str, Any] = {}
        for name in list(dict.fromkeys(frame.iloc[:, 0]))[:MOST]:
            rows = frame[frame.iloc[:, 0] == name]
            known = rows.drop_duplicates(rows.columns[1]).sort_values(rows.columns[1])
            lines = {
                model: [
                    (part.iloc[:, 1].to_numpy(), part[model].to_numpy()) for _, part in rows.groupby(rows.columns[2])
                ]
                for model in self.leaderboard["model"]
            }
            panels[str(name)] = (known.iloc[:, 1].to_numpy(), known["y"].to_numpy()), lines
        draw_lines(Path(path), repr(self).partition("\n")[0], panels)
        return Path(path)

    def table(self) -> pd.DataFrame:
        """Return the leaderboard, with the line of seasonal-naive where it is not among the models.

        Returns
        -------
        pandas.DataFrame
            One row for each model, the best first.

        Examples
        --------
        >>> found = latentcast.backtest(frame, ["naive", "seasonal-naive"], lookback=96, horizon=24, n_windows=2)
        >>> len(found.table())
        2
        """
        if self.baseline is None or self.baseline.model in set(self.leaderboard["model"]):
            return self.leaderboard
        figures = {**self.baseline.original, "scaled MSE": self.baseline.scaled["MSE"]}
        line = pd.DataFrame([{"model": self.baseline.model, **figures}])
        return pd.concat([self.leaderboard, line]).sort_values("MAE", kind="stable", ignore_index=True)


def backtest(
    data: IntoFrame,
    models: Sequence[str],
    *,
    lookback: int | None = None,
    horizon: int | None = None,
    n_windows: int = 1,
    step_size: int | None = None,
    refit: bool = False,
    seed: int | None = None,
    settings: Mapping[str, Any] | None = None,
    level: Level = None,
    interval_method: str = "auto",
    progress: bool = False,
    engine: Engine = "local",
    workers: int = 1,
    address: str | None = None,
    cpus: float = 1,
    gpus: float = 0,
    retries: int = 3,
) -> Backtest:
    """Judge models at the last `n_windows` origins, on data that none of them saw.

    Parameters
    ----------
    data
        Frame, file or dataset name.
    models
        Names of `latentcast models`.
    lookback, horizon, seed
        As for `fit`; they may stand in `settings` instead.
    n_windows
        Forecast origins.
    step_size
        Steps between origins. None: the horizon.
    refit
        Fit again at each origin on all data before it. False: fit once, before the first origin.
    settings
        As for `fit`. Settings of one model go under its name: `{"models.dlinear.training.lr": 0.01}`.
    level, interval_method
        As for `Forecaster.predict`; with a level the intervals are judged too.
    progress
        Show a progress bar.
    engine, workers
        Models at a time, with `refit` models and origins: in processes of this machine (`local`), or on a Ray cluster
        (`ray`). More than one worker in a script needs ``if __name__ == "__main__":``.
    address, cpus, gpus, retries
        As in `benchmark`, on Ray alone.

    Returns
    -------
    Backtest
        Forecasts, outcomes and a leaderboard.

    Raises
    ------
    SettingsError
        Settings are wrong; all faults in one error.
    DataError
        A series is too short, or as `fit`.

    Examples
    --------
    >>> found = latentcast.backtest(frame, ["naive", "seasonal-naive"], lookback=48, horizon=2, n_windows=3)
    >>> found.leaderboard["model"].tolist()
    ['seasonal-naive', 'naive']
    >>> found.forecasts.columns.tolist()
    ['unique_id', 'ds', 'cutoff', 'y', 'naive', 'seasonal-naive']
    """
    n_windows, step_size = python_values(n_windows), python_values(step_size)
    if level is None:
        check_unasked(interval_method)
    levels = None if level is None else levels_of(level)
    source, defaults = open_data(data)
    sizes = (("lookback", lookback), ("horizon", horizon), ("seed", seed))
    stated = {key: value for key, value in sizes if value is not None}
    values = merge_without_conflict(nested(settings or {}), nested(stated))
    chooses = values.get("lookback") is None
    runs = _runs(models, {**values, "lookback": 1} if chooses else values, defaults, n_windows, step_size)
    panel = build(source.frame, runs[0].data)
    step = runs[0].horizon if step_size is None else step_size
    held = runs[0].horizon + (n_windows - 1) * step
    if chooses:
        values["lookback"] = _lookback(runs, panel, held)
        runs = _runs(models, values, defaults, n_windows, step_size)
    cluster = Cluster(workers, address, cpus, gpus, retries)
    check_engine(engine, cluster)
    plan = RollingPlan(panel, source.name, values, defaults, levels, interval_method, refit, progress)
    origins = _origins(panel, runs[0], held, step)
    rolled = roll(plan, runs, origins, engine, cluster)
    return _results(plan, source, runs, origins, step, rolled)


def _results(
    plan: RollingPlan,
    source: Source,
    runs: list[RunConfig],
    origins: NDArray[np.int64],
    step: int,
    every: Iterable[Rolled],
) -> Backtest:
    """Join the forecasts of every model."""
    panel, table, rows = plan.panel, pd.DataFrame(), list[dict[str, Any]]()
    fitted: dict[str, Forecaster] = {}
    of_intervals: dict[str, IntervalFigures] = {}
    for run, rolled in zip(runs, every, strict=True):
        if not fitted:
            table = window_frame(rolled.forecaster, panel, rolled.judged)
        table[run.name] = one_column([batch.original for batch in rolled.judged])
        if rolled.intervals is not None and plan.levels is not None:
            table = table.assign(**interval_columns(run.name, plan.levels, rolled.judged))
            of_intervals[run.name] = rolled.intervals
        fitted[run.name] = rolled.forecaster
        scaled, original = (errors.result() for errors in rolled.errors)
        rows.append({"model": run.name, **original, "scaled MSE": scaled["MSE"], "seconds": rolled.seconds})
    leaderboard = pd.DataFrame(rows).sort_values("MAE", kind="stable").reset_index(drop=True)
    table = give_back(rolled.forecaster, source, panel, table)
    lookback = runs[0].lookback
    starts = (panel.offsets[:-1] + origins - lookback).reshape(-1)
    silence = silent_note(silent_steps(panel, starts, lookback, rolled.forecaster.task.targets))
    notes = panel.notes if silence is None else (*panel.notes, silence)
    return Backtest(
        table, leaderboard, len(origins), step, runs[0].horizon, notes, fitted, of_intervals, rolled.baseline
    )


def _lookback(runs: Sequence[RunConfig], panel: Panel, held: int) -> int:
    """The longest default look-back of the models for which every series has a training window."""
    ends = np.maximum(panel.lengths - held, 1)
    ends = np.maximum(ends - validation_steps(runs[0], ends), 1)
    wanted = max(default_lookback(run.name, panel.season, run.horizon, ends) for run in runs)
    return max(1, min(wanted, int(ends.min()) - runs[0].horizon))


def _runs(
    models: Sequence[str], values: Mapping[str, Any], defaults: Mapping[str, Any], n_windows: Any, step_size: Any
) -> list[RunConfig]:
    """One run a model, from what is shared and what stands under `models.NAME`. Raises SettingsError."""
    shared = {key: value for key, value in values.items() if key not in ("models", "model")}
    own = values.get("models", {})
    faults = _faults_of_names(models, own, values, n_windows, step_size)
    runs, found = [], dict[Fault, list[str]]()
    for name in dict.fromkeys(models):
        try:
            stated = merge(merge({"model": {"name": "naive" if name == AUTO else name}}, shared), own.get(name, {}))
            runs.append(replace(resolve_config(with_stages(stated), defaults), name=name))
        except SettingsError as error:
            for fault in error.faults:
                found.setdefault(fault, []).append(name)
    for fault, names in found.items():
        faults.append(fault if len(names) == len(models) else Fault(None, f"{fault} ({', '.join(names)})"))
    every = [one.get("data", {}) for one in (shared, *own.values())]
    if any("split" in data for data in every if isinstance(data, Mapping)):
        text = (
            ": a backtest has parts of its own: it holds out what follows the first origin, and the last tenth before"
            " an origin validates; leave it out, and choose n_windows and step_size"
        )
        faults.append(Fault("data.split", text))
    if any((run.data, run.lookback, run.horizon) != (runs[0].data, runs[0].lookback, runs[0].horizon) for run in runs):
        faults.append(Fault("models.NAME.data", ", lookback, horizon: all models of a backtest must be asked the same"))
    if faults:
        raise SettingsError(faults)
    return runs


def _faults_of_names(
    models: Sequence[str], own: Any, values: Mapping[str, Any], n_windows: Any, step_size: Any
) -> list[Fault]:
    """What is wrong with the numbers and names. Raises SettingsError where nothing more can be read of them."""
    faults = [
        Fault(name, f": got {count!r}, wanted a whole number of at least 1")
        for name, count in (("n_windows", n_windows), ("step_size", 1 if step_size is None else step_size))
        if not isinstance(count, int) or isinstance(count, bool) or count < 1
    ]
    if isinstance(models, str) or not models:
        wanted = Fault("models", f": got {models!r}, wanted a list of names; known: {', '.join(MODEL_PRESETS)}")
        raise SettingsError([*faults, wanted])
    faults += [
        Fault("models", f": {name} is named twice") for name in dict.fromkeys(models) if list(models).count(name) > 1
    ]
    if "model" in values:
        faults.append(
            Fault("model", ": a backtest has many; settings of one go under its name, as models.dlinear.model.…")
        )
    if not isinstance(own, Mapping) or not all(isinstance(value, Mapping) for value in own.values()):
        wanted = Fault("models", f": got {own!r}, wanted settings by model, as models.dlinear.training.lr")
        raise SettingsError([*faults, wanted])
    faults += [
        Fault(f"models.{name}", f": is not among the models of this backtest; {suggest(name, models)}")
        for name in own
        if name not in models
    ]
    return faults


def _origins(panel: Panel, run: RunConfig, held: int, step: int) -> NDArray[np.int64]:
    """[windows, items] steps at which forecasts begin, oldest first."""
    first = panel.lengths - held
    needed = run.lookback + run.horizon + validation_steps(run, first)
    short = np.flatnonzero(first < needed)
    if len(short):
        names = [f"{panel.ids[i] or 'the data'} ({panel.lengths[i]} steps)" for i in short]
        raise DataError(
            f"{held} steps are held out for the backtest, and before them {needed[short[0]]} are needed (look-back,"
            f" horizon and validation); too short: {shorten(names)}"
        )
    return np.asarray(first + np.arange(0, held - run.horizon + 1, step)[:, None])
