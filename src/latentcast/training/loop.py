"""The loop of one stage: batches, optimiser steps, validations and checkpoints, on one device or several."""

import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel

from latentcast.core.types import Batch
from latentcast.data.windows.mixture import Mix, MixedLoader
from latentcast.data.windows.windows import MANY, Loader, Windows, batch_size_for_memory
from latentcast.models.config.training import TrainingSettings
from latentcast.models.network import Network
from latentcast.training import checkpoint
from latentcast.training.averages import averaged
from latentcast.training.compiling import compiled
from latentcast.training.devices import Devices
from latentcast.training.interrupt import StopRequest
from latentcast.training.logs import TrainingLog
from latentcast.training.optimizers import OPTIMIZERS
from latentcast.training.pace import Pace
from latentcast.training.progress import Progress, Schedule
from latentcast.training.schedule import factor
from latentcast.training.stages import Stage
from latentcast.training.validated import Recording, ValidatedForecasts, recorded

BEST, LAST = "best.ckpt", "last.ckpt"
FORMAT = 2  # of a training checkpoint
PRUNED = "pruned"  # by the watcher
SAVE_SECONDS = 600.0  # between two checkpoints within an epoch


@dataclass(frozen=True)
class StageTask:
    """The task of a stage: its loss, training and validation windows, and the folder of checkpoints.

    `durable` checkpoints are written so that training can go on after a kill; without it only at the end. The loss of
    `test` windows is logged, and nothing else is made of it. `watch` gets the number and the loss of each validation,
    and ends training where it says so. `validated` receives the forecasts of the validation whose weights are kept,
    where they equal those that the network gives later.
    """

    stage: Stage
    settings: TrainingSettings
    train: Windows | Mix
    val: Windows | Mix | None
    seed: int
    folder: Path
    durable: bool = True
    test: Windows | Mix | None = None
    watch: Callable[[int, float], bool] | None = None
    validated: ValidatedForecasts | None = None


class StageLoss(nn.Module):
    """The loss of a stage as a module, so that a strategy such as ddp can wrap it."""

    def __init__(self, network: Network, stage: Stage) -> None:
        super().__init__()
        self.network, self.stage = network, stage

    def forward(self, holder: "_Holder") -> Tensor:
        return self.stage.loss(self.network, holder.batch)


class _Holder:
    """Wraps a batch so that mixed precision and multi-process wrappers pass it unchanged."""

    def __init__(self, batch: Batch) -> None:
        self.batch = batch


