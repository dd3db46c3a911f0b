"""Check that a panel can be learned from, and cut the windows of each training stage."""

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from latentcast.core.errors import DataError, shorten
from latentcast.core.notes import Note, NoteCode
from latentcast.data.panel.panel import Panel
from latentcast.data.panel.split import Split, first_share
from latentcast.data.scaling.scaler import constant_series
from latentcast.data.windows.mixture import Mix
from latentcast.data.windows.windows import Windows, make_windows, window_starts
from latentcast.forecaster.forecaster import Forecaster
from latentcast.models.config.run import RunConfig
from latentcast.models.config.training import TrainingSettings
from latentcast.training.stages import Stage
from latentcast.workflows.fitting.datasets import TrainingDataset, error_context

Supply = Windows | Mix


class StageWindows(NamedTuple):
    """Windows of a stage. `val` is None where there are none; `test` ones are there to be logged, where asked for."""

    train: Supply
    val: Supply | None
    test: Supply | None = None


def notes_on_windows(panel: Panel, parts: Split, lookback: int, horizon: int) -> Sequence[str]:
    """Return notes on problems that a model which learns nothing can do with."""
    needed = lookback + horizon
    notes = []
    constant = constant_series(panel, parts.train_end)
    if constant:
        notes.append(Note(f"constant in the training part, and only centred: {shorten(constant)}", NoteCode.CONSTANT))
    if (panel.lengths < needed).all():
        text = f"all series are shorter than look-back + horizon = {lookback} + {horizon}: earlier steps are masked"
        notes.append(Note(text, NoteCode.TOO_SHORT))
    without = int((parts.train_end < needed).sum())
    if 0 < without < len(panel.ids):
        text = f"the training part of {without} of {len(panel.ids)} series is too short for a window"
        notes.append(Note(text, NoteCode.TOO_SHORT))
    return notes


def check_learnable(panel: Panel, parts: Split, lookback: int, horizon: int) -> None:
    """Raises DataError where no series is as long as a window, or every one is constant in its training part."""
    needed = lookback + horizon
    if (panel.lengths < needed).all():
        raise DataError(
            f"shorter than look-back + horizon = {lookback} + {horizon} = {needed} steps:"
            f" {shorten(panel.shorter_than(needed))}; shorten lookback or horizon"
        )
    constant = constant_series(panel, parts.train_end)
    if constant and len(constant) == len(panel.ids) * len(panel.channels):
        raise DataError(
            f"every series is constant in its training part ({shorten(constant)}): there is nothing to learn; models"
            " that learn nothing forecast it, as naive"
        )


def training_windows(
    forecaster: Forecaster,
    members: Sequence[TrainingDataset],
    weights: Sequence[float] | None,
    stage: Stage,
    training: TrainingSettings,
) -> StageWindows:
    """Windows of one stage; no validation windows where there are none and nothing is chosen by them. All members'
    validation windows are judged, whatever their weights.

    Raises DataError when windows are missing, SettingsError when this machine cannot train as it was asked to.
    """
    from latentcast.training.choose_devices import check_machine

    check_machine(training)
    train: list[Windows] = []
    val: list[Windows] = []
    test: list[Windows] = []
    for member in members:
        with error_context(member.name if len(members) > 1 else None):
            its, judged, logged = _windows_of(forecaster, member, stage, training)
        train.append(its)
        val += [] if judged is None else [judged]
        test += [] if logged is None else [logged]
    if len(members) == 1:
        return StageWindows(train[0], val[0] if val else None, test[0] if test else None)
    mixed = (Mix(tuple(windows)) if windows else None for windows in (val, test))
    return StageWindows(Mix(tuple(train), None if weights is None else tuple(weights)), *mixed)


def _windows_of(
    forecaster: Forecaster, member: TrainingDataset, stage: Stage, training: TrainingSettings
) -> tuple[Windows, Windows | None, Windows | None]:
    """Those of one dataset. Windows without a horizon lie wholly inside their part."""
    task, panel = forecaster.task, member.panel
    lookback, horizon = (task.lookback, task.horizon) if stage.forecasts else (0, task.lookback)
    both = []
    for part in ("train", "val", *(("test",) if training.log_test else ())):
        low, high = member.parts.bounds(part)
        if part == "train" and (share := forecaster.run.data.fraction) < 1:
            high = _few(high, share, task.lookback, lookback + horizon)
        starts = window_starts(panel, low, high, lookback, horizon)
        if not len(starts[0]) and (part == "train" or (part == "val" and training.chooses)):
            needed = f"{lookback} + {horizon}" if stage.forecasts else str(horizon)
            inside = " (of them the horizon inside the part)" if stage.forecasts and part == "val" else ""
            raise DataError(
                f"the {part} part holds no window: {needed} steps are needed{inside}, the longest {part} part has"
                f" {int((high - low).max())}; shorten lookback or horizon, or split differently (data.split)",
                setting="data.split",
            )
        both.append(starts)
    every = tuple(range(len(panel.channels)))
    train = make_windows(
        panel,
        member.scaler,
        both[0],
        task.lookback,
        horizon if stage.forecasts else 0,
        targets=task.targets if stage.targets and len(task.targets) < task.channels else every,
        with_known=forecaster.network.uses_known,
        prompter=forecaster.network.prompter,
    )
    if not forecaster.network.uses_phase:
        train = train.without_phase()
    others = [replace(train, starts=starts, items=items) if len(starts) else None for starts, items in both[1:]]
    return train, others[0], others[1] if len(others) > 1 else None


def _few(train_end: NDArray[np.int64], share: float, lookback: int, steps: int) -> NDArray[np.int64]:
    """Where each item's training ends when only the first share of it is learned from.

    Raises DataError when no window of `steps` steps is left.
    """
    ends, longest = first_share(train_end, share, lookback), int(train_end.max())
    if (left := int(ends.max())) < steps <= longest:
        least = math.ceil((steps - lookback) / (longest - lookback) * 1e4) / 1e4
        raise DataError(
            f"the first {share:.6g} of the training part (data.fraction) holds no window: {steps} steps are needed, and"
            f" it leaves {left} of {longest}; from {least:.6g} on it holds one",
            setting="data.fraction",
        )
    return ends


def describe_few_shot(run: RunConfig, windows: Supply, *, several: bool) -> Note:
    each = " of each dataset" if several else ""
    text = (
        f"few-shot: of the training part{each} the first {run.data.fraction:.4g} is learned from ({len(windows)}"
        " windows); scaled by all of it, validation and test as ever"
    )
    return Note(text, NoteCode.FEW_SHOT)
