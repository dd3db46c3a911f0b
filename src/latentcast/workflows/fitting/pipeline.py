"""A fit as five steps: check the data, build the forecaster, train it, calibrate it, save it."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from itertools import repeat
from pathlib import Path

import torch

from latentcast.core.errors import Fault, SettingsError
from latentcast.core.notes import Note, NoteCode, NoteLog
from latentcast.core.threads import using_threads
from latentcast.data.panel.padding import pad_short
from latentcast.data.panel.panel import Panel
from latentcast.data.panel.split import Split, split
from latentcast.data.windows.mixture import Mix
from latentcast.data.windows.origins import rolling_origins, starts_at
from latentcast.data.windows.view import PreparedPanel
from latentcast.data.windows.windows import Starts
from latentcast.evaluation.forecasts import Computed
from latentcast.evaluation.metrics import Evaluation
from latentcast.forecaster.forecaster import Forecaster
from latentcast.forecaster.judge import calibrate_at, calibrate_on
from latentcast.forecaster.judged_sums import Judged
from latentcast.forecaster.replayed import calibrate_with
from latentcast.forecaster.save import write
from latentcast.forecaster.trained_until import learned_until
from latentcast.models.config.stage_names import RECONSTRUCT
from latentcast.models.config.training import TrainingSettings
from latentcast.training.validated import ValidatedForecasts
from latentcast.workflows.fitting.datasets import TrainingDataset, check_compatible, error_context
from latentcast.workflows.fitting.members import check_members_trainable, train_members
from latentcast.workflows.fitting.processes import is_first_process
from latentcast.workflows.fitting.run_folder import prepare
from latentcast.workflows.fitting.spec import FitOptions, FitSpec, TrainingData
from latentcast.workflows.fitting.stages import Supplies, is_solved, is_trained, train_network, weights_of
from latentcast.workflows.fitting.untrained import untrained
from latentcast.workflows.fitting.unused import check_all_read
from latentcast.workflows.fitting.warm_start import load_initial_weights
from latentcast.workflows.fitting.windows import check_learnable, describe_few_shot, notes_on_windows, training_windows


@dataclass(frozen=True)
class CheckedData:
    """Data that can be learned from: the first dataset as it is, and all of them padded to a window's length."""

    data: TrainingData
    parts: Split
    padded: tuple[tuple[Panel, Split], ...]


@dataclass(frozen=True)
class Prepared:
    """An untrained forecaster and its training data.

    Attributes
    ----------
    datasets
        All datasets, padded to a window's length; the first is the forecaster's own.
    supplies
        Training and validation windows of each stage; empty where nothing is learned from them.
    drawn
        The first weights, before those of a starting point.
    validated
        Forecasts of the validation windows by the weights that training ends with, where it made them.
    """

    forecaster: Forecaster
    own: TrainingDataset
    datasets: tuple[TrainingDataset, ...]
    supplies: Supplies
    drawn: dict[str, torch.Tensor]
    validated: ValidatedForecasts = field(default_factory=ValidatedForecasts)

    @property
    def has_members(self) -> bool:
        return trains_members(self.forecaster)


def run_fit(spec: FitSpec, data: TrainingData, options: FitOptions | None = None) -> Forecaster:
    """Fit, calibrate and save. Raises SettingsError, DataError, CheckpointError or Interrupted."""
    options, notes = options or FitOptions(), NoteLog()
    check_options(options)
    checked = check_trainable(spec, data, notes)
    with own_random_state(), using_threads(options.threads) as threads:
        prepared = build_untrained(spec, checked, options, notes)
        with training_folder(prepared.forecaster, options) as folder:
            train(spec, prepared, folder, options, notes)
            until = _trained_until(prepared)
            prepared = replace(prepared, supplies=(), datasets=())  # windows are as large as the values
            calibrate_on_validation(spec, prepared)
            card = prepared.forecaster.card
            prepared.forecaster.card = replace(card, notes=tuple(notes), threads=threads, trained_until=until)
            return save_if_asked(prepared.forecaster, folder, options)


def check_trainable(spec: FitSpec, data: TrainingData, notes: NoteLog) -> CheckedData:
    """Pad short series, and note what each dataset cannot give."""
    notes.extend(Note(note, NoteCode.MODEL) for note in spec.run.notes)
    parts = split(data.panel, spec.run.data.split) if data.parts is None else data.parts
    several = [(data.name, data.panel, parts), *((one.name, one.panel, one.parts) for one in data.others)]
    padded = []
    for name, panel, ends in several:
        longer = pad_short(panel, ends, spec.run.lookback, spec.horizon)
        with error_context(name if data.others else None):
            found = notes_on_windows(longer.panel, longer.parts, spec.run.lookback, spec.horizon)
        said = [*panel.notes, *longer.notes, *found]
        notes.extend(Note.from_value(note).of(name) for note in said) if data.others else notes.extend(said)
        padded.append((longer.panel, longer.parts))
    return CheckedData(data, parts, tuple(padded))


