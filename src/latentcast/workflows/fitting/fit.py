"""fit and pretrain: a table and settings → a trained forecaster, saved where it was asked for."""

import logging
import os
import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict, replace
from itertools import repeat
from pathlib import Path
from typing import Any

import torch

from latentcast.core.errors import DataError, Interrupted, SettingsError
from latentcast.core.nested import merge
from latentcast.core.protocols import SolvedModel
from latentcast.data.panel.build import build
from latentcast.data.panel.padding import pad_short
from latentcast.data.panel.panel import Panel
from latentcast.data.panel.split import Split, split
from latentcast.data.scaling.scaler import Scaler
from latentcast.data.sources.open import open_data
from latentcast.data.windows.mixture import Mix
from latentcast.forecaster import storage
from latentcast.forecaster.card import RunCard, Schema, StageReport, TrainingReport
from latentcast.forecaster.fit_statistics import FitStatistics
from latentcast.forecaster.forecaster import Forecaster, as_forecaster, write
from latentcast.forecaster.inputs import prepare as prepare_data
from latentcast.forecaster.judge import Judged, calibrate_on
from latentcast.models.config.presets import MODEL_PRESETS
from latentcast.models.config.run import RunConfig, make_task, merge_user_settings, resolve_config
from latentcast.models.config.training import RECONSTRUCT, TrainingSettings
from latentcast.models.hybrid.model import Hybrid
from latentcast.models.inspection import count_parameters
from latentcast.models.network import build as build_network
from latentcast.training.stages import STAGES, Stage, forecasting
from latentcast.workflows.fitting.covariates import check_model_reads, with_covariates
from latentcast.workflows.fitting.datasets import (
    TrainingDataset,
    check_compatible,
    error_context,
    read,
    validate_dataset_weights,
)
from latentcast.workflows.fitting.run_folder import prepare
from latentcast.workflows.fitting.solving import keep_parts_that_pay, solve_closed_form
from latentcast.workflows.fitting.warm_start import inherit_settings, load_initial_weights
from latentcast.workflows.fitting.windows import Supply, can_learn, describe_few_shot, training_windows
from latentcast.workflows.fusion import fuse

log = logging.getLogger("latentcast")
Stages = tuple[tuple[Stage, TrainingSettings], ...]


def fit(
    data: Any,
    model: str | None = None,
    *,
    lookback: int | None = None,
    horizon: int | None = None,
    preset: str | None = None,
    seed: int | None = None,
    settings: Mapping[str, Any] | None = None,
    config: str | Path | None = None,
    start: str | Path | Forecaster | None = None,
    weights: Sequence[float] | None = None,
    out: str | Path | None = None,
    overwrite: bool = False,
    resume: bool = False,
    progress: bool = False,
) -> Forecaster:
    """Train a model on the training part of the data; the validation part chooses when to stop, and which weights are
    kept, unless the model's recipe keeps the last.

    Stages that have settings (`stages.reconstruct`) come before the forecasts.

    data      pandas or polars frame, path of a CSV or Parquet file, or a dataset's name; or a list of these, for a
              model that treats every channel alone: the first is the forecaster's own, the others are learned from too
    weights   of a list: the share of the batches that comes from each; without them all windows are met once an epoch
    model     a name of `latentcast models`
    settings  nested or dotted: {"training.lr": 1e-3, "data.gaps": "interpolate", "model.backbone.layers": 2}
    config    YAML file of the same settings; what is stated here wins over it
    start     a folder of `pretrain` or `fit`, or a forecaster, whose weights training begins with; the model and the
              look-back are its own where they are not stated
    out       folder to save into, with checkpoints and logs; `resume` goes on with training that was cut there

    Raises SettingsError (all faults at once), DataError, CheckpointError, or Interrupted.
    """
    values = merge_user_settings(model, preset, lookback, horizon, seed, settings, config)
    begin = None
    if start is not None:
        begin = as_forecaster(start)
        values = inherit_settings(begin, values)
    values = with_stages(values, begin, forecast=True)
    return _fit(data, values, weights, start=begin, out=out, overwrite=overwrite, resume=resume, progress=progress)