class StageLoop:
    """Trains a network in place. `progress` says how far it came; `save` and `restore` write and read checkpoints."""

    def __init__(self, devices: Devices, network: Network, task: StageTask, log: TrainingLog) -> None:
        self.devices, self.network, self.task, self.log = devices, network, task, log
        settings = task.settings
        share = (devices.rank, devices.processes)
        self.loader: Loader | MixedLoader = task.train.loader(settings.batch_size, seed=task.seed, share=share)
        self.schedule = Schedule(settings, len(self.loader))
        self.progress = Progress()
        kind = OPTIMIZERS[settings.optimizer]
        # one kernel for all parameters; under mixed precision it would unscale by itself, before the clipping
        fused = settings.precision == "fp32"
        parameters = task.stage.parameters(network)
        self.optimizer = kind(parameters, lr=settings.lr, weight_decay=settings.weight_decay, fused=fused)
        self.rates = torch.optim.lr_scheduler.LambdaLR(
            self.optimizer, factor(settings, self.schedule.steps, self.schedule.epoch_steps)
        )
        self.module, self.stepper = devices.setup(StageLoss(network, task.stage), self.optimizer)
        self.average: AveragedModel | None = None
        if settings.ema is not None:
            self.average = averaged(network, settings.ema)
        self._saved = time.monotonic()
        self._pace = Pace(task.stage.name, self.schedule) if devices.rank == 0 else None

    def run(self, stop: StopRequest) -> str:
        """Train until an end is reached or a stop is asked for; the reason."""
        with compiled(self.network, enabled=self.task.settings.compile):
            return self._run(stop)

    def _run(self, stop: StopRequest) -> str:
        began, before = time.monotonic(), self.progress.seconds
        reason: str | None = None
        while reason is None:
            self.loader.load_state_dict({"epoch": self.progress.epoch, "position": self.progress.batch})
            for batch in self.loader:
                if not self._made_a_step(batch):
                    continue
                loss = self._validate() if self.task.val and self.schedule.validates_now(self.progress) else None
                self.progress.seconds = before + time.monotonic() - began
                reason = self.schedule.end(self.progress, validated=loss)
                if (
                    loss is not None
                    and self.task.watch is not None
                    and self.task.watch(self.progress.validations, loss)
                ):
                    reason = reason or PRUNED
                reason = reason or self._together(stop.reason())
                self._save_if_due(reason, validated=loss is not None)
                if reason is not None:
                    break
        return reason

    def _made_a_step(self, batch: Batch) -> bool:
        """Forward and backward of one batch, and the optimiser step where one follows it."""
        progress, settings = self.progress, self.task.settings
        epoch = progress.epoch
        progress.advance(self.schedule.epoch_batches)
        steps = self.schedule.steps_now(progress)
        share = self.devices.share(batch)
        with self.devices.without_sync(self.module, enabled=not steps):
            if share:
                loss = self.module(_Holder(batch.to(self.devices.device)))
                part = loss if share == 1 else loss * share
                self.devices.backward(part / settings.accumulate)
            else:
                part = torch.zeros((), device=self.devices.device)
        if not steps:
            return False
        if settings.clip is not None:
            self.devices.clip(self.module, self.stepper, settings.clip)
        self.stepper.step()
        self.stepper.zero_grad()
        self.rates.step()
        if self.average is not None:
            self.average.update_parameters(self.network)
        self.log.step(progress.step, epoch, self.devices.joined_loss(part.detach()))
        progress.step += 1
        if self._pace is not None:
            self._pace.step(progress.step)
        return True

    def _together(self, reason: str | None) -> str | None:
        """The same reason in every process: that of the first which has one."""
        if self.devices.processes == 1:
            return reason
        return next((one for one in self._gathered(reason) if one is not None), None)

    def _gathered(self, value: Any) -> list[Any]:
        found: list[Any] = [None] * self.devices.processes
        torch.distributed.all_gather_object(found, value)
        return found

    def _validate(self) -> float:
        """The mean loss over all validation windows, once each in all processes; saves the weights when it is best."""
        assert self.task.val is not None
        network = self.network if self.average is None else self.average.module
        with self._recorded(network) as recording:
            metrics = mean_metrics(self.devices, network, self.task)
        if self.task.test is not None:
            judged = mean_metrics(self.devices, network, replace(self.task, val=self.task.test))
            metrics |= {"test_loss": judged["val_loss"]}
        self.log.validation(self.progress.step - 1, self._epoch_begun() - 1, metrics)
        loss = metrics["val_loss"]
        best = self.progress.judge(loss)
        if recording is not None and (best or self.task.settings.keep != "best"):
            assert isinstance(self.task.val, Windows)
            assert self.task.validated is not None
            self.task.validated.take(recording, (self.task.val.starts, self.task.val.items), self.progress.step)
        if best and self.devices.rank == 0:
            state = {"format": FORMAT, "state_dict": self._weights(), "val_loss": self.progress.best}
            checkpoint.write(state, self.task.folder / BEST, durable=self.task.durable)
        return loss

    def _recorded(self, network: Any) -> AbstractContextManager[Recording | None]:
        """Record a validation whose forecasts, batch by batch, are those of a later pass over the same windows."""
        settings, devices = self.task.settings, self.devices
        plain = settings.precision == "fp32" and not settings.compile and devices.device.type == "cpu"
        alike = plain and devices.processes == 1 and network.is_light and isinstance(self.task.val, Windows)
        return recorded(network) if alike and self.task.validated is not None else nullcontext()

    def _epoch_begun(self) -> int:
        return self.progress.epoch + (self.progress.batch > 0)

    def _save_if_due(self, reason: str | None, *, validated: bool) -> None:
        late = self.progress.batch == 0 or validated or time.monotonic() - self._saved >= SAVE_SECONDS
        if reason is not None or (late and self.task.durable):
            self.save(reason)

    def _weights(self) -> Mapping[str, Tensor]:
        network: Any = self.network if self.average is None else self.average.module
        return dict(network.state_dict())

    def save(self, reason: str | None) -> None:
        """Write `last.ckpt`: the complete state to resume from, and the reason training ended, if it did."""
        self._saved = time.monotonic()
        random_state: dict[str, Any] = {"cpu": torch.get_rng_state()}
        if torch.cuda.is_available():
            random_state["cuda"] = torch.cuda.get_rng_state_all()
        every = self._gathered(random_state) if self.devices.processes > 1 else [random_state]
        optimizer = self.devices.optimizer_state(self.optimizer)
        if self.devices.rank == 0:
            self._write(reason, every, optimizer)
        self.devices.keep(self.task.folder)

    def _write(self, reason: str | None, every: list[dict[str, Any]], optimizer: Any) -> None:
        state = {
            "format": FORMAT,
            "stage": self.task.stage.name,
            "stopped_by": reason,
            "epochs": self._epoch_begun(),
            "progress": asdict(self.progress),
            "state_dict": self._weights(),
            "optimizer": optimizer,
            "rates": self.rates.state_dict(),
            "precision": self.devices.precision_state(),
            "random_state": every,
            "threads": torch.get_num_threads(),
        }
        if self.average is not None:
            state |= {"current": dict(self.network.state_dict()), "averaged": int(self.average.n_averaged)}
        checkpoint.write(state, self.task.folder / LAST, durable=self.task.durable)

    def restore(self, state: Mapping[str, Any]) -> None:
        """Restore the state of `save`. The random state is last: nothing may draw from it in between."""
        self.progress = Progress(**state["progress"])
        if self.average is None:
            self.network.load_state_dict(state["state_dict"])
        else:
            self.network.load_state_dict(state["current"])
            self.average.module.load_state_dict(state["state_dict"])
            self.average.n_averaged.fill_(state["averaged"])
        self.devices.load_optimizer(self.optimizer, state["optimizer"])
        self.rates.load_state_dict(state["rates"])
        self.devices.load_precision(state["precision"])
        random_state = state["random_state"][self.devices.rank % len(state["random_state"])]
        torch.set_rng_state(random_state["cpu"])
        if "cuda" in random_state and torch.cuda.is_available():
            torch.cuda.set_rng_state_all(random_state["cuda"])


