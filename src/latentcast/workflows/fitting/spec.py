"""Values that pass through a fit: the request, the data and the options of the run."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from latentcast.data.panel.panel import Panel
from latentcast.data.panel.split import Split
from latentcast.data.scaling.scaler import Scaler
from latentcast.forecaster.forecaster import Forecaster
from latentcast.models.config.run import RunConfig
from latentcast.models.config.training import TrainingSettings
from latentcast.training.ray_workers import RayTraining
from latentcast.training.stages import STAGES, Stage, forecasting
from latentcast.workflows.fitting.datasets import TrainingDataset

Stages = tuple[tuple[Stage, TrainingSettings], ...]


@dataclass(frozen=True)
class FitSpec:
    """What to fit.

    Attributes
    ----------
    run
        Every setting.
    forecast
        False for `pretrain`: only the stages before forecasting.
    start
        A forecaster whose weights training begins with.
    given
        Settings as a user gave them, nested: those that nothing reads are refused.
    data_defaults
        Settings of the data that the dataset came with.
    """

    run: RunConfig
    forecast: bool = True
    start: Forecaster | None = None
    given: Mapping[str, Any] = field(default_factory=dict)
    data_defaults: Mapping[str, Any] = field(default_factory=dict)

    @property
    def stages(self) -> Stages:
        """The stages of training in their order, each with its settings."""
        before = tuple((STAGES[name].stage(how), how) for name, how in self.run.stages)
        return (*before, (forecasting(self.run.training), self.run.training)) if self.forecast else before

    @property
    def horizon(self) -> int:
        """Steps of a window beyond the look-back; 0 where no stage forecasts."""
        return self.run.horizon if self.stages[-1][0].forecasts else 0


@dataclass(frozen=True)
class TrainingData:
    """The data of a fit.

    Attributes
    ----------
    name, panel
        The forecaster's own dataset.
    parts
        Where its parts end; None splits by `data.split`.
    others, weights
        Further datasets to learn from, and the share of the batches of each, the first included.
    scaler
        Units to keep; None fits them to the training part.
    """

    name: str
    panel: Panel
    parts: Split | None = None
    others: tuple[TrainingDataset, ...] = ()
    weights: tuple[float, ...] | None = None
    scaler: Scaler | None = None


@dataclass(frozen=True)
class FitOptions:
    """How a fit runs: the folder to save into, whether to replace it or go on in it, a progress bar, threads.

    `watch` is called with the number and the loss of each validation of the last stage; training ends where it says so.
    With `ray` networks are trained in workers of a Ray cluster, and sums of closed forms are made there.
    """

    out: Path | None = None
    overwrite: bool = False
    resume: bool = False
    progress: bool = False
    threads: int | None = None
    watch: Callable[[int, float], bool] | None = None
    ray: RayTraining | None = None
