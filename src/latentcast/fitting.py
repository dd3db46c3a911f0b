"""fit and pretrain: a table and settings → a trained forecaster, saved where it was asked for."""

import json
import logging
import os
import tempfile
import time
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import torch

from latentcast import hub
from latentcast.config import leaves, merge, nested, read_yaml, write_yaml
from latentcast.data.panel import Panel, build
from latentcast.data.scaler import Scaler, constant_series
from latentcast.data.split import Seen, Split, split
from latentcast.data.windows import Windows, make_windows, window_starts
from latentcast.errors import CheckpointError, DataError, Interrupted, SettingsError, some
from latentcast.evaluation.metrics import seasonal_error
from latentcast.forecaster import Forecaster, Known, make_task, open_data
from latentcast.network import build as build_network
from latentcast.presets import NAMED
from latentcast.run import Run, resolve
from latentcast.starting import begin_with, inherited
from latentcast.training.settings import TrainingSettings
from latentcast.training.stages import FORECAST, STAGES, Stage
from latentcast.types import count_parameters

log = logging.getLogger("latentcast")
Stages = tuple[tuple[Stage, TrainingSettings], ...]
MAY_CHANGE = ("max_time", "loggers", "accelerator", "devices", "strategy")  # of the training, in every stage


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
    out: str | Path | None = None,
    overwrite: bool = False,
    resume: bool = False,
    progress: bool = False,
) -> Forecaster:
    """Train a model on the training part of the data; the validation part chooses when to stop, and which weights are
    kept, unless the model's recipe keeps the last.

    Stages that have settings (`stages.reconstruct`) come before the forecasts.

    data      pandas or polars frame, path of a CSV or Parquet file, or a dataset's name
    model     a name of `latentcast models`
    settings  nested or dotted: {"training.lr": 1e-3, "data.gaps": "interpolate", "model.backbone.layers": 2}
    config    YAML file of the same settings; what is stated here wins over it
    start     a folder of `pretrain` or `fit`, or a forecaster, whose weights training begins with; the model and the
              look-back are its own where they are not stated
    out       folder to save into, with checkpoints and logs; `resume` goes on with training that was cut there

    Raises SettingsError (all faults at once), DataError, CheckpointError, or Interrupted.
    """
    values = _stated(model, preset, lookback, horizon, seed, settings, config)
    begin = None
    if start is not None:
        begin = start if isinstance(start, Forecaster) else Forecaster.load(start)
        values = inherited(begin, values)
    source, defaults = open_data(data)
    run = resolve(values, defaults)
    panel = build(source.frame, run.data)
    return fit_panel(
        run, panel, source.name, start=begin, out=out, overwrite=overwrite, resume=resume, progress=progress
    )


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
    out: str | Path | None = None,
    overwrite: bool = False,
    resume: bool = False,
    progress: bool = False,
) -> Forecaster:
    """The stages before forecasting alone: hidden values are filled from the rest (`stages.reconstruct.mask`).

    What it gives fills gaps (`impute`), and `fit(..., start=...)` goes on from it, at any horizon. Arguments and
    errors are those of `fit`; the horizon need not be stated. Raises SettingsError for a model that has no such stage.
    """
    values = _stated(model, preset, lookback, horizon, seed, settings, config)
    values = {"horizon": 1, **values, "stages": _every_stage(values)}  # what belongs to a horizon stays small
    if values.get("training"):
        log.warning("settings of training are for forecasts: pretrain takes its own (stages.reconstruct.lr=…)")
    source, defaults = open_data(data)
    run = resolve(values, defaults)
    panel = build(source.frame, run.data)
    return fit_panel(
        run,
        panel,
        source.name,
        forecast=False,
        out=out,
        overwrite=overwrite,
        resume=resume,
        progress=progress,
    )


def _every_stage(values: Mapping[str, Any]) -> Any:
    """The stages of the model that was stated, with what was stated of them."""
    said, stages = values.get("model"), values.get("stages", {})
    name = said.get("name") if isinstance(said, Mapping) else said
    if not isinstance(stages, Mapping) or not isinstance(name, str) or name not in NAMED:
        return stages  # what is wrong with them is said when they are resolved
    if not NAMED[name].stages:
        able = [other for other, named in NAMED.items() if named.stages]
        raise SettingsError(f"model: {name} learns nothing before forecasting; {', '.join(able)} can be pretrained")
    return merge({stage: {} for stage in NAMED[name].stages}, stages)


def _stated(
    model: str | None,
    preset: str | None,
    lookback: int | None,
    horizon: int | None,
    seed: int | None,
    settings: Mapping[str, Any] | None,
    config: str | Path | None,
) -> dict[str, Any]:
    """What was stated, as one nest of settings: arguments over settings over the file."""
    values = merge(read_yaml(config) if config is not None else {}, nested(settings or {}))
    chosen = {key: value for key, value in (("name", model), ("preset", preset)) if value is not None}
    sizes = (("lookback", lookback), ("horizon", horizon), ("seed", seed))
    over = {key: value for key, value in sizes if value is not None}
    return merge(values, {"model": chosen, **over} if chosen else over)