def build_untrained(spec: FitSpec, checked: CheckedData, options: FitOptions, notes: NoteLog) -> Prepared:
    """Build the forecaster with its initial weights and windows; failures here leave folders unchanged."""
    data, run = checked.data, spec.run
    forecaster, found = untrained(run, data.panel, checked.parts, data.name, data.scaler)
    notes.extend(found)
    _check_stages(spec, forecaster)
    check_all_read(spec, forecaster)
    notes.extend(Note(note, NoteCode.MODEL) for note in forecaster.network.notes)
    own = TrainingDataset(data.name, run.data, data.panel, checked.parts, forecaster.known.scaler)
    datasets = tuple(
        replace(one, panel=panel, parts=parts)
        for one, (panel, parts) in zip((own, *data.others), checked.padded, strict=True)
    )
    card = replace(forecaster.card, stages=tuple(stage.name for stage, _ in spec.stages))
    if data.others:
        check_compatible(forecaster, datasets)
        shares = data.weights or repeat(None, len(datasets))
        card = replace(card, datasets=tuple(one.report(share) for one, share in zip(datasets, shares, strict=False)))
    forecaster.card, drawn = card, weights_of(forecaster)
    if spec.start is not None:
        forecaster.card = replace(card, start=load_initial_weights(spec.start, forecaster))
    if trains_members(forecaster):
        check_members_trainable(spec, data.others)
        return Prepared(forecaster, own, datasets, (), drawn)
    supplies = _supplies(spec, forecaster, datasets, data.weights, notes)
    return Prepared(forecaster, own, datasets, supplies, drawn)


def train(spec: FitSpec, prepared: Prepared, folder: Path, options: FitOptions, notes: NoteLog) -> None:
    """Train member by member, or the network as a whole; nothing where there is nothing to learn."""
    forecaster = prepared.forecaster
    if options.ray is not None:
        options = replace(options, ray=replace(options.ray, offsets=prepared.datasets[0].panel.offsets))
    if prepared.has_members:
        notes.extend(train_members(forecaster, prepared.own, folder, options))
    elif prepared.supplies:
        rest = prepared.supplies, prepared.drawn, folder, options, prepared.validated
        notes.extend(train_network(forecaster, spec.stages, *rest))
    forecaster.network.cpu().eval()


def calibrate_on_validation(spec: FitSpec, prepared: Prepared) -> None:
    """Judge the validation part, if it holds a window; the same pass collects interval scores."""
    forecaster, own = prepared.forecaster, prepared.own
    held_out = (own.parts.val_end - own.parts.train_end >= spec.run.horizon).any()
    calibrates = prepared.has_members or forecaster.network.calibrates or spec.run.training.calibration != "every"
    if not (spec.stages[-1][0].forecasts and calibrates and held_out):
        return
    data = forecaster.known.view_of_fit(own.panel, own.parts, forecaster.task)
    which, windows = _calibration_windows(spec, prepared, data)
    judged = _with_validated(spec, prepared, data, which, windows)
    if judged is None and spec.run.training.calibration == "origins":
        judged = calibrate_at(forecaster, data, which, windows)
    judged = judged or calibrate_on(forecaster, data, which)
    forecaster.card = replace(forecaster.card, validation=judged.to_dict())