def pretrain(
    data: Any,
    model: str | None = None,
    *,
    lookback: int | None = None,
    horizon: int | None = None,
    preset: str | None = None,
    seed: int | None = None,
    settings: Mapping[str, Any] | None = None,
    config: str | Path | None = None,
    start: str | Path | Forecaster | None = None,
    weights: Sequence[float] | None = None,
    out: str | Path | None = None,
    overwrite: bool = False,
    resume: bool = False,
    progress: bool = False,
) -> Forecaster:
    """The stages before forecasting alone: a latent-transformer learns to fill hidden values
    (`stages.reconstruct.mask`), a vq-codec its codes, a token-transformer the next code.

    `fit(..., start=...)` goes on from what it gives, at any horizon. Arguments and errors are those of `fit`; stages
    that `start` went through are not gone through again, but the last one. The horizon need not be stated: it is 1, or
    as long as the look-back where a stage reads beyond that. Raises SettingsError for a model that has no such stage.
    """
    values = merge_user_settings(model, preset, lookback, horizon, seed, settings, config)
    begin = None
    if start is not None:
        begin = as_forecaster(start)
        values = inherit_settings(begin, values)
    values = with_stages(values, begin, forecast=False)
    if values.get("training"):
        log.warning("settings of training are for forecasts: pretrain takes its own (stages.STAGE.lr=…)")
    how: dict[str, Any] = {"out": out, "overwrite": overwrite, "resume": resume, "progress": progress}
    return _fit(data, values, weights, start=begin, forecast=False, **how)


def _fit(data: Any, values: Mapping[str, Any], weights: Sequence[float] | None, **how: Any) -> Forecaster:
    """One dataset, or a list of them, with all settings stated."""
    first, *others = data if isinstance(data, list | tuple) and data else [data]
    weights = validate_dataset_weights(weights, 1 + len(others))
    source, defaults = open_data(first)
    run = resolve_config(values, defaults)
    with error_context(source.name if others else None):
        panel = build(source.frame, run.data)
    beside = [read(other, values) for other in others]
    return fit_panel(run, panel, source.name, beside=beside, weights=weights, **how)


def with_stages(values: dict[str, Any], start: Forecaster | None = None, *, forecast: bool = True) -> dict[str, Any]:
    """Settings with the stages that the model must go through, but for those that `start` did.

    Raises SettingsError for a model that has nothing to learn of what is asked.
    """
    said, stages = values.get("model"), values.get("stages", {})
    name = said.get("name") if isinstance(said, Mapping) else said
    if not isinstance(stages, Mapping) or not isinstance(name, str) or name not in MODEL_PRESETS:
        return values  # what is wrong with them is said when they are resolved
    named = MODEL_PRESETS[name]
    learned = () if start is None else start.card.learned
    if forecast and not named.forecasts:
        grown = [other for other, its in MODEL_PRESETS.items() if name in its.grows_from]
        raise SettingsError(
            f"model: {name} forecasts nothing: make it with latentcast pretrain, and begin with it (--from) to fit"
            f" {' or '.join(grown)}"
        )
    if not forecast and not named.stages:
        able = [other for other, its in MODEL_PRESETS.items() if its.stages]
        raise SettingsError(f"model: {name} learns nothing before forecasting; {', '.join(able)} can be pretrained")
    ahead = [stage for stage in (named.required if forecast else named.stages) if stage not in learned]
    if not forecast and not ahead:
        ahead = [list(named.stages)[-1]]
    values = {**values, "stages": merge({stage: {} for stage in ahead}, stages)}
    if not forecast:
        reads_on = any(stage in STAGES and STAGES[stage].ahead for stage in values["stages"])
        values.setdefault("horizon", values.get("lookback", 1) if reads_on else 1)  # what belongs to it stays small
    return values


