"""Check whether trained weights fit other data."""

from dataclasses import replace

import torch

from latentcast.core.errors import DataError, SettingsError
from latentcast.core.types import Task
from latentcast.data.features import calendar
from latentcast.data.panel.build import build
from latentcast.data.sources.frames import Source
from latentcast.forecaster.fitted import FittedModel
from latentcast.models.network import build as build_network


def misfits(fitted: FittedModel, channels: int, known: int) -> list[str]:
    """Return which of `channels` and `known` differ from those that the weights depend on."""
    tasks = {
        "channels": replace(fitted.task, channels=channels, targets=tuple(range(channels))),
        "known": replace(fitted.task, known=known),
    }
    same = {"channels": channels == fitted.task.channels, "known": known == fitted.task.known}
    return [name for name, task in tasks.items() if not (same[name] or _weights_suit(fitted, task))]


def _weights_suit(fitted: FittedModel, task: Task) -> bool:
    if fitted.network.mixes_channels and task.channels != fitted.task.channels:
        return False
    try:
        with torch.device("meta"):  # shapes alone
            other = build_network(fitted.run.kind, fitted.run.model, task)
    except SettingsError:
        return False
    mine, its = ({name: t.shape for name, t in one.state_dict().items()} for one in (fitted.network, other))
    return mine == its


def transfer_hint(fitted: FittedModel, source: Source) -> str:
    """Hint of `transfer` for errors about other channels or another frequency, where it would work."""
    try:
        panel = build(source.frame, fitted.run.data.model_copy(update={"freq": None}))
    except DataError:
        return ""
    if misfits(fitted, len(panel.channels), len(calendar.feature_names(panel.frequency))):
        return ""
    return "; to use its weights on other data without training: --transfer (latentcast.transfer)"
