"""transfer: use a trained model on new data without training (zero-shot)."""

import logging
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from latentcast.core.errors import DataError, Fault, SettingsError, shorten
from latentcast.core.nested import leaves, merge, nested
from latentcast.core.notes import Note, NoteCode
from latentcast.core.settings import validate
from latentcast.data.panel.build import build
from latentcast.data.panel.panel import Panel
from latentcast.data.panel.split import Split, split
from latentcast.data.scaling.scaler import constant_series
from latentcast.data.settings import DataSettings
from latentcast.data.sources.open import open_data
from latentcast.data.types import IntoFrame
from latentcast.forecaster.forecaster import Forecaster
from latentcast.forecaster.load import as_forecaster
from latentcast.workflows.fitting.untrained import untrained
from latentcast.workflows.fitting.warm_start import load_initial_weights

log = logging.getLogger("latentcast")
ALL_PAST = (1.0, 0.0, 0.0)  # a split that holds nothing out


def transfer(
    forecaster: Forecaster | str | Path,
    data: IntoFrame,
    settings: Mapping[str, Any] | None = None,
    *,
    held_out: bool = True,
) -> Forecaster:
    """Make a trained model ready for other data, without training (zero-shot).

    The data are read by their own rules (columns, frequency, channels, split), and each series is scaled by its own
    training part. An evaluation then judges what a fit that began with these weights and made no step would give.
    Only `data.scale` stays that of the model.

    Parameters
    ----------
    forecaster
        A forecaster, or the folder of one.
    data
        Frame, file or dataset name.
    settings
        Settings of the data alone: `{"data.gaps": "interpolate", "data.split": [0.6, 0.2, 0.2]}`.
    held_out
        False: where neither the settings nor the dataset give a split, nothing is held out, and series are scaled by
        all their past, as for a forecast beyond their end.

    Returns
    -------
    Forecaster
        Of the new data, with the same weights.

    Raises
    ------
    SettingsError
        The weights depend on a field in which the data differ; every such field with both values.
    DataError
        The data cannot be read or scaled.
    CheckpointError
        The folder cannot be read.

    Examples
    --------
    >>> forecaster = latentcast.fit(frame, "dlinear", lookback=48, horizon=2, settings={"training.max_steps": 2})
    >>> other = frame.rename(columns={"load": "heat"})
    >>> latentcast.transfer(forecaster, other).predict(other)["unique_id"].tolist()
    ['heat', 'heat']
    """
    start = as_forecaster(forecaster)
    values = nested(settings or {})
    if stray := [path for path, _ in leaves(values) if not path.startswith("data.")]:
        raise SettingsError(
            [f"{path}: a trained model is what it is; a transfer takes settings of the data alone" for path in stray]
        )
    if "fraction" in values.get("data", {}):
        raise SettingsError(
            Fault("data.fraction", ": a share to learn from, and a transfer learns nothing; leave it out")
        )
    source, defaults = open_data(data)
    stated = merge({"scale": start.run.data.scale, **defaults}, values.get("data", {}))
    whole = not held_out and "split" not in stated
    its = validate(DataSettings, {**stated, "split": ALL_PAST} if whole else stated, "data.")
    run = replace(start.run, data=its, notes=())
    panel = build(source.frame, its)
    parts = split(panel, its.split)
    _can_be_scaled(panel, parts, scale=its.scale)
    with torch.random.fork_rng(range(torch.cuda.device_count())):  # the caller's stays as it is
        made, _ = untrained(run, panel, parts, source.name)
    laid = load_initial_weights(start, made, unchanged=True, judged=not whole)
    notes = tuple(_notes(start, made, panel, parts, whole=whole))
    for note in notes:
        log.warning(note)
    stages, unchanged = start.card.stages, start.card.untrained
    card = replace(made.card, notes=notes, start=laid, transferred=True, stages=stages, untrained=unchanged)
    made.card = replace(card, trained_until=laid.trained_until)
    made.network.to(start.device).eval()
    return made


def _can_be_scaled(panel: Panel, parts: Split, *, scale: bool) -> None:
    without = [panel.ids[item] or "the data" for item in np.flatnonzero(parts.train_end == 0)]
    if scale and without:
        raise DataError(
            f"nothing of {shorten(without)} lies in the training part, by which it would be scaled: split differently"
            " (data.split), or leave it out",
            setting="data.split",
        )


def _notes(start: Forecaster, made: Forecaster, panel: Panel, parts: Split, *, whole: bool) -> list[str]:
    """Notes needed to interpret the figures."""
    name, known = made.card.schema.data, start.card.learned_from
    steps = f"{int(parts.train_end.sum())} of {len(panel.values)} steps"
    by = f"all its past ({len(panel.values)} steps)" if whole else f"its own training part ({steps})"
    scaled = f"{name} is scaled by {by}" if made.run.data.scale else f"{name} is not scaled, nor was what it learned"
    notes = [f"zero-shot: {made.name} learned from {shorten([one.data for one in known])} and is not trained; {scaled}"]
    if made.card.schema.fingerprint in [one.fingerprint for one in known]:
        notes.append(f"not zero-shot: {name} is among the data that it learned from")
    there, here = start.card.schema.freq, made.card.schema.freq
    if there != here:
        notes.append(f"it learned on steps of {there}, and those of {name} are {here}: a look-back spans another time")
    if made.network.mixes_channels and start.channels != made.channels:
        notes.append(
            f"it mixes channels, and takes {shorten(made.channels, 8)} for {shorten(start.channels, 8)}, one for one"
        )
    if made.run.data.scale and (constant := constant_series(panel, parts.train_end)):
        notes.append(f"constant in the {'past' if whole else 'training part'}, and only centred: {shorten(constant)}")
    return [*(Note(note, NoteCode.TRANSFER) for note in notes), *panel.notes]
