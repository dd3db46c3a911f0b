"""A saved forecaster, as it was or under what may change after training: its decoding, its horizon."""

import logging
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from latentcast.core.errors import Fault, SettingsError
from latentcast.core.nested import format_value, merge, nested
from latentcast.core.settings import differing
from latentcast.forecaster.forecaster import Forecaster
from latentcast.forecaster.load import as_forecaster
from latentcast.models.config.run import resolve_config
from latentcast.models.network import build

log = logging.getLogger("latentcast")


def load(
    folder: str | Path,
    *,
    device: str = "cpu",
    settings: Mapping[str, Any] | None = None,
    horizon: int | None = None,
) -> Forecaster:
    """Read a saved forecaster. A folder written with a GPU loads on a CPU.

    Parameters
    ----------
    folder
        Folder that `Forecaster.save` or `fit(out=…)` wrote.
    device
        Device of the network, as `cpu` or `cuda`.
    settings
        Settings of the model that shape no weight, nested or dotted: `{"model.head.temperature": 0.8}`.
    horizon
        Another horizon than that of the fit, for models whose weights do not depend on it. None keeps it.

    Returns
    -------
    Forecaster
        With the same weights.

    Raises
    ------
    CheckpointError
        The folder is missing, foreign, unfinished, damaged, newer than this version, or makes no sense.
    SettingsError
        The weights depend on what would change.

    Examples
    --------
    >>> latentcast.fit(frame, "naive", lookback=48, horizon=2, out=folder / "saved")
    <Forecaster naive, 48 → 2 steps of h, of load in frame>
    >>> len(latentcast.load(folder / "saved", horizon=5).predict(frame))
    5
    """
    return changed(as_forecaster(folder, device=device), settings, horizon=horizon)


def changed(
    forecaster: Forecaster, settings: Mapping[str, Any] | None = None, *, horizon: int | None = None
) -> Forecaster:
    """The same weights under other settings, or at another horizon; a warning where it goes beyond what was learned."""
    task, over = forecaster.task, nested(settings or {})
    if not over and horizon in (None, task.horizon):
        return forecaster
    if other := [key for key in over if key != "model"]:
        raise SettingsError([f"{key}: settings of the model alone can change after training" for key in other])
    further = horizon is not None and horizon > task.horizon
    run = resolve_config({**merge(forecaster.run.dump(), over), "horizon": horizon or task.horizon})
    if faults := [
        f"{path}: {format_value(before)} when it was trained, {format_value(now)} here, and its weights belong to that"
        for path, before, now in differing(forecaster.run.model, run.model, "model.")
    ]:
        raise SettingsError(faults)
    network = build(run.kind, run.model, replace(task, horizon=run.horizon))
    weights, own = forecaster.network.state_dict(), network.state_dict()
    if own.keys() != weights.keys() or any(own[name].shape != tensor.shape for name, tensor in weights.items()):
        raise SettingsError(
            Fault(
                "horizon",
                f"={run.horizon}: the weights of this {run.name} belong to its horizon of {task.horizon}; fit it"
                f" again for the other (latentcast fit … --horizon {run.horizon})",
            )
        )
    network.load_state_dict(weights)
    if further:
        log.warning(
            f"a horizon of {run.horizon} steps is longer than the {task.horizon} that this {run.name} was trained for:"
            " it goes on as it began, and how well was never judged"
        )
    card = replace(forecaster.card, settings=run.dump())
    return replace(forecaster, run=run, task=network.task, network=network.to(forecaster.device).eval(), card=card)
