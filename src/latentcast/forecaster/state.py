"""What forecasting reads of a fitted model, whatever computes it: a torch network, or an exported graph."""

from dataclasses import dataclass, field
from typing import Any, Protocol

from latentcast.core.errors import SettingsError
from latentcast.core.notes import NoteLog
from latentcast.core.task import Task
from latentcast.data.settings import DataSettings
from latentcast.data.sources.frames import Source
from latentcast.evaluation.forecasts import Compute, Sampling
from latentcast.forecaster.calibration import Calibration
from latentcast.forecaster.card import RunCard
from latentcast.forecaster.fit_statistics import FitStatistics
from latentcast.models.config.stage_names import CODEC, RECONSTRUCT


class RunSettings(Protocol):
    """The settings of a fit that forecasting reads."""

    @property
    def name(self) -> str: ...
    @property
    def seed(self) -> int: ...
    @property
    def data(self) -> DataSettings: ...


class WindowModel(Protocol):
    """What a model declares for cutting its windows and making its intervals."""

    @property
    def prompter(self) -> Any: ...
    @property
    def uses_known(self) -> bool: ...
    @property
    def uses_phase(self) -> bool: ...
    @property
    def samples(self) -> bool: ...
    @property
    def quantile_levels(self) -> tuple[float, ...]: ...
    @property
    def calibrates(self) -> bool: ...
    @property
    def nonnegative(self) -> bool: ...
    @property
    def whole(self) -> bool: ...
    @property
    def is_light(self) -> bool: ...


class Engine(Protocol):
    """How a fitted model computes, and what it can become."""

    def compute(self, sampling: Sampling | None = None) -> Compute:
        """What forecasts batches of windows."""

    def at_horizon(self, horizon: int) -> Any:
        """The same model at another horizon. Raises SettingsError where its weights belong to its own."""

    def transfer_hint(self, source: Source) -> str:
        """The end of an error about other channels or another frequency."""


@dataclass
class FittedState:
    """A model that forecasts, and what is needed to forecast data with it.

    Attributes
    ----------
    run
        Settings of the fit.
    task
        Look-back, horizon and sizes that the model was built for.
    channels
        Names of the channels, in the order of the model.
    known
        Per-series statistics of the training data.
    network
        What the model declares of itself; of a fitted model the trained network.
    card
        The run card: settings, schema, versions, training and validation figures, notes.
    calibration
        Scores of held-out windows, from which intervals are made. None: nothing was held out.
    told
        Notes on the data that were logged already: each is logged once, however often the same data are read.
    engine
        How it computes; set by the class that is made.
    """

    run: RunSettings
    task: Task
    channels: tuple[str, ...]
    known: FitStatistics
    network: WindowModel
    card: RunCard
    calibration: Calibration | None = None
    told: NoteLog = field(default_factory=NoteLog, init=False, repr=False, compare=False)
    engine: Engine = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Classes that are made set their engine here."""

    @property
    def name(self) -> str:
        """Name of the model, and the column of its forecasts.

        Examples
        --------
        >>> forecaster.name
        'dlinear'
        """
        return self.run.name


def check_forecasts(fitted: FittedState) -> None:
    """Raise SettingsError for a model that was only pretrained."""
    last = fitted.card.stages[-1:]
    if last in ((RECONSTRUCT,), (CODEC,)):
        learned = "to fill gaps" if last == (RECONSTRUCT,) else "its codes alone"
        raise SettingsError(
            f"this {fitted.name} was pretrained: it learned {learned}, and not to forecast. Go on with"
            " latentcast fit … --from DIR"
        )


def reconstructs(fitted: FittedState) -> bool:
    """Whether the last training stage was to fill hidden values of the look-back."""
    return fitted.card.stages[-1:] == (RECONSTRUCT,)
