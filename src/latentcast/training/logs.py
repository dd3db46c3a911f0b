"""What a stage of training writes while it runs: its logs, and a progress bar."""

import csv
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

from latentcast.core.errors import CheckpointError, MissingExtra
from latentcast.models.config.training import TrainingSettings
from latentcast.training.trackers import TRACKERS, TrackerLog

EVERY = 20  # optimiser steps between two logged training losses


class TrainingLog:
    """Metrics by optimiser step. Resumed training writes into a new folder, such as `csv-2/`."""

    def __init__(self, settings: TrainingSettings, folder: Path | None, progress: "ProgressBar | None") -> None:
        self.loggers = [] if folder is None else [_logger(name, folder, settings) for name in settings.loggers]
        self.progress = progress
        self.losses, self.steps = 0.0, 0  # since the last validation

    def step(self, number: int, epoch: int, loss: Any) -> None:
        """Log the training loss of some steps, and move the progress bar."""
        if self.loggers:
            self.losses, self.steps = self.losses + loss, self.steps + 1
        if number % EVERY == 0 and self.loggers:
            self._write({"train_loss": float(loss), "epoch": epoch}, number)
        if self.progress is not None:
            self.progress.move(number, loss)

    def validation(self, number: int, epoch: int, metrics: Mapping[str, float]) -> None:
        """Log a validation with the mean training loss since the one before, and bring all metrics to the disk."""
        since = {"train_loss_mean": float(self.losses) / self.steps} if self.steps else {}
        self.losses, self.steps = 0.0, 0
        self._write({**since, **metrics, "epoch": epoch}, number)
        for logger in self.loggers:
            logger.save()
        if self.progress is not None:
            self.progress.validated(metrics["val_loss"])

    def close(self) -> None:
        for logger in self.loggers:
            logger.close()
        if self.progress is not None:
            self.progress.close()

    def _write(self, metrics: Mapping[str, float], number: int) -> None:
        for logger in self.loggers:
            logger.add(metrics, number)


class ProgressBar:
    """One bar over all optimiser steps of a stage."""

    def __init__(self, stage: str, steps: int, done: int) -> None:
        from tqdm.auto import tqdm  # type: ignore[import-untyped]

        self.bar = tqdm(total=steps, initial=done, desc=stage, unit="step", leave=False)
        self.shown: dict[str, str] = {}

    def move(self, number: int, loss: Any) -> None:
        if number % EVERY == 0:
            self.shown["loss"] = f"{float(loss):.4g}"
            self.bar.set_postfix(self.shown, refresh=False)
        self.bar.update(number - self.bar.n)

    def validated(self, loss: float) -> None:
        self.shown["validation"] = f"{loss:.4g}"
        self.bar.set_postfix(self.shown)

    def close(self) -> None:
        self.bar.close()


class Log(Protocol):
    """Where metrics go."""

    def add(self, metrics: Mapping[str, float], step: int) -> None:
        """Take the metrics of one optimiser step."""

    def save(self) -> None:
        """Bring to the disk what was taken."""

    def close(self) -> None:
        """Save, and take nothing more."""


class CsvLog:
    """Metrics as `metrics.csv`: one row a call, its columns those of all rows."""

    def __init__(self, folder: Path) -> None:
        self.path, self.rows = folder / "metrics.csv", list[dict[str, float]]()

    def add(self, metrics: Mapping[str, float], step: int) -> None:
        self.rows.append({**metrics, "step": step})

    def save(self) -> None:
        """Raise CheckpointError when the disk does not take the file."""
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with self.path.open("w", encoding="utf-8", newline="") as file:
                writer = csv.DictWriter(file, sorted({name for row in self.rows for name in row}))
                writer.writeheader()
                writer.writerows(self.rows)
        except OSError as error:
            raise CheckpointError(
                f"the log {self.path} cannot be written: {error.strerror or error}. Free space or permissions on that"
                " disk, then go on with the same command and --resume; training.loggers=[] writes no log"
            ) from error

    def close(self) -> None:
        self.save()


class TensorBoardLog:
    """Metrics as events that TensorBoard reads."""

    def __init__(self, folder: Path) -> None:
        try:
            from torch.utils.tensorboard import SummaryWriter
        except ModuleNotFoundError as error:
            raise MissingExtra("tensorboard", "tensorboard", "training.loggers=tensorboard") from error
        self.writer = SummaryWriter(folder)

    def add(self, metrics: Mapping[str, float], step: int) -> None:
        for name, value in metrics.items():
            self.writer.add_scalar(name, value, step)

    def save(self) -> None:
        self.writer.flush()

    def close(self) -> None:
        self.writer.close()


def _logger(name: str, logs: Path, settings: TrainingSettings) -> Log:
    before = len(list(logs.glob(f"{name}*")))
    folder = logs / (f"{name}-{before + 1}" if before else name)
    if name in TRACKERS:
        return TrackerLog(name, folder, settings)
    return CsvLog(folder) if name == "csv" else TensorBoardLog(folder)
