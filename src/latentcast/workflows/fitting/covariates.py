"""Connect declared covariates with a model: estimate their effects and check that the model reads them."""

from dataclasses import replace

import numpy as np

from latentcast.core.errors import Fault, SettingsError
from latentcast.core.notes import Note, NoteCode
from latentcast.data.features.covariates import Covariates
from latentcast.data.features.regression import Effects, regress
from latentcast.data.panel.panel import Panel
from latentcast.data.panel.split import Split
from latentcast.data.scaling.scaler import Scaler
from latentcast.data.settings import DataSettings
from latentcast.models.network import Network

SAME = 1 - 1e-9  # a correlation that no covariate has with what it is to explain


def has_covariates(settings: DataSettings) -> bool:
    """Whether covariates other than past ones, which are channels of the panel, are declared."""
    return bool(settings.future or settings.static or settings.holidays)


def with_covariates(scaler: Scaler, settings: DataSettings, panel: Panel, parts: Split, notes: list[str]) -> Scaler:
    """Return the scaler that also subtracts the effects of known covariates, learned from the training part; `notes`
    list them.

    Raises DataError when a covariate cannot be used.
    """
    if not has_covariates(settings):
        return scaler
    covariates = Covariates.learned(panel, parts.train_end, settings)
    weights = np.zeros((covariates.width, len(panel.channels)))
    if covariates.future:
        found = regress(covariates, panel, scaler.apply(panel).astype(np.float64), parts.train_end)
        weights = found.weights
        weights[:, [at for at, name in enumerate(panel.channels) if name in settings.past]] = 0.0
    effects = Effects(covariates, weights)
    notes += _in_words(effects, panel, settings)
    return replace(scaler, effects=effects)


def _in_words(effects: Effects, panel: Panel, settings: DataSettings) -> list[str]:
    notes = []
    explains: dict[str, list[str]] = {column.name: [] for column in effects.covariates.future}
    for at, channel in enumerate(panel.channels):
        for name in effects.used(at):
            explains[name].append(channel)
    for name, channels in explains.items():
        whole = len(channels) == len(panel.channels) - len(settings.past)
        of = "every channel" if whole and len(channels) > 1 else ", ".join(channels)
        notes.append(
            f"known in advance: {name} explains {of}"
            if channels
            else f"known in advance: {name} was found to explain nothing, and is left out"
        )
    for name in settings.future:
        column = panel.covariates[name]
        for at, channel in enumerate(panel.channels):
            seen = panel.observed[:, at]
            if column.dtype != object and _alike(column[seen], panel.values[seen, at]):
                notes.append(
                    f"the covariate {name!r} is the same as {channel!r}, up to its unit: if it is not truly known in"
                    " advance, this is a leak"
                )
    return [Note(note, NoteCode.COVARIATES) for note in notes]


def _alike(one: np.ndarray, other: np.ndarray) -> bool:
    a, b = one - one.mean(), other - other.mean()
    size = float(np.sqrt((a @ a) * (b @ b)))
    return size > 0 and abs(float(a @ b)) > SAME * size


def check_model_reads(settings: DataSettings, network: Network, name: str) -> None:
    """Raises SettingsError when a covariate is declared that the model would not read, and names those that would."""
    faults = []
    if settings.past and not network.mixes_channels:
        faults.append(
            Fault(
                "data.past",
                f": {name} treats every channel alone, and would never read {', '.join(settings.past)};"
                " transformer and latent-transformer (model.representation.mix=true) mix the channels of a window",
            )
        )
    if settings.notes and network.prompter is None:
        faults.append(
            Fault(
                "data.notes",
                f": {name} reads no words; time-llm does, with the window's statistics"
                " (model.backbone.statistics=true)",
            )
        )
    if settings.static and not network.uses_static:
        faults.append(
            Fault(
                "data.static",
                f": {name} does not read what a series is; patch-transformer, pattn, patch-linear,"
                " latent-transformer and time-llm do",
            )
        )
    if faults:
        raise SettingsError(faults)