def fit_panel(
    run: Run,
    panel: Panel,
    name: str,
    *,
    parts: Split | None = None,
    start: Forecaster | None = None,
    forecast: bool = True,
    out: str | Path | None = None,
    overwrite: bool = False,
    resume: bool = False,
    progress: bool = False,
) -> Forecaster:
    """`fit` on data that was read already; `pretrain` where it is not to `forecast`."""
    stages = plan(run, forecast=forecast)
    if parts is None:
        parts = split(panel, run.data.split)
    horizon = run.horizon if stages[-1][0].forecasts else 0
    notes = [*run.notes, *panel.notes, *_check(panel, parts, run.lookback, horizon)]
    for note in notes:
        log.warning(note)
    with ExitStack() as stack:
        stack.enter_context(torch.random.fork_rng(range(torch.cuda.device_count())))  # the caller's stays as it is
        forecaster = _untrained(run, panel, parts, name, notes)
        if not (stages[0][0].forecasts or forecaster.network.reconstructs):
            raise SettingsError(
                f"model: with these parts {run.name} cannot reconstruct what was hidden from it: that needs"
                " model.representation=compression and model.head=decompression"
            )
        for note in forecaster.network.notes:
            log.warning(note)
        forecaster.card["notes"] = [*notes, *forecaster.network.notes]
        forecaster.card["stages"] = [stage.name for stage, _ in stages]
        if start is not None:
            forecaster.card["start"] = begin_with(start, forecaster)
        trained = count_parameters(forecaster.network)[1] > 0
        # what fails here fails before a folder is touched
        windows = [_training_windows(forecaster, panel, parts, *each) for each in stages] if trained else []
        if out is None:
            if resume:
                raise SettingsError("resume goes on in a folder: say which (out)")
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="latentcast-")))
        else:
            folder = Path(out)
            if is_first_process():
                _prepare(folder, run, panel, forecaster.card.get("start"), overwrite=overwrite, resume=resume)
        if windows:
            try:
                forecaster.card["training"] = _train(
                    forecaster, stages, windows, folder, resume=resume, progress=progress
                )
            except Interrupted as error:
                if out is not None:
                    raise
                raise Interrupted(
                    "training was interrupted, and nothing of it is kept; name a folder (out) to be able to go on"
                ) from error
        forecaster.network.cpu().eval()
        if stages[-1][0].forecasts and (parts.val_end - parts.train_end >= run.horizon).any():
            forecaster.card["validation"] = forecaster.judge(forecaster.view(panel), "val", name).to_dict()
        if out is not None and is_first_process():
            forecaster.write(folder)
    return forecaster


def plan(run: Run, *, forecast: bool = True) -> Stages:
    """The stages of a run in their order, each with how it is trained."""
    before = tuple((STAGES[name].stage(how), how) for name, how in run.stages)
    return (*before, (FORECAST, run.training)) if forecast else before


def is_first_process() -> bool:
    """False in the processes that a strategy such as ddp starts beside the first: they train, and write nothing."""
    return int(os.environ.get("LOCAL_RANK", "0")) == 0


def _untrained(run: Run, panel: Panel, parts: Split, name: str, notes: list[str]) -> Forecaster:
    task = make_task(run, panel)
    torch.manual_seed(run.seed)
    network = build_network(run.kind, run.model, task)
    scaler = Scaler.fit(panel, parts.train_end) if run.data.scale else Scaler.identity(panel)
    known = Known(panel.ids, scaler, seasonal_error(panel, parts.train_end, panel.season), Seen.all_of(panel, parts))
    card: dict[str, Any] = {
        "model": run.name,
        "settings": run.dump(),
        "schema": _schema(run, panel, name),
        "versions": hub.versions(),
        "notes": notes,
    }
    return Forecaster(run, task, panel.channels, known, network, card)


def _training_windows(
    forecaster: Forecaster, panel: Panel, parts: Split, stage: Stage, training: TrainingSettings
) -> tuple[Windows, Windows | None]:
    """Training and validation windows; None for the latter where there are none and nothing is chosen by them.

    Windows without a horizon lie wholly inside their part.

    Raises DataError when windows are missing, SettingsError when this machine cannot train as it was asked to.
    """
    from latentcast.training.fit import check_machine

    task = forecaster.task
    lookback, horizon = (task.lookback, task.horizon) if stage.forecasts else (0, task.lookback)
    check_machine(training)
    both = []
    for part in ("train", "val"):
        low, high = parts.bounds(part)
        starts = window_starts(panel, low, high, lookback, horizon)
        if not len(starts[0]) and (part == "train" or training.chooses):
            needed = f"{lookback} + {horizon}" if stage.forecasts else str(horizon)
            inside = " (of them the horizon inside the part)" if stage.forecasts and part == "val" else ""
            raise DataError(
                f"the {part} part holds no window: {needed} steps are needed{inside}, the longest {part} part has"
                f" {int((high - low).max())}; shorten lookback or horizon, or split differently (data.split)"
            )
        both.append(starts)
    train = make_windows(
        panel,
        forecaster.known.scaler,
        both[0],
        task.lookback,
        horizon if stage.forecasts else 0,
        targets=task.targets,
        with_known=forecaster.network.uses_known,
        prompter=forecaster.network.prompter,
    )
    val_starts, val_items = both[1]
    return train, replace(train, starts=val_starts, items=val_items) if len(val_starts) else None