def fit_panel(
    run: RunConfig,
    panel: Panel,
    name: str,
    *,
    parts: Split | None = None,
    beside: Sequence[TrainingDataset] = (),
    weights: Sequence[float] | None = None,
    start: Forecaster | None = None,
    scaler: Scaler | None = None,
    forecast: bool = True,
    out: str | Path | None = None,
    overwrite: bool = False,
    resume: bool = False,
    progress: bool = False,
) -> Forecaster:
    """`fit` on data that was read already; `pretrain` where it is not to `forecast`. The data `beside` are learned from
    too, by the share of the batches that `weights` give to the first and to each of them; a `scaler` stays as it is."""
    stages = plan(run, forecast=forecast)
    if parts is None:
        parts = split(panel, run.data.split)
    horizon = run.horizon if stages[-1][0].forecasts else 0
    notes = [*run.notes]
    padded = []
    for which, read_as, ends in [(name, panel, parts), *((one.name, one.panel, one.parts) for one in beside)]:
        longer = pad_short(read_as, ends, run.lookback, horizon)
        with error_context(which if beside else None):
            said = [*read_as.notes, *longer.notes, *can_learn(longer.panel, longer.parts, run.lookback, horizon)]
        padded.append(longer)
        notes += [f"{which}: {note}" for note in said] if beside else said
    for note in notes:
        log.warning(note)
    with ExitStack() as stack:
        stack.enter_context(torch.random.fork_rng(range(torch.cuda.device_count())))  # the caller's stays as it is
        before = len(notes)
        forecaster = untrained(run, panel, parts, name, notes, scaler)
        for note in notes[before:]:
            log.warning(note)
        if stages[0][0].name == RECONSTRUCT and not forecaster.network.reconstructs:
            raise SettingsError(
                f"model: with these parts {run.name} cannot reconstruct what was hidden from it: that needs"
                " model.representation=compression and model.head=decompression"
            )
        for note in forecaster.network.notes:
            log.warning(note)
        notes += forecaster.network.notes
        members = [
            replace(one, panel=longer.panel, parts=longer.parts)
            for one, longer in zip(
                (TrainingDataset(name, run.data, panel, parts, forecaster.known.scaler), *beside), padded, strict=True
            )
        ]
        if beside:
            check_compatible(forecaster, members)
            shares = weights or repeat(None, len(members))
            datasets = tuple(one.report(weight) for one, weight in zip(members, shares, strict=True))
            forecaster.card = replace(forecaster.card, datasets=datasets)
        forecaster.card = replace(forecaster.card, stages=tuple(stage.name for stage, _ in stages))
        fresh = {name: tensor.clone() for name, tensor in forecaster.network.state_dict().items()}
        if start is not None:
            forecaster.card = replace(forecaster.card, start=load_initial_weights(start, forecaster))
        hybrid = isinstance(forecaster.network.model, Hybrid)
        if hybrid:
            _whole_only(start, beside, resume=resume)
        trained = not hybrid and count_parameters(forecaster.network)[1] > 0
        # what fails here fails before a folder is touched
        model = forecaster.network.model
        solved = isinstance(model, SolvedModel) and model.solves and stages[-1][0].forecasts
        learns = trained or solved
        windows = [training_windows(forecaster, members, weights, *each) for each in stages] if learns else []
        if windows and isinstance(mix := windows[-1][0], Mix):
            counted = zip(forecaster.card.datasets, mix.sets, strict=True)
            datasets = tuple(replace(one, windows=len(its)) for one, its in counted)
            forecaster.card = replace(forecaster.card, datasets=datasets)
        if windows and run.data.fraction < 1:
            notes.append(few := describe_few_shot(run, windows[-1][0], beside))
            log.warning(few)
        if out is None:
            if resume:
                raise SettingsError("resume goes on in a folder: say which (out)")
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="latentcast-")))
        else:
            folder = Path(out)
            if is_first_process():
                prepare(folder, run, forecaster.card, overwrite=overwrite, resume=resume)
        if solved:
            forecaster.card = replace(forecaster.card, solved=solve_closed_form(forecaster, *windows[-1]))
        if trained:
            try:
                training = _train(forecaster, fresh, stages, windows, folder, resume=resume, progress=progress)
                forecaster.card = replace(forecaster.card, training=training)
            except Interrupted as error:
                if out is not None:
                    raise
                raise Interrupted(
                    "training was interrupted, and nothing of it is kept; name a folder (out) to be able to go on"
                ) from error
        if solved and trained:
            report = {**(forecaster.card.solved or {}), **keep_parts_that_pay(forecaster, windows[-1][1])}
            forecaster.card = replace(forecaster.card, solved=report)
            log.warning(f"shortcut=solved: parts {report['parts']}")
        if hybrid:
            own = TrainingDataset(name, run.data, panel, parts, forecaster.known.scaler)
            trained_members = _train_members(forecaster, own, folder, progress=progress)
            forecaster.network.cpu().eval()
            fusion, said = fuse(forecaster, prepare_data(forecaster, panel))
            forecaster.card = replace(forecaster.card, members=trained_members, fusion=fusion)
            for note in said:
                log.warning(note)
            notes += said
        forecaster.network.cpu().eval()
        held_out = (parts.val_end - parts.train_end >= run.horizon).any()
        if stages[-1][0].forecasts and (hybrid or forecaster.network.calibrates) and held_out:
            # the same pass gives the scores that prediction intervals are made of
            stride = 1 if forecaster.card.fusion is None else forecaster.card.fusion.stride
            judged = calibrate_on(forecaster, prepare_data(forecaster, panel), Judged("val", name, stride))
            forecaster.card = replace(forecaster.card, validation=judged.to_dict())
        forecaster.card = replace(forecaster.card, notes=tuple(notes))
        if out is not None and is_first_process():
            write(forecaster, folder)
    return forecaster


def plan(run: RunConfig, *, forecast: bool = True) -> Stages:
    """The stages of a run in their order, each with how it is trained."""
    before = tuple((STAGES[name].stage(how), how) for name, how in run.stages)
    return (*before, (forecasting(run.training), run.training)) if forecast else before


def is_first_process() -> bool:
    """False in the processes that a strategy such as ddp starts beside the first: they train, and write nothing."""
    return int(os.environ.get("LOCAL_RANK", "0")) == 0


