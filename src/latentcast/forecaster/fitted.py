"""State of a fitted forecaster."""

from dataclasses import dataclass, field

import torch

from latentcast.core.errors import SettingsError
from latentcast.core.notes import NoteLog
from latentcast.core.types import Task
from latentcast.forecaster.calibration import Calibration
from latentcast.forecaster.card import RunCard
from latentcast.forecaster.fit_statistics import FitStatistics
from latentcast.models.config.run import RunConfig
from latentcast.models.config.training import CODEC, RECONSTRUCT
from latentcast.models.network import Network


@dataclass
class FittedModel:
    """A network with everything needed to forecast.

    Attributes
    ----------
    run
        All settings of the fit.
    task
        Look-back, horizon and sizes that the network was built for.
    channels
        Names of the channels, in the order of the network.
    known
        Per-series statistics of the training data.
    network
        The trained network.
    card
        The run card: settings, schema, versions, training and validation figures, notes.
    calibration
        Scores of held-out windows, from which intervals are made. None: nothing was held out.
    told
        Notes on the data that were already logged: each is logged once.
    """

    run: RunConfig
    task: Task
    channels: tuple[str, ...]
    known: FitStatistics
    network: Network
    card: RunCard
    calibration: Calibration | None = None
    told: NoteLog = field(default_factory=NoteLog, init=False, repr=False, compare=False)

    @property
    def name(self) -> str:
        """Name of the model: the column of its forecasts."""
        return self.run.name

    @property
    def device(self) -> torch.device:
        """The device that the network is on."""
        return next((p.device for p in self.network.parameters()), torch.device("cpu"))


def check_forecasts(fitted: FittedModel) -> None:
    """Raise SettingsError for a model that was only pretrained."""
    last = fitted.card.stages[-1:]
    if last in ((RECONSTRUCT,), (CODEC,)):
        learned = "to fill gaps" if last == (RECONSTRUCT,) else "its codes alone"
        raise SettingsError(
            f"this {fitted.name} was pretrained: it learned {learned}, and not to forecast. Go on with"
            " latentcast fit … --from DIR"
        )


def reconstructs(fitted: FittedModel) -> bool:
    """Whether the last training stage was to fill hidden values of the look-back."""
    return fitted.card.stages[-1:] == (RECONSTRUCT,)
