"""import_checkpoint: make a forecaster from a checkpoint of published code."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from latentcast.core.errors import Fault, SettingsError
from latentcast.core.nested import merge, merge_without_conflict, nested
from latentcast.core.notes import Note, NoteCode
from latentcast.data.panel.build import build
from latentcast.data.panel.split import split
from latentcast.data.sources.open import open_data
from latentcast.data.types import IntoFrame
from latentcast.forecaster import storage
from latentcast.forecaster.card import ImportReport
from latentcast.forecaster.forecaster import Forecaster
from latentcast.forecaster.inputs import prepare
from latentcast.forecaster.judge import calibrate_on
from latentcast.forecaster.judged_sums import Judged
from latentcast.forecaster.save import write
from latentcast.models.config.run import resolve_config
from latentcast.workflows.fitting.untrained import untrained
from latentcast.workflows.published.checkpoint import read_checkpoint
from latentcast.workflows.published.mapping import ImportRequest
from latentcast.workflows.published.sources import map_checkpoint


def import_checkpoint(
    checkpoint: str | Path,
    model: str,
    data: IntoFrame,
    *,
    lookback: int | None = None,
    horizon: int | None = None,
    llm: str | None = None,
    settings: Mapping[str, Any] | None = None,
    calibrate: bool = True,
    out: str | Path | None = None,
    overwrite: bool = False,
) -> Forecaster:
    """Make a forecaster of a checkpoint that another code trained.

    Read are state_dicts of plain tensors: the published Time-LLM and TimeLLM of NeuralForecast (`time-llm`), and
    DLinear of Time-Series-Library (`dlinear`). This is the one function that opens files of `torch.save`: in a process
    of its own, with `weights_only` and limited memory. What it makes and saves holds no pickle.

    Parameters
    ----------
    checkpoint
        File of the state_dict: `.pth`, `.pt`, `checkpoint`, or safetensors.
    model
        `time-llm` or `dlinear`.
    data
        The data of the training: frame, file or dataset name. They give the units, by `data.split`.
    lookback
        Steps that the model reads. Needed for `time-llm`; the weights of `dlinear` say it.
    horizon
        May be left out: the weights say it.
    llm
        Folder or hub id of the language model. Left out, the published one of this size. It is compared with the one
        in the checkpoint.
    settings
        Further settings, nested or dotted: what the checkpoint does not hold (`data.description`,
        `model.representation.stride`, `model.kernel`), and those of the data.
    calibrate
        Forecast the validation part, from whose errors prediction intervals are made. It takes as many forecasts as
        there are windows.
    out
        Folder to save into.
    overwrite
        Replace what latentcast wrote into `out` before.

    Returns
    -------
    Forecaster
        With the weights of the checkpoint.

    Raises
    ------
    CheckpointError
        The file is damaged, holds another model or pickled objects, or does not belong to this language model.
    SettingsError
        The model cannot be imported, or something is missing or contradicts the weights.
    DataError
        The data cannot be read.

    Examples
    --------
    >>> latentcast.import_checkpoint("checkpoint.pth", "dlinear", "ETTh1")  # doctest: +SKIP
    """
    values = nested(settings or {})
    if stray := [key for key in values if key not in ("model", "data")]:
        why = ": nothing is trained; settings of model and data alone apply"
        raise SettingsError([Fault(key, why) for key in stray])
    if llm is not None:
        values = merge_without_conflict(values, {"model": {"backbone": {"llm": llm}}})
    if out is not None:
        storage.check_folder(Path(out), overwrite=overwrite)
    request = ImportRequest(lookback, horizon, llm, values)
    found, mapped = map_checkpoint(model, request, lambda prefixes: read_checkpoint(checkpoint, prefixes))
    source, defaults = open_data(data)
    run = resolve_config(merge(mapped.settings, values), defaults)
    panel = build(source.frame, run.data)
    parts = split(panel, run.data.split)
    with torch.random.fork_rng(range(torch.cuda.device_count())):  # the caller's state stays as it is
        made, said = untrained(run, panel, parts, source.name)
    mapped.load_into(made.network)
    made.network.eval()
    report = ImportReport(mapped.source, found.path.name, found.sha256)
    notes = [*run.notes, *panel.notes, *said, *(Note(note, NoteCode.MODEL) for note in mapped.notes)]
    made.card = replace(made.card, notes=tuple(notes), stages=("forecast",), imported=report)
    if calibrate and (parts.val_end - parts.train_end >= run.horizon).any():
        judged = calibrate_on(made, prepare(made, panel), Judged("val", source.name, 1))
        made.card = replace(made.card, validation=judged.to_dict())
    if out is not None:
        storage.make_folder(Path(out), overwrite=overwrite)
        write(made, Path(out))
    return made
