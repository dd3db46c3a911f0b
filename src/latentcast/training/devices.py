"""The devices and processes that train a stage: one CPU by itself, everything else by Lightning Fabric."""

import logging
import os
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

import torch
from torch import Tensor, nn

from latentcast.core.errors import LatentcastError, SettingsError
from latentcast.models.config.training import PRECISIONS, TrainingSettings

if TYPE_CHECKING:
    from lightning.fabric import Fabric

Value = TypeVar("Value")


class Devices(Protocol):
    """What the loop asks of devices. `rank` is the number of this process among `processes`."""

    device: torch.device
    processes: int
    rank: int

    def launch(self, train: Callable[["Devices"], Value]) -> Value:
        """Run in every process; the first one's result."""

    def setup(self, module: nn.Module, optimizer: torch.optim.Optimizer) -> tuple[nn.Module, Any]:
        """Module and optimiser on the device, wrapped where the strategy needs it."""

    def backward(self, loss: Tensor) -> None: ...

    def clip(self, module: nn.Module, optimizer: Any, norm: float) -> None:
        """Scale the gradients to a norm of at most `norm`."""

    def autocast(self) -> AbstractContextManager[Any]: ...

    def without_sync(self, module: nn.Module, *, enabled: bool) -> AbstractContextManager[Any]:
        """Gradients of several processes are not averaged yet, as more batches follow before the step."""

    def broadcast(self, value: Value) -> Value:
        """The first process's value."""

    def total(self, values: Tensor) -> Tensor:
        """The sum over all processes."""

    def barrier(self) -> None: ...

    def precision_state(self) -> dict[str, Any]: ...

    def load_precision(self, state: Mapping[str, Any]) -> None: ...


class OneCpu:
    """One process on the CPU in float32. Fabric does the same, after four seconds of imports."""

    device, processes, rank = torch.device("cpu"), 1, 0

    def launch(self, train: Callable[[Devices], Value]) -> Value:
        return train(self)

    def setup(self, module: nn.Module, optimizer: torch.optim.Optimizer) -> tuple[nn.Module, Any]:
        return module.to(self.device), optimizer

    def backward(self, loss: Tensor) -> None:
        loss.backward()

    def clip(self, module: nn.Module, optimizer: Any, norm: float) -> None:
        parameters = [parameter for group in optimizer.param_groups for parameter in group["params"]]
        nn.utils.clip_grad_norm_(parameters, norm, error_if_nonfinite=False)

    def autocast(self) -> AbstractContextManager[Any]:
        return nullcontext()

    def without_sync(self, module: nn.Module, *, enabled: bool) -> AbstractContextManager[Any]:
        return nullcontext()

    def broadcast(self, value: Value) -> Value:
        return value

    def total(self, values: Tensor) -> Tensor:
        return values

    def barrier(self) -> None:
        return

    def precision_state(self) -> dict[str, Any]:
        return {}

    def load_precision(self, state: Mapping[str, Any]) -> None:
        return


class FabricDevices:
    """Any accelerator, number of devices, strategy and precision that Lightning Fabric knows."""

    def __init__(self, fabric: "Fabric") -> None:
        self.fabric = fabric
        self.device, self.processes, self.rank = fabric.device, fabric.world_size, fabric.global_rank

    def launch(self, train: Callable[[Devices], Value]) -> Value:
        return self.fabric.launch(_WithDevices(train))

    def setup(self, module: nn.Module, optimizer: torch.optim.Optimizer) -> tuple[nn.Module, Any]:
        return self.fabric.setup(module, optimizer)

    def backward(self, loss: Tensor) -> None:
        self.fabric.backward(loss)

    def clip(self, module: nn.Module, optimizer: Any, norm: float) -> None:
        self.fabric.clip_gradients(module, optimizer, max_norm=norm, error_if_nonfinite=False)

    def autocast(self) -> AbstractContextManager[Any]:
        return self.fabric.autocast()

    def without_sync(self, module: nn.Module, *, enabled: bool) -> AbstractContextManager[Any]:
        if self.processes == 1:
            return nullcontext()
        return self.fabric.no_backward_sync(module, enabled=enabled)  # type: ignore[arg-type]

    def broadcast(self, value: Value) -> Value:
        return self.fabric.broadcast(value)

    def total(self, values: Tensor) -> Tensor:
        return self.fabric.all_reduce(values, reduce_op="sum")  # type: ignore[return-value]

    def barrier(self) -> None:
        self.fabric.barrier()

    def precision_state(self) -> dict[str, Any]:
        return self.fabric.strategy.precision.state_dict()

    def load_precision(self, state: Mapping[str, Any]) -> None:
        self.fabric.strategy.precision.load_state_dict(dict(state))


class _WithDevices:
    """Hands Fabric on as devices, in every process that it starts."""

    def __init__(self, train: Callable[[Devices], Any]) -> None:
        self.train = train

    def __call__(self, fabric: "Fabric") -> Any:
        return self.train(FabricDevices(fabric))


def make_devices(settings: TrainingSettings) -> Devices:
    """Raises SettingsError when a precision, device or strategy is not available on this machine."""
    if _is_one_cpu(settings):
        return OneCpu()
    from lightning.fabric import Fabric

    try:
        return FabricDevices(
            Fabric(
                accelerator=settings.accelerator,
                devices=settings.devices,
                strategy=settings.strategy,
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
