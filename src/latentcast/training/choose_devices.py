"""The devices that settings name: one CPU by itself, DeepSpeed's, or those of Lightning Fabric."""

import os

import torch

from latentcast.core.errors import LatentcastError, SettingsError
from latentcast.models.config.training import PRECISIONS, TrainingSettings
from latentcast.training.devices import Devices, FabricDevices, OneCpu, quiet_lightning
from latentcast.training.zero import ZeroDevices, zero_strategy


def make_devices(settings: TrainingSettings) -> Devices:
    """Raises SettingsError when a precision, device or strategy is not available on this machine."""
    if _is_one_cpu(settings):
        return OneCpu()
    from lightning.fabric import Fabric

    kind, strategy = FabricDevices, settings.strategy
    if settings.strategy.startswith("deepspeed"):
        kind, strategy = ZeroDevices, zero_strategy(settings)
    try:
        return kind(
            Fabric(
                accelerator=settings.accelerator,
                devices=settings.devices,
                strategy=strategy,
                precision=PRECISIONS[settings.precision],  # type: ignore[arg-type]
            )
        )
    except (ValueError, RuntimeError, TypeError) as error:
        if isinstance(error, LatentcastError):
            raise
        where = f"accelerator={settings.accelerator}, devices={settings.devices}, strategy={settings.strategy}"
        raise SettingsError(f"training cannot run with {where}, precision={settings.precision}: {error}") from error


def _is_one_cpu(settings: TrainingSettings) -> bool:
    """Whether training takes one process on the CPU in float32; a launcher such as torchrun asks for Fabric."""
    if settings.precision != "fp32" or settings.strategy != "auto" or settings.devices not in (1, "auto"):
        return False
    if any(name in os.environ for name in ("WORLD_SIZE", "LOCAL_RANK", "SLURM_NTASKS", "LT_ACCELERATOR")):
        return False
    accelerated = torch.cuda.is_available() or torch.backends.mps.is_available()
    return settings.accelerator == "cpu" or (settings.accelerator == "auto" and not accelerated)


def check_machine(settings: TrainingSettings) -> None:
    """Raises SettingsError when a precision, device or strategy is not available on this machine."""
    with quiet_lightning():
        make_devices(settings)
