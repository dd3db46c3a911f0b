"""The devices and processes that a stage of training runs on, through Lightning Fabric."""

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from latentcast.core.errors import LatentcastError, SettingsError
from latentcast.models.config.training import PRECISIONS, TrainingSettings

if TYPE_CHECKING:
    from lightning.fabric import Fabric


def make_fabric(settings: TrainingSettings) -> "Fabric":
    """Raises SettingsError when a precision, device or strategy is not available on this machine."""
    from lightning.fabric import Fabric

    try:
        return Fabric(
            accelerator=settings.accelerator,
            devices=settings.devices,
            strategy=settings.strategy,
            precision=PRECISIONS[settings.precision],  # type: ignore[arg-type]
        )
    except (ValueError, RuntimeError, TypeError) as error:
        if isinstance(error, LatentcastError):
            raise
        where = f"accelerator={settings.accelerator}, devices={settings.devices}, strategy={settings.strategy}"
        raise SettingsError(f"training cannot run with {where}, precision={settings.precision}: {error}") from error


def check_machine(settings: TrainingSettings) -> None:
    """Raises SettingsError when a precision, device or strategy is not available on this machine."""
    with quiet_lightning():
        make_fabric(settings)


@contextmanager
def quiet_lightning() -> Iterator[None]:
    """Lightning's messages and warnings are its own; a library that uses it stays silent."""
    loggers = [logging.getLogger(name) for name in ("lightning.fabric", "lightning.pytorch")]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", module="lightning")
            warnings.filterwarnings("ignore", message=".*LeafSpec.*")  # torch's deprecation inside lightning
            yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