def untrained(
    run: RunConfig, panel: Panel, parts: Split, name: str, notes: list[str], scaler: Scaler | None = None
) -> Forecaster:
    """A forecaster as it is before training; draws its first weights from the run's seed, and leaves torch seeded."""
    if scaler is None:
        scaler = with_covariates(Scaler.fit(panel, parts.train_end, run.data), run.data, panel, parts, notes)
    task = make_task(run, panel, None if scaler.effects is None else scaler.effects.covariates)
    torch.manual_seed(run.seed)
    network = build_network(run.kind, run.model, task)
    check_model_reads(run.data, network, run.name)
    covariates = None
    if scaler.effects is not None:
        covariates = {**scaler.effects.covariates.dump(), "weights": scaler.effects.weights.tolist()}
    schema = _schema(run, panel, name)
    card = RunCard(run.name, run.dump(), schema, storage.versions(), tuple(notes), covariates)
    return Forecaster(run, task, panel.channels, FitStatistics.of(panel, parts, scaler), network, card)


def _train(
    forecaster: Forecaster,
    fresh: Mapping[str, torch.Tensor],
    stages: Stages,
    windows: list[tuple[Supply, Supply | None]],
    folder: Path,
    *,
    resume: bool,
    progress: bool,
) -> TrainingReport:
    from latentcast.training.run_stage import run_stage

    began = time.monotonic()
    ended = []
    for number, ((stage, training), (train, val)) in enumerate(zip(stages, windows, strict=True)):
        if number:  # however the stage before ended, or was resumed
            torch.manual_seed(forecaster.run.seed + number)
        outcome = run_stage(
            forecaster.network,
            stage,
            train,
            val,
            training,
            folder=folder,
            seed=forecaster.run.seed,
            resume=resume,
            progress=progress,
        )
        found = stage.check(forecaster.network, train if val is None else val) if stage.check else None
        parameters = sum(parameter.numel() for parameter in stage.parameters(forecaster.network))
        ended.append(
            StageReport(
                **asdict(outcome),
                windows=len(train),
                validation_windows=len(val or ()),
                trained_parameters=parameters,
                found=found,
            )
        )
    after = forecaster.network.cpu().state_dict()
    # `fresh` is the network as it was drawn: what training before this one learned counts as learned
    untouched = tuple(name for name, tensor in fresh.items() if torch.equal(tensor, after[name]))
    forecaster.card = replace(forecaster.card, untrained=untouched)
    last, seconds = ended[-1], round(time.monotonic() - began, 2)
    return TrainingReport(last.windows, last.validation_windows, tuple(ended), seconds)


def _whole_only(start: Forecaster | None, beside: Sequence[TrainingDataset], *, resume: bool) -> None:
    """Raises SettingsError for what a hybrid, whose members are trained one after another, is not made for."""
    faults = []
    if start is not None:
        faults.append("a hybrid begins with no weights and is not updated: fit it again on the newer data")
    if beside:
        faults.append("a hybrid learns from one dataset: name one")
    if resume:
        faults.append("resume: a hybrid's members are trained one after another: begin anew, with overwrite")
    if faults:
        raise SettingsError(faults)


def _train_members(
    forecaster: Forecaster, own: TrainingDataset, folder: Path, *, progress: bool
) -> dict[str, TrainingReport]:
    """Each member of a hybrid by itself, as it would be alone; label → its training, where it learns anything."""
    model, whole = forecaster.network.model, forecaster.run
    ended: dict[str, TrainingReport] = {}
    for label, run in model.runs.items():
        run = replace(run, data=whole.data, seed=whole.seed)
        torch.manual_seed(run.seed)
        network = model.networks[label] = model.fresh(label)
        if not count_parameters(network)[1]:
            continue
        alone = replace(forecaster, run=run, task=model.task_of(label), network=network)
        longer = pad_short(own.panel, own.parts, run.lookback, run.horizon)
        member = replace(own, panel=longer.panel, parts=longer.parts)
        stages = plan(run)
        try:
            windows = [training_windows(alone, [member], None, *each) for each in stages]
            fresh = {name: tensor.clone() for name, tensor in network.state_dict().items()}
            at = folder / "members" / label
            ended[label] = _train(alone, fresh, stages, windows, at, resume=False, progress=progress)
        except Interrupted as error:
            raise Interrupted("training was interrupted; a hybrid is begun anew (--overwrite)") from error
        except (DataError, SettingsError) as error:
            raise type(error)(f"member {label}: {error}") from error
    return ended


def _schema(run: RunConfig, panel: Panel, name: str) -> Schema:
    return Schema(
        data=name,
        fingerprint=panel.fingerprint(),
        series=len(panel.ids) * len(panel.channels),
        steps=len(panel.values),
        channels=panel.channels,
        freq=panel.frequency.alias,
        season=panel.season,
        first=str(panel.times.min()),
        last=str(panel.times.max()),
        zone=panel.zone,
        gaps=run.data.gaps,
        filled=int((~panel.observed).sum()),
        wall=panel.clock.wall,
    )