def _train(
    forecaster: Forecaster,
    stages: Stages,
    windows: list[tuple[Windows, Windows | None]],
    folder: Path,
    *,
    resume: bool,
    progress: bool,
) -> dict[str, Any]:
    from latentcast.training.fit import run_stage

    began = time.monotonic()
    before = {name: tensor.clone() for name, tensor in forecaster.network.state_dict().items()}
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
        ended.append({**asdict(outcome), "windows": len(train), "validation_windows": len(val or ())})
    after = forecaster.network.cpu().state_dict()
    forecaster.card["untrained"] = [name for name, tensor in before.items() if torch.equal(tensor, after[name])]
    last = {key: ended[-1][key] for key in ("windows", "validation_windows")}
    return {**last, "stages": ended, "seconds": round(time.monotonic() - began, 2)}


def _last(path: str) -> str:
    return path.rpartition(".")[2]


def _prepare(
    folder: Path, run: Run, panel: Panel, start: Mapping[str, Any] | None, *, overwrite: bool, resume: bool
) -> None:
    """An empty folder to train in, or, to resume, one that began with the same settings, data and weights."""
    if resume and not any(folder.glob("checkpoints/*/last.ckpt")):
        raise CheckpointError(f"{folder} holds no checkpoint to go on from; begin without --resume")
    hub.make_folder(folder, overwrite=overwrite, resume=resume)
    began_with = folder / "checkpoints" / "data.json"
    origin = {"data": panel.fingerprint(), "start": start and start["sha256"]}
    if not resume:
        write_yaml(folder / hub.SETTINGS, run.dump())
        began_with.parent.mkdir(exist_ok=True)
        began_with.write_text(json.dumps(origin), encoding="utf-8")
        return
    began = json.loads(began_with.read_text(encoding="utf-8"))
    if began["data"] != origin["data"]:
        raise DataError(f"training in {folder} began with other data than these; begin anew, or give it the same data")
    if began["start"] != origin["start"]:
        raise SettingsError(f"training in {folder} began with other weights (--from); begin anew, or name the same")
    before, now = (dict(leaves(values)) for values in (read_yaml(folder / hub.SETTINGS), nested(run.dump())))
    plain = {key: list(v) if isinstance(v, tuple) else v for key, v in now.items()}
    changed = [
        f"{key}: was {before.get(key)!r}, is {plain.get(key)!r}"
        for key in sorted(before.keys() | plain.keys())
        if before.get(key) != plain.get(key)
        and not (key.startswith(("training.", "stages.")) and _last(key) in MAY_CHANGE)
    ]
    if changed:
        raise SettingsError(
            [f"--resume goes on with the settings that training began with; {fault}" for fault in changed]
        )


def _check(panel: Panel, parts: Split, lookback: int, horizon: int) -> list[str]:
    """Faults that forbid a fit; notes about what can be lived with."""
    needed = lookback + horizon
    if short := panel.shorter_than(needed):
        raise DataError(
            f"shorter than look-back + horizon = {lookback} + {horizon} = {needed} steps: {some(short)};"
            " shorten lookback or horizon, or leave these series out"
        )
    notes = []
    constant = constant_series(panel, parts.train_end)
    if constant and len(constant) == len(panel.ids) * len(panel.channels):
        raise DataError(f"every series is constant in its training part ({some(constant)}): there is nothing to learn")
    if constant:
        notes.append(f"constant in the training part, and only centred: {some(constant)}")
    without = int((parts.train_end < needed).sum())
    if 0 < without < len(panel.ids):
        notes.append(f"the training part of {without} of {len(panel.ids)} series is too short for a window")
    return notes


def _schema(run: Run, panel: Panel, name: str) -> dict[str, Any]:
    return {
        "data": name,
        "fingerprint": panel.fingerprint(),
        "series": len(panel.ids) * len(panel.channels),
        "steps": len(panel.values),
        "channels": list(panel.channels),
        "freq": panel.frequency.alias,
        "season": panel.season,
        "first": str(panel.times.min()),
        "last": str(panel.times.max()),
        "zone": panel.zone,
        "wall": panel.clock.wall,
        "gaps": run.data.gaps,
        "filled": int((~panel.observed).sum()),
    }