def mean_metrics(devices: Devices, network: Any, task: StageTask) -> dict[str, float]:
    """`val_loss` and what the stage measures: means over windows, whatever the batches and the processes are."""
    assert task.val is not None
    settings, stage = task.settings, task.stage
    most = MANY if network.is_light else max(settings.batch_size, 256)
    together = batch_size_for_memory(task.train.steps, task.train.channels, most=most)
    share = (devices.rank, devices.processes)
    loader = task.val.loader(together, seed=task.seed, shuffle=False, share=share)
    modes = [(module, module.training) for module in network.modules()]
    network.eval()
    sums: dict[str, Tensor] = {}
    count = torch.zeros((), device=devices.device)
    with torch.no_grad(), devices.autocast():
        for batch in loader:
            batch = batch.to(devices.device)
            values = {"loss": stage.loss(network, batch)}
            if stage.measures is not None:
                values |= stage.measures(network, batch)
            for name, value in values.items():
                sums[name] = sums.get(name, torch.zeros_like(count)) + value.float() * len(batch)
            count += len(batch)
    for module, mode in modes:
        module.training = mode
    if devices.processes > 1:  # a process without a window takes part too
        names: list[str] = devices.broadcast(list(sums))
        own = torch.stack([*(sums.get(name, torch.zeros_like(count)) for name in names), count])
        total = devices.total(own)
        sums, count = dict(zip(names, total[:-1].unbind(), strict=True)), total[-1]
    return {f"val_{name}": float(total / count) for name, total in sums.items()}
