"""Devices and processes that train a stage: one CPU by itself, everything else by Lightning Fabric."""

import logging
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

import torch
from torch import Tensor, nn

from latentcast.core.types import Batch

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

    def share(self, batch: Batch) -> float:
        """Weight of this process's loss in that of the whole batch; 1 where processes are averaged."""

    def joined_loss(self, loss: Tensor) -> Tensor:
        """The loss of the whole batch, as it is logged."""

    def optimizer_state(self, optimizer: torch.optim.Optimizer) -> Any:
        """What a checkpoint holds of the optimiser; every process calls it."""

    def load_optimizer(self, optimizer: torch.optim.Optimizer, state: Any) -> None:
        """Restore what `optimizer_state` gave."""

    def keep(self, folder: Path) -> None:
        """Called in every process after a checkpoint was written into the first one's folder."""

    def broadcast(self, value: Value) -> Value:
        """The first process's value."""

    def total(self, values: Tensor) -> Tensor:
        """The sum over all processes."""

    def barrier(self) -> None: ...

    def precision_state(self) -> dict[str, Any]: ...

    def load_precision(self, state: Mapping[str, Any]) -> None: ...


class Averaged:
    """Every process counts alike, and checkpoints stay where they are written."""

    def share(self, batch: Batch) -> float:
        return 1

    def joined_loss(self, loss: Tensor) -> Tensor:
        return loss

    def optimizer_state(self, optimizer: torch.optim.Optimizer) -> Any:
        return optimizer.state_dict()

    def load_optimizer(self, optimizer: torch.optim.Optimizer, state: Any) -> None:
        optimizer.load_state_dict(state)

    def keep(self, folder: Path) -> None:
        return


class OneCpu(Averaged):
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


class FabricDevices(Averaged):
    """Any accelerator, number of devices, strategy and precision that Lightning Fabric knows."""

    def __init__(self, fabric: "Fabric") -> None:
        self.fabric = fabric
        self.device, self.processes, self.rank = fabric.device, fabric.world_size, fabric.global_rank

    def launch(self, train: Callable[[Devices], Value]) -> Value:
        return self.fabric.launch(_WithDevices(train, type(self)))

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

    def __init__(self, train: Callable[[Devices], Any], kind: "type[FabricDevices]") -> None:
        self.train, self.kind = train, kind

    def __call__(self, fabric: "Fabric") -> Any:
        return self.train(self.kind(fabric))


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
