"""Settings of one model, searched by the validation part."""

import json
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from latentcast.benchmarking.auto import check_time_limit
from latentcast.benchmarking.tuning.page import page
from latentcast.benchmarking.tuning.space import Searchable, space_of
from latentcast.benchmarking.tuning.study import Study, Trainer, opened, optuna, run
from latentcast.core.cluster import Cluster, Engine, check_engine
from latentcast.core.errors import CheckpointError, DataError, Fault, SettingsError
from latentcast.core.parsing import read_yaml, write_yaml
from latentcast.data.types import IntoFrame
from latentcast.forecaster import storage
from latentcast.forecaster.forecaster import Forecaster
from latentcast.forecaster.save import write
from latentcast.models.config.run import merge_user_settings
from latentcast.reporting.files import write_frame, write_text
from latentcast.reporting.html import escaped
from latentcast.workflows.fitting.spec import FitOptions

FOLDER, HISTORY, PAGE, ASKED, CHOSEN = "tune", "history.csv", "page.html", "study.json", "tuned.yaml"
ENOUGH = 4  # finished trials from which on importances are estimated


@dataclass(frozen=True)
class Tuned:
    """A forecaster with the best settings of a search.

    Attributes
    ----------
    forecaster
        Fitted with the best settings; calibrated on the validation part.
    settings
        The best settings, by dotted path.
    error
        Their mean squared error on the validation part, in standardised units.
    history
        One row for each trial: number, state (complete, pruned, fail), validation MSE, seconds, steps, its settings,
        and why it failed.
    importance
        Setting → its share of the variance of the errors; empty where too few trials ended.

    Examples
    --------
    Trains a model in each trial:

    >>> tuned = latentcast.tune(frame, "dlinear", horizon=24, trials=20)  # doctest: +SKIP
    >>> tuned.settings  # doctest: +SKIP
    """

    forecaster: Forecaster
    settings: Mapping[str, Any]
    error: float
    history: pd.DataFrame
    importance: Mapping[str, float]

    def summary(self) -> str:
        """Return one sentence: the best settings, and of how many trials.

        Returns
        -------
        str
            Settings, error, and how the trials ended.

        Examples
        --------
        >>> tuned.summary()  # doctest: +SKIP
        """
        states = self.history["state"].value_counts().to_dict()
        counts = ", ".join(f"{count} {state}" for state, count in states.items())
        chosen = ", ".join(f"{name}={value}" for name, value in self.settings.items())
        return f"best of {len(self.history)} trials ({counts}): validation MSE {self.error:.4g} with {chosen}"

    def to_html(self) -> str:
        """Return the page of the search.

        Returns
        -------
        str
            HTML with importances, parallel coordinates and every trial.

        Examples
        --------
        >>> len(tuned.to_html())  # doctest: +SKIP
        """
        schema = self.forecaster.card.schema
        facts = {"data": schema.data, "model": self.forecaster.name, "result": self.summary()}
        return page(f"{self.forecaster.name} on {schema.data}, tuned", facts, self.history, self.importance)

    def plot(self, path: str | Path) -> Path:
        """Draw the finished trials over their settings.

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
        >>> tuned.plot("trials.png")  # doctest: +SKIP
        """
        from latentcast.benchmarking.tuning.page import parallel_figure
        from latentcast.reporting.figures import save

        settings = [column for column in self.history.columns if "." in column or column == "lookback"]
        save(parallel_figure(self.history, settings), Path(path))
        return Path(path)

    def _repr_html_(self) -> str:
        return f"<p>{escaped(self.summary())}</p>{self.history.to_html(index=False)}"


def tune(
    data: IntoFrame,
    model: str,
    *,
    space: Mapping[str, Any] | str | Path | None = None,
    trials: int | None = None,
    time_limit: float | None = None,
    lookback: int | None = None,
    horizon: int | None = None,
    preset: str | None = None,
    seed: int | None = None,
    settings: Mapping[str, Any] | None = None,
    config: str | Path | None = None,
    out: str | Path | None = None,
    resume: bool = False,
    workers: int = 1,
    threads: int | None = None,
    report: Callable[[str], None] | None = None,
    engine: Engine = "local",
    address: str | None = None,
    cpus: float = 1,
    gpus: float = 0,
    retries: int = 3,
) -> Tuned:
    """Search the settings of a model by its errors on the validation part (extra `tune`: Optuna).

    Settings are drawn by a multivariate tree-structured Parzen estimator; trials that fall behind after a validation
    are pruned by Hyperband. The best settings are fitted again at the end. The test part is never read.

    Parameters
    ----------
    data, lookback, horizon, preset, seed, settings, config
        As in `fit`; what all trials have in common.
    model
        A trainable model.
    space
        What is searched: settings by dotted path, or a YAML file of them, each with `choices: […]`, or `low`, `high`
        and optionally `step` and `log`; `lookback` may have `times: […]`, multiples of the default look-back. None
        takes the model's own (`latentcast.models.config.search_spaces`).
    trials
        Number of trials, those of a resumed search included.
    time_limit
        Seconds after which no trial is begun, and training ends. One of `trials` and `time_limit` is required.
    out
        Folder for the forecaster, as of `fit`, with the search in `tune/`: journal, history.csv, page.html.
    resume
        Go on with the search in `out`; space, model and data must be the same.
    workers
        Processes that make trials at the same time.
    threads
        Threads of each.
    report
        Called with one line at the end of the search.
    engine
        `local`: processes of this machine. `ray`: tasks on a Ray cluster (extra `ray`), which needs `out`, a folder
        that every node sees.
    address, cpus, gpus, retries
        As in `benchmark`, on Ray alone; `threads` follows `cpus` there.

    Returns
    -------
    Tuned

    Raises
    ------
    SettingsError
        The space or a setting is wrong; all faults in one error.
    DataError
        No trial ended.
    CheckpointError
        `out` is not empty, or what is in it is another search.
    MissingExtra
        Optuna is not installed.

    Examples
    --------
    >>> rate = {"training.lr": {"low": 1e-4, "high": 1e-2, "log": True}}
    >>> found = latentcast.tune(
    ...     frame, "dlinear", space=rate, trials=2, lookback=24, horizon=2, settings={"training.max_steps": 5}
    ... )
    >>> found.history["state"].tolist()
    ['complete', 'complete']
    """
    optuna()
    _check(trials, time_limit, workers, resume=resume, out=out)
    cluster = Cluster(workers, address, cpus, gpus, retries)
    check_engine(engine, cluster)
    if engine == "ray" and out is None:
        raise SettingsError(Fault("engine", "=ray: workers meet in a folder that every node sees; name one (out)"))
    values = merge_user_settings(model, preset, lookback, horizon, seed, settings, config)
    stated = read_yaml(space) if isinstance(space, str | Path) else space
    searched = space_of(model, stated)
    deadline = None if time_limit is None else time.time() + time_limit
    with tempfile.TemporaryDirectory(prefix="latentcast-") as scratch:
        folder = Path(scratch) if out is None else Path(out).absolute() / FOLDER
        study = Study(data, values, searched, folder, seed or 0, trials, deadline, workers, threads)
        trainer = Trainer(study)
        for one in searched:
            _check_setting(trainer, one)
        if out is not None:
            _prepare(Path(out), study, trainer, resume=resume)
        run(study, cluster if engine == "ray" else None)
        found = _best(study, trainer)
    if report is not None:
        report(found.summary())
    if out is not None:
        write(found.forecaster, Path(out))
        write_yaml(Path(out) / CHOSEN, found.forecaster.run.dump())
        write_frame(found.history, folder / HISTORY)
        write_text(found.to_html(), folder / PAGE)
    return found


