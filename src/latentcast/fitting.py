"""fit: a table and settings → a trained forecaster, saved where it was asked for."""

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

import numpy as np
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
from latentcast.run import Run, resolve
from latentcast.types import count_parameters

log = logging.getLogger("latentcast")
MAY_CHANGE = (
    "training.max_time",
    "training.loggers",
    "training.accelerator",
    "training.devices",
    "training.strategy",
)


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
    out: str | Path | None = None,
    overwrite: bool = False,
    resume: bool = False,
    progress: bool = False,
) -> Forecaster:
    """Train a model on the training part of the data; the validation part chooses when to stop, and which weights are
    kept, unless the model's recipe keeps the last.

    data      pandas or polars frame, path of a CSV or Parquet file, or a dataset's name
    model     a name of `latentcast models`
    settings  nested or dotted: {"training.lr": 1e-3, "data.gaps": "interpolate", "model.backbone.layers": 2}
    config    YAML file of the same settings; what is stated here wins over it
    out       folder to save into, with checkpoints and logs; `resume` goes on with training that was cut there

    Raises SettingsError (all faults at once), DataError, CheckpointError, or Interrupted.
    """
    named = {"name": model, "preset": preset}
    stated = {"lookback": lookback, "horizon": horizon, "seed": seed}
    values = merge(read_yaml(config) if config is not None else {}, nested(settings or {}))
    over: dict[str, Any] = {key: value for key, value in stated.items() if value is not None}
    over["model"] = {key: value for key, value in named.items() if value is not None}
    values = merge(values, over if over["model"] else {k: v for k, v in over.items() if k != "model"})
    source, defaults = open_data(data)
    run = resolve(values, defaults)
    panel = build(source.frame, run.data)
    return fit_panel(run, panel, source.name, out=out, overwrite=overwrite, resume=resume, progress=progress)


def fit_panel(
    run: Run,
    panel: Panel,
    name: str,
    *,
    parts: Split | None = None,
    out: str | Path | None = None,
    overwrite: bool = False,
    resume: bool = False,
    progress: bool = False,
) -> Forecaster:
    """`fit` on data that was read already."""
    if parts is None:
        parts = split(panel, run.data.split)
    notes = [*panel.notes, *_check(run, panel, parts)]
    for note in notes:
        log.warning(note)
    with ExitStack() as stack:
        stack.enter_context(torch.random.fork_rng(range(torch.cuda.device_count())))  # the caller's stays as it is
        forecaster = _untrained(run, panel, parts, name, notes)
        trained = count_parameters(forecaster.network)[1] > 0
        windows = _training_windows(forecaster, panel, parts) if trained else None  # fails before a folder is touched
        if out is None:
            if resume:
                raise SettingsError("resume goes on in a folder: say which (out)")
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="latentcast-")))
        else:
            folder = Path(out)
            if is_first_process():
                _prepare(folder, run, panel, overwrite=overwrite, resume=resume)
        if windows is not None:
            try:
                forecaster.card["training"] = _train(forecaster, *windows, folder, resume=resume, progress=progress)
            except Interrupted as error:
                if out is not None:
                    raise
                raise Interrupted(
                    "training was interrupted, and nothing of it is kept; name a folder (out) to be able to go on"
                ) from error
        forecaster.network.cpu().eval()
        if (parts.val_end - parts.train_end >= run.horizon).any():
            forecaster.card["validation"] = forecaster.judge(forecaster.view(panel), "val", name).to_dict()
        if out is not None and is_first_process():
            forecaster.write(folder)
    return forecaster


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


def _training_windows(forecaster: Forecaster, panel: Panel, parts: Split) -> tuple[Windows, Windows | None]:
    """Training and validation windows; None for the latter where there are none and nothing is chosen by them.

    Raises DataError when windows are missing, SettingsError when this machine cannot train as it was asked to.
    """
    from latentcast.training.fit import check_machine

    run, task = forecaster.run, forecaster.task
    check_machine(run.training)
    both = []
    for part in ("train", "val"):
        low, high = parts.bounds(part)
        starts = window_starts(panel, low, high, task.lookback, task.horizon)
        if not len(starts[0]) and (part == "train" or run.training.chooses):
            raise DataError(
                f"the {part} part holds no window: {task.lookback} + {task.horizon} steps are needed"
                f"{' (of them the horizon inside the part)' if part == 'val' else ''}, the longest {part} part has"
                f" {int((high - low).max())}; shorten lookback or horizon, or split differently (data.split)"
            )
        both.append(starts)
    train = make_windows(
        panel,
        forecaster.known.scaler,
        both[0],
        task.lookback,
        task.horizon,
        targets=task.targets,
        with_known=forecaster.network.uses_known,
    )
    val_starts, val_items = both[1]
    return train, replace(train, starts=val_starts, items=val_items) if len(val_starts) else None


def _train(
    forecaster: Forecaster, train: Windows, val: Windows | None, folder: Path, *, resume: bool, progress: bool
) -> dict[str, Any]:
    from latentcast.training.fit import run_stage
    from latentcast.training.stages import FORECAST

    began = time.monotonic()
    stages = [
        asdict(
            run_stage(
                forecaster.network,
                stage,
                train,
                val,
                forecaster.run.training,
                folder=folder,
                seed=forecaster.run.seed,
                resume=resume,
                progress=progress,
            )
        )
        for stage in (FORECAST,)
    ]
    seconds = round(time.monotonic() - began, 2)
    return {"windows": len(train), "validation_windows": len(val or ()), "stages": stages, "seconds": seconds}


def _prepare(folder: Path, run: Run, panel: Panel, *, overwrite: bool, resume: bool) -> None:
    """An empty folder to train in, or, to resume, one that began with the same settings on the same data."""
    hub.make_folder(folder, overwrite=overwrite, resume=resume)
    began_with = folder / "checkpoints" / "data.json"
    if not resume:
        write_yaml(folder / hub.SETTINGS, run.dump())
        began_with.parent.mkdir(exist_ok=True)
        began_with.write_text(json.dumps(panel.fingerprint()), encoding="utf-8")
        return
    if not (folder / "checkpoints" / "last.ckpt").is_file():
        raise CheckpointError(f"{folder} holds no checkpoint to go on from; begin without --resume")
    if json.loads(began_with.read_text(encoding="utf-8")) != panel.fingerprint():
        raise DataError(f"training in {folder} began with other data than these; begin anew, or give it the same data")
    before, now = (dict(leaves(values)) for values in (read_yaml(folder / hub.SETTINGS), nested(run.dump())))
    plain = {key: list(v) if isinstance(v, tuple) else v for key, v in now.items()}
    changed = [
        f"{key}: was {before.get(key)!r}, is {plain.get(key)!r}"
        for key in sorted(before.keys() | plain.keys())
        if before.get(key) != plain.get(key) and key not in MAY_CHANGE
    ]
    if changed:
        raise SettingsError(
            [f"--resume goes on with the settings that training began with; {fault}" for fault in changed]
        )


def _check(run: Run, panel: Panel, parts: Split) -> list[str]:
    """Faults that forbid a fit; notes about what can be lived with."""
    needed = run.lookback + run.horizon
    short = [f"{panel.ids[i] or 'the data'} ({panel.lengths[i]} steps)" for i in np.flatnonzero(panel.lengths < needed)]
    if short:
        raise DataError(
            f"shorter than look-back + horizon = {run.lookback} + {run.horizon} = {needed} steps: {some(short)};"
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
