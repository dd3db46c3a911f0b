"""An Optuna study of one model: trials in local processes, their journal in the folder."""

import logging
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from latentcast.benchmarking.tuning.space import Searchable
from latentcast.core.cluster import Cluster, each
from latentcast.core.errors import Interrupted, LatentcastError, MissingExtra
from latentcast.core.nested import merge, nested
from latentcast.core.threads import using_threads
from latentcast.data.panel.build import build
from latentcast.data.panel.split import split
from latentcast.data.sources.open import open_data
from latentcast.forecaster.forecaster import Forecaster
from latentcast.models.config.lookback import default_lookback
from latentcast.models.config.run import RunConfig, resolve_config
from latentcast.training.loop import PRUNED
from latentcast.workflows.fitting.fit import with_stages
from latentcast.workflows.fitting.pipeline import run_fit
from latentcast.workflows.fitting.spec import FitOptions, FitSpec, TrainingData

JOURNAL, NAME = "journal.log", "tune"
STARTUP = 10  # random trials before the estimator has something to estimate from


@dataclass(frozen=True)
class Study:
    """What every trial shares. It is sent to worker processes: plain values, and the data."""

    data: Any
    values: Mapping[str, Any]
    space: tuple[Searchable, ...]
    folder: Path
    seed: int
    trials: int | None
    deadline: float | None
    workers: int
    threads: int | None


class Trainer:
    """Opens the data once, and fits settings to them."""

    def __init__(self, study: Study) -> None:
        source, self.defaults = open_data(study.data)
        self.study, self.name = study, source.name
        probe = resolve_config(
            with_stages({**study.values, "lookback": study.values.get("lookback") or 1}), self.defaults
        )
        self.panel = build(source.frame, probe.data)
        ends = split(self.panel, probe.data.split).train_end
        self.lookback = study.values.get("lookback") or default_lookback(
            probe.name, self.panel.season, probe.horizon, ends
        )

    def resolved(self, chosen: Mapping[str, Any]) -> RunConfig:
        """Every setting of a trial: what it chose, over what all have in common."""
        values = merge({**self.study.values, "lookback": self.lookback}, nested(dict(chosen)))
        return resolve_config(with_stages(values), self.defaults)

    def fit(self, run: RunConfig, options: FitOptions) -> Forecaster:
        return run_fit(FitSpec(run), TrainingData(self.name, self.panel), options)


def optuna() -> Any:
    """The package. Raises MissingExtra."""
    try:
        import optuna as package
    except ModuleNotFoundError as error:
        raise MissingExtra("optuna", "tune", "latentcast tune") from error
    package.logging.set_verbosity(package.logging.WARNING)
    return package


def opened(folder: Path, seed: int = 0, *, workers: int = 1) -> Any:
    """The study in a folder, with its sampler and pruner; begun where there is none."""
    package = optuna()
    from optuna.storages.journal import JournalFileBackend

    storage = package.storages.JournalStorage(JournalFileBackend(str(folder / JOURNAL)))
    sampler = package.samplers.TPESampler(
        multivariate=True, seed=seed, n_startup_trials=STARTUP, constant_liar=workers > 1
    )
    pruner = package.pruners.HyperbandPruner(min_resource=1, reduction_factor=3)
    return package.create_study(
        storage=storage, sampler=sampler, pruner=pruner, study_name=NAME, direction="minimize", load_if_exists=True
    )


def run(study: Study, cluster: Cluster | None = None) -> None:
    """Make the trials that are missing, in this process, in several, or on Ray; what broke off before has failed."""
    package = optuna()
    there = opened(study.folder)
    for trial in there.get_trials(deepcopy=False, states=(package.trial.TrialState.RUNNING,)):
        there.tell(trial.number, state=package.trial.TrialState.FAIL)
    if cluster is not None:
        lost = [found for _, found in each(work, study, range(study.workers), cluster) if found is not None]
        if len(lost) == study.workers:
            raise LatentcastError(f"every worker was lost: {lost[0].why}")
        return
    if study.workers == 1:
        work(study, 0)
        return
    context = get_context("spawn")
    processes = [context.Process(target=work, args=(study, number)) for number in range(study.workers)]
    for process in processes:
        process.start()
    try:
        for process in processes:
            process.join()
    finally:
        for process in processes:
            if process.is_alive():
                process.terminate()
                process.join()
    if all(process.exitcode for process in processes):
        raise LatentcastError(f"every worker process failed (exit code {processes[0].exitcode})")


def work(study: Study, number: int) -> None:
    """Trials of one worker, until all together made enough of them or the time is over."""
    package = optuna()
    if study.workers > 1:
        logging.disable(logging.WARNING)
    done = package.trial.TrialState
    with using_threads(study.threads):
        trainer = Trainer(study)
        there = opened(study.folder, study.seed + number, workers=study.workers)
        if before := len(there.get_trials(deepcopy=False)):  # their draws are not made again
            there = opened(study.folder, study.seed + number + 1000 * before, workers=study.workers)
        callbacks = []
        if study.trials is not None:
            states = (done.COMPLETE, done.PRUNED, done.FAIL, done.RUNNING)  # a trial that another worker makes counts
            if sum(trial.state in states for trial in there.get_trials(deepcopy=False)) >= study.trials:
                return
            callbacks.append(package.study.MaxTrialsCallback(study.trials, states=states))
        timeout = None if study.deadline is None else max(0.0, study.deadline - time.time())
        there.optimize(
            lambda trial: _objective(trial, trainer), timeout=timeout, callbacks=callbacks, catch=(LatentcastError,)
        )


def _objective(trial: Any, trainer: Trainer) -> float:
    """Validation MSE in scaled units; the test part is never read."""
    study = trainer.study
    chosen = {one.path: one.suggest(trial, trainer.lookback) for one in study.space}
    trial.set_user_attr("settings", chosen)
    try:
        run = trainer.resolved(chosen)
        if study.deadline is not None:
            left = max(1.0, study.deadline - time.time())
            run = _within(run, left)

        def watch(number: int, loss: float) -> bool:
            trial.report(loss, number)
            return bool(trial.should_prune())

        made = trainer.fit(run, FitOptions(watch=watch))
    except Interrupted:
        raise KeyboardInterrupt from None
    except LatentcastError as fault:
        trial.set_user_attr("why", str(fault))
        raise
    training = made.card.training
    if training is not None:
        trial.set_user_attr("steps", training.stages[-1].steps)
        trial.set_user_attr("stopped_by", training.stages[-1].stopped_by)
        if training.stages[-1].stopped_by == PRUNED:
            raise optuna().TrialPruned
    if made.card.validation is None:
        raise LatentcastError("no validation window: nothing can be compared (data.split)")
    return float(made.card.validation["scaled"]["MSE"])


def _within(run: RunConfig, seconds: float) -> RunConfig:
    limit = min(seconds, run.training.max_time or seconds)
    return replace(run, training=run.training.model_copy(update={"max_time": limit}))