def _calibration_windows(spec: FitSpec, prepared: Prepared, data: PreparedPanel) -> tuple[Judged, Starts]:
    """Windows that intervals are made of, by `training.calibration`."""
    forecaster, own, wanted = prepared.forecaster, prepared.own, spec.run.training.calibration
    lookback, horizon = forecaster.task.lookback, forecaster.task.horizon
    if wanted == "origins":
        origins = rolling_origins(own.panel, own.parts, horizon)
        usual = max(1, len(data.starts("val", lookback, horizon)[0]) // len(origins[0]))
        starts = starts_at(origins, own.panel, data.panel, lookback)
        return Judged("val", own.name, usual), (starts, origins[0])
    stride = 1 if forecaster.card.fusion is None else forecaster.card.fusion.stride
    which = Judged("val", own.name, wanted if isinstance(wanted, int) else stride)
    return which, data.starts("val", lookback, horizon, which.stride)


def _with_validated(
    spec: FitSpec, prepared: Prepared, data: PreparedPanel, which: Judged, windows: Starts
) -> Evaluation | None:
    """Judge the forecasts of the validation; None where training kept none of these windows by the last weights."""
    forecaster, report = prepared.forecaster, prepared.forecaster.card.training
    if report is None or prepared.validated.windows is None:
        return None
    step = None if spec.stages[-1][1].keep == "best" else report.stages[-1].steps
    made = prepared.validated.of(windows, step)
    return None if made is None else calibrate_with(forecaster, data, which, windows, Computed(*made))


def _trained_until(prepared: Prepared) -> str | None:
    """The last step that something was learned from, by this fit or by the weights it began with."""
    start = prepared.forecaster.card.start
    before = None if start is None else start.trained_until
    if not prepared.has_members and not prepared.supplies:
        return before
    return learned_until([(one.panel, one.parts) for one in prepared.datasets], before)


def save_if_asked(forecaster: Forecaster, folder: Path, options: FitOptions) -> Forecaster:
    """Write the folder where one was named; only the first of several processes writes."""
    if options.out is not None and is_first_process():
        write(forecaster, folder)
    return forecaster


def trains_members(forecaster: Forecaster) -> bool:
    """Whether the model is made of others that are trained one by one."""
    return "members" in forecaster.network.capabilities.training


def check_options(options: FitOptions) -> None:
    """Raise SettingsError for contradictory options."""
    if options.resume and options.overwrite:
        raise SettingsError("resume goes on in the folder that overwrite would empty; choose one of them")
    if options.out is None and (options.resume or options.overwrite):
        what = "resume goes on in a folder" if options.resume else "overwrite replaces a folder"
        raise SettingsError(f"{what}: say which (out)")


@contextmanager
def own_random_state() -> Iterator[None]:
    """Preserve the random state of the caller."""
    with torch.random.fork_rng(range(torch.cuda.device_count())):
        yield


@contextmanager
def training_folder(forecaster: Forecaster, options: FitOptions) -> Iterator[Path]:
    """The folder to train in: the one that was named, prepared for this run, or a temporary one."""
    if options.out is not None:
        if is_first_process():
            prepare(options.out, forecaster, overwrite=options.overwrite, resume=options.resume)
        yield options.out
        return
    with tempfile.TemporaryDirectory(prefix="latentcast-") as folder:
        yield Path(folder)


def _check_stages(spec: FitSpec, forecaster: Forecaster) -> None:
    """Raises SettingsError for a stage that the model cannot go through, or a setting that it would not read."""
    if faults := [
        f"stages.{name}.train={how.train}: a stage before forecasting trains the parts that it is for; leave it out"
        for name, how in spec.run.stages
        if how.train != TrainingSettings().train
    ]:
        raise SettingsError(faults)
    if spec.stages[0][0].name == RECONSTRUCT and not forecaster.network.reconstructs:
        raise SettingsError(
            Fault(
                "model",
                f": with these parts {spec.run.name} cannot reconstruct what was hidden from it: that needs"
                " model.representation=compression and model.head=decompression",
            )
        )


def _supplies(
    spec: FitSpec,
    forecaster: Forecaster,
    datasets: tuple[TrainingDataset, ...],
    weights: tuple[float, ...] | None,
    notes: NoteLog,
) -> Supplies:
    """The windows of each stage, counted in the card; none where the network has nothing to train."""
    if not is_trained(forecaster) and not is_solved(forecaster, spec.stages):
        return ()
    for one in datasets:
        with error_context(one.name if len(datasets) > 1 else None):
            check_learnable(one.panel, one.parts, spec.run.lookback, spec.horizon)
    supplies = [training_windows(forecaster, datasets, weights, *each) for each in spec.stages]
    last = supplies[-1].train
    if isinstance(last, Mix):
        counted = zip(forecaster.card.datasets, last.sets, strict=True)
        reports = tuple(replace(one, windows=len(its)) for one, its in counted)
        forecaster.card = replace(forecaster.card, datasets=reports)
    if any(how.log_test for _, how in spec.stages):
        text = "training.log_test: losses of the test part are logged; nothing is chosen by them"
        notes.add(Note(text, NoteCode.MODEL))
    if spec.run.data.fraction < 1:
        notes.add(describe_few_shot(spec.run, last, several=len(datasets) > 1))
    return supplies
