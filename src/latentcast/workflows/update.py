"""update: train a forecaster for a few more steps on newer data, in its own units."""

import logging
from dataclasses import replace
from pathlib import Path

import numpy as np

from latentcast.core.errors import DataError, Fault, SettingsError
from latentcast.core.nested import python_values
from latentcast.data.panel.padding import pad_short
from latentcast.data.panel.split import Split
from latentcast.data.types import IntoFrame
from latentcast.forecaster.card import UpdateReport
from latentcast.forecaster.forecaster import Forecaster
from latentcast.forecaster.inputs import open_prepared, prepare
from latentcast.forecaster.judge import calibrate_on, judge
from latentcast.forecaster.judged_sums import Judged
from latentcast.forecaster.load import as_forecaster
from latentcast.forecaster.storage import check_folder
from latentcast.models.config.training import TrainingSettings
from latentcast.workflows.fitting.pipeline import run_fit
from latentcast.workflows.fitting.spec import FitOptions, FitSpec, TrainingData

log = logging.getLogger("latentcast")
STEPS = 100
SLOWER = 0.1  # of the learning rate of the fit
HELD = 10  # the last tenth of the data judges


def update(
    forecaster: Forecaster | str | Path,
    data: IntoFrame,
    *,
    steps: int = STEPS,
    lr: float | None = None,
    out: str | Path | None = None,
    overwrite: bool = False,
    progress: bool = False,
) -> Forecaster:
    """Train a forecaster for some more steps, on data that have grown since its fit.

    Training begins with its weights. The units stay: series of the fit keep their mean and standard deviation; new
    series are scaled by their own past. The last tenth of the data, at least one horizon, judges: the weights that
    are best there are kept, be they the old ones. No test part is left.

    Parameters
    ----------
    forecaster
        A forecaster, or the folder of one.
    data
        The history together with the new data, with the columns of the fit.
    steps
        Optimiser steps.
    lr
        Learning rate. None: a tenth of that of the fit.
    out
        Folder to save into. None saves nothing.
    overwrite
        Replace what latentcast wrote into `out` before.
    progress
        Show a progress bar.

    Returns
    -------
    Forecaster
        A new one; `card.update` holds the errors before and after.

    Raises
    ------
    SettingsError
        The model has nothing to train, or `steps` is no positive number.
    DataError
        The data do not fit, or hold no window.

    Examples
    --------
    >>> forecaster = latentcast.fit(frame[:300], "dlinear", lookback=48, horizon=2, settings={"training.max_steps": 2})
    >>> latentcast.update(forecaster, frame, steps=2).card.update.steps
    2
    """
    start = as_forecaster(forecaster)
    steps = python_values(steps)
    trained = _check(start, steps)
    if out is not None:
        check_folder(Path(out), overwrite=overwrite)
    source, view = open_prepared(start, data, future_only=True)
    panel = view.panel
    parts = _parts(start, panel.lengths)
    training = _training(start, steps, lr)
    run = replace(start.run, training=training, stages=(), notes=())
    longer = pad_short(panel, parts, run.lookback, run.horizon)
    held = Judged("val", source.name)
    before = judge(start, replace(view, panel=longer.panel, parts=longer.parts), held)
    own = TrainingData(source.name, panel, parts, scaler=view.scaler)
    made = run_fit(FitSpec(run, start=start), own, FitOptions(progress=progress))
    assert made.card.validation is not None
    after = made.card.validation["scaled"]["MSE"]
    kept = after <= before.scaled["MSE"]
    if not kept:  # the old weights are among those to choose from
        made.network.load_state_dict(start.network.state_dict())
        calibrate_on(made, prepare(made, panel), held)
    found = UpdateReport(
        steps if trained else 0,
        training.lr if trained else 0.0,
        units="those of the fit; new series by their own past",
        val_mse_before=before.scaled["MSE"],
        val_mse_after=after,
        kept="the updated weights" if kept else "the weights as they were",
    )
    made.card = replace(made.card, update=found)
    log.warning(
        f"update: {found.steps} steps on {source.name}; MSE of its last part {before.scaled['MSE']:.4g} before,"
        f" {after:.4g} after; kept: {found.kept}"
    )
    if out is not None:
        made.save(out, overwrite=overwrite)
    return made


def _check(start: Forecaster, steps: object) -> bool:
    """Whether anything is trained by steps. Raises SettingsError where nothing is learned at all."""
    if isinstance(steps, bool) or not isinstance(steps, int) or steps < 1:
        raise SettingsError(Fault("steps", f"={steps!r}: wanted a whole number of at least 1"))
    trained = any(parameter.requires_grad for parameter in start.network.parameters())
    if not trained and "solved" not in start.network.capabilities.training:
        raise SettingsError(f"{start.name} learns nothing: there is nothing to update, give predict the newer data")
    return trained


def _training(start: Forecaster, steps: int, lr: float | None) -> TrainingSettings:
    """The settings of the fit for a few more steps, of which the best by validation are kept."""
    return start.run.training.model_copy(
        update={
            "max_steps": steps,
            "max_epochs": 10**6,
            "lr": start.run.training.lr * SLOWER if lr is None else lr,
            "patience": None,
            "validations": 1,
            "keep": "best",
            "ema": None,
            "warmup": 0.0,
        }
    )


def _parts(start: Forecaster, lengths: np.ndarray) -> Split:
    held = np.maximum(start.task.horizon, lengths // HELD)
    if (held >= lengths).all():
        raise DataError(
            f"an update holds out {start.task.horizon} steps to judge itself, and the longest series has"
            f" {int(lengths.max())}; give the history with the new data, not the new data alone"
        )
    ends = np.maximum(lengths - held, 0)
    return Split(ends, lengths, lengths)
