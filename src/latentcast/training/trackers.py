"""Logs in MLflow and Weights & Biases, by Lightning's loggers. Nothing of them is imported before one is asked for."""

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from latentcast.core.errors import CheckpointError, MissingExtra
from latentcast.models.config.training import TrainingSettings

PROJECT = "latentcast"


class TrackerLog:
    """Metrics of one stage as one run of a tracker, and the settings of the stage as its parameters.

    Raises MissingExtra without the tracker's package, CheckpointError when it does not take a metric.
    """

    def __init__(self, name: str, folder: Path, settings: TrainingSettings) -> None:
        if find_spec(name) is None:
            raise MissingExtra(name, name, f"training.loggers={name}")
        self.name = name
        folder.mkdir(parents=True, exist_ok=True)
        with self._errors():
            self.logger, self.end = TRACKERS[name](folder)
            self.logger.log_hyperparams(settings.model_dump(mode="json"))

    def add(self, metrics: Mapping[str, float], step: int) -> None:
        with self._errors():
            self.logger.log_metrics(dict(metrics), step)

    def save(self) -> None:
        with self._errors():
            self.logger.save()

    def close(self) -> None:
        with self._errors():
            self.end()

    @contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except Exception as error:  # each tracker has exceptions of its own
            said = next(iter(str(error).splitlines()), "") or type(error).__name__
            raise CheckpointError(
                f"{self.name} does not take the log: {said}. Check its address and network, then go on with the same"
                " command and --resume; training.loggers=csv writes a file instead"
            ) from error


def _mlflow(folder: Path) -> tuple[Any, Callable[[], None]]:
    """A run at MLFLOW_TRACKING_URI, or in a database in the folder."""
    from lightning.pytorch.loggers import MLFlowLogger

    own = f"sqlite:///{folder / 'mlflow.db'}"
    address = os.environ.get("MLFLOW_TRACKING_URI") or own
    files = (folder / "files").as_uri() if address == own else None
    logger = MLFlowLogger(PROJECT, _run_name(folder), address, artifact_location=files)
    return logger, lambda: logger.finalize("success")


def _wandb(folder: Path) -> tuple[Any, Callable[[], None]]:
    """A run of the account that the package knows; with WANDB_MODE=offline in the folder alone."""
    from lightning.pytorch.loggers import WandbLogger

    project = os.environ.get("WANDB_PROJECT", PROJECT)
    logger = WandbLogger(_run_name(folder), str(folder), project=project, settings={"silent": True})
    return logger, logger.experiment.finish


TRACKERS: dict[str, Callable[[Path], tuple[Any, Callable[[], None]]]] = {"mlflow": _mlflow, "wandb": _wandb}


def _run_name(folder: Path) -> str:
    """The run's folder and the stage, as `etth1/forecast`: folder is RUN/logs/STAGE/TRACKER."""
    return f"{folder.parents[2].name}/{folder.parent.name}"