def _check(trials: int | None, limit: float | None, workers: int, *, resume: bool, out: Any) -> None:
    faults = []
    if trials is None and limit is None:
        faults.append(Fault("trials", ": wanted a number of trials, or a time_limit"))
    for name, count in (("trials", 1 if trials is None else trials), ("workers", workers)):
        if isinstance(count, bool) or not isinstance(count, int) or count < 1:
            faults.append(Fault(name, f"={count!r}: wanted a whole number of at least 1"))
    check_time_limit(limit)
    if limit == 0:
        faults.append(Fault("time_limit", "=0: wanted seconds above zero"))
    if resume and out is None:
        faults.append(Fault("resume", ": goes on in a folder; name it (out)"))
    if faults:
        raise SettingsError(faults)


def _check_setting(trainer: Trainer, one: Searchable) -> None:
    """Raises SettingsError for a setting that the model does not have."""
    if one.times:
        return
    trainer.resolved({one.path: one.choices[0] if one.choices else one.low})


def _prepare(out: Path, study: Study, trainer: Trainer, *, resume: bool) -> None:
    """The folder of the search. Raises CheckpointError when another search is in it."""
    storage.make_folder(out, overwrite=False, resume=resume)
    study.folder.mkdir(exist_ok=True)
    asked = {
        "data": trainer.panel.fingerprint(),
        "settings": json.loads(json.dumps(trainer.resolved({}).dump())),
        "space": {one.path: repr(one) for one in study.space},
    }
    path = study.folder / ASKED
    if path.exists():
        before = json.loads(path.read_text(encoding="utf-8"))
        if other := [name for name in asked if before.get(name) != asked[name]]:
            raise CheckpointError(
                f"{out} holds a search with other {' and '.join(other)}: go on with the same, or use another folder"
            )
    write_text(json.dumps(asked, indent=1), path)


def _best(study: Study, trainer: Trainer) -> Tuned:
    """The best settings, fitted again, and what the search found. Raises DataError when no trial ended."""
    there = opened(study.folder)
    history = _history(there.get_trials(deepcopy=False), study.space)
    done = history[history["state"] == "complete"]
    if not len(done):
        reasons = [why for why in history["why"] if why]
        raise DataError(f"none of {len(history)} trials ended{': ' + reasons[0] if reasons else ''}")
    best = there.best_trial
    chosen = dict(best.user_attrs["settings"])
    forecaster = trainer.fit(trainer.resolved(chosen), FitOptions(threads=study.threads))
    importance: dict[str, float] = {}
    if len(done) >= ENOUGH:
        package = optuna()
        evaluator = package.importance.PedAnovaImportanceEvaluator()
        try:
            found = package.importance.get_param_importances(there, evaluator=evaluator)
            importance = {name: float(value) for name, value in found.items()}
        except (ValueError, RuntimeError, ZeroDivisionError):
            importance = {}  # all trials are alike
    return Tuned(forecaster, chosen, float(best.value), history, importance)


def _history(trials: Any, space: tuple[Searchable, ...]) -> pd.DataFrame:
    rows = []
    for trial in trials:
        seconds = None if trial.duration is None else round(trial.duration.total_seconds(), 2)
        value = trial.value if trial.state.name == "COMPLETE" else None
        rows.append(
            {
                "trial": trial.number,
                "state": trial.state.name.lower(),
                "validation MSE": value,
                "seconds": seconds,
                "steps": trial.user_attrs.get("steps"),
                "why": trial.user_attrs.get("why", ""),
            }
        )
    history = pd.DataFrame(rows)
    for place, one in enumerate(space, 5):  # as objects: None is a value
        values = [trial.user_attrs.get("settings", {}).get(one.path) for trial in trials]
        history.insert(place, one.path, pd.Series(values, dtype=object))
    return history
