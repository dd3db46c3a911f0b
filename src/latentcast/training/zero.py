"""DeepSpeed's ZeRO, stages 1 and 2: optimiser states and gradients lie in parts on the devices, weights whole on each.

Checkpoints stay safetensors: whole weights, and the part of the optimiser's state of each process.
"""

from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from latentcast.core.errors import Fault, MissingExtra, SettingsError
from latentcast.models.config.training import TrainingSettings
from latentcast.training.devices import FabricDevices

if TYPE_CHECKING:
    from lightning.fabric import Fabric

STAGES = {"deepspeed_stage_1": 1, "deepspeed_stage_2": 2}


def zero_config(settings: TrainingSettings) -> dict[str, Any]:
    """DeepSpeed's configuration of a training. Raises SettingsError for what does not go with it."""
    faults = []
    if settings.strategy not in STAGES:
        text = f"={settings.strategy}: wanted {' or '.join(STAGES)}, which leave the weights whole on each device"
        faults.append(Fault("training.strategy", text))
    if settings.accumulate != 1:
        text = f"={settings.accumulate}: DeepSpeed adds up gradients by itself; raise batch_size, or use strategy=ddp"
        faults.append(Fault("training.accumulate", text))
    if settings.ema is not None:
        faults.append(Fault("training.ema", f"={settings.ema}: does not go with DeepSpeed; leave it out"))
    if faults:
        raise SettingsError(faults)
    return {
        "train_micro_batch_size_per_gpu": settings.batch_size,
        "gradient_accumulation_steps": 1,
        "zero_optimization": {"stage": STAGES[settings.strategy]},
        "zero_allow_untested_optimizer": True,
        "zero_force_ds_cpu_optimizer": False,
        **({} if settings.clip is None else {"gradient_clipping": settings.clip}),
    }


def zero_strategy(settings: TrainingSettings) -> Any:
    """The strategy for Fabric. Raises MissingExtra without DeepSpeed."""
    config = zero_config(settings)
    if find_spec("deepspeed") is None:
        raise MissingExtra("deepspeed", "deepspeed", f"training.strategy={settings.strategy}")
    from lightning.fabric.strategies.deepspeed import DeepSpeedStrategy

    return DeepSpeedStrategy(config=config)


class ZeroDevices(FabricDevices):
    """Devices of which each holds a part of the optimiser's state."""

    def __init__(self, fabric: "Fabric") -> None:
        super().__init__(fabric)
        self._optimizer: Any = None

    def setup(self, module: nn.Module, optimizer: torch.optim.Optimizer) -> tuple[nn.Module, Any]:
        wrapped, stepper = super().setup(module, optimizer)
        self._optimizer = getattr(stepper, "optimizer", stepper)
        return wrapped, stepper

    def clip(self, module: nn.Module, optimizer: Any, norm: float) -> None:
        """DeepSpeed clips within its step (`gradient_clipping`)."""

    def optimizer_state(self, optimizer: torch.optim.Optimizer) -> Any:
        """The parts of all processes; every process calls it."""
        own = part_of(self._optimizer)
        if self.processes == 1:
            return [own]
        found: list[Any] = [None] * self.processes
        torch.distributed.all_gather_object(found, own)
        return found

    def load_optimizer(self, optimizer: torch.optim.Optimizer, state: Any) -> None:
        """Raises ValueError for the state of another number of processes."""
        if not isinstance(state, list) or len(state) != self.processes:
            parts = len(state) if isinstance(state, list) else 1
            raise ValueError(f"the optimiser's state lies in {parts} parts, and {self.processes} processes train")
        load_part(self._optimizer, state[self.rank])


def part_of(zero: Any) -> dict[str, Any]:
    """This process's part: the state of the inner optimiser, and its float32 weights."""
    inner = zero.optimizer.state_dict()
    return {"inner": inner, "weights": [values.detach().cpu() for values in zero.single_partition_of_fp32_groups]}


def load_part(zero: Any, state: dict[str, Any]) -> None:
    """What `part_of` gave, into the optimiser of a process of the same rank."""
    zero.optimizer.load_state_dict(state["inner"])
    with torch.no_grad():
        for own, given in zip(zero.single_partition_of_fp32_groups, state["weights"], strict=True):
            own.copy_(given)
