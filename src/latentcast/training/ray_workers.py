"""Training in workers of a Ray cluster: data sharded by series, checkpoints in a folder or at an address."""

import shutil
import tempfile
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from latentcast.core.atomic import write_text
from latentcast.core.cluster import Cluster, connected
from latentcast.core.errors import Fault, SettingsError
from latentcast.core.types import Batch
from latentcast.data.windows.mixture import Mix
from latentcast.data.windows.shard import Shard, groups_of_items, shards_of
from latentcast.models.network import Network
from latentcast.training import checkpoint
from latentcast.training.devices import Averaged
from latentcast.training.interrupt import StopRequest
from latentcast.training.loop import LAST, StageTask

Value = TypeVar("Value")
NAME = "ray.txt"  # holds the name of a training on Ray


@dataclass(frozen=True)
class RayTraining:
    """How a network is trained on a Ray cluster.

    Attributes
    ----------
    cluster
        Workers, cores and GPUs of each, and how often training goes on after one was lost.
    storage
        Folder or address (fsspec) of the checkpoints, which all nodes see. None: the folder of the fit.
    offsets
        [items + 1] first step of each series of the panel; series are dealt out to workers.
    """

    cluster: Cluster = field(default_factory=Cluster)
    storage: str | None = None
    offsets: NDArray[np.int64] | None = None


class RayDevices(Averaged):
    """One worker among those that Ray Train started; a worker counts by the observed targets that it has of a batch."""

    def __init__(self) -> None:
        self.rank, self.processes = torch.distributed.get_rank(), torch.distributed.get_world_size()
        gpu = torch.cuda.is_available()
        self.device = torch.device("cuda", torch.cuda.current_device()) if gpu else torch.device("cpu")

    def launch(self, train: Callable[[Any], Value]) -> Value:
        return train(self)

    def setup(self, module: nn.Module, optimizer: torch.optim.Optimizer) -> tuple[nn.Module, Any]:
        module = module.to(self.device)
        for value in (*module.parameters(), *module.buffers()):
            torch.distributed.broadcast(value.data, 0)
        self._trained = [parameter for group in optimizer.param_groups for parameter in group["params"]]
        return module, optimizer

    def share(self, batch: Batch) -> float:
        """The observed targets of this worker among those of all; 0 without a window."""
        own = _counted(batch) if len(batch) else 0.0
        total = self.total(torch.tensor(own, dtype=torch.float64, device=self.device))
        return 0.0 if not own else own / float(total)

    def backward(self, loss: Tensor) -> None:
        loss.backward()

    def clip(self, module: nn.Module, optimizer: Any, norm: float) -> None:
        nn.utils.clip_grad_norm_(self._trained, norm, error_if_nonfinite=False)

    def autocast(self) -> AbstractContextManager[Any]:
        return nullcontext()

    @contextmanager
    def without_sync(self, module: nn.Module, *, enabled: bool) -> Iterator[None]:
        """Add up the gradients of all workers at the end of the block, unless more batches follow before the step."""
        yield
        if enabled:
            return
        sizes = [parameter.numel() for parameter in self._trained]
        flat = torch.cat([
            torch.zeros(size, device=self.device) if parameter.grad is None else parameter.grad.reshape(-1)
            for size, parameter in zip(sizes, self._trained, strict=True)
        ])  # fmt: skip
        used = self.total(torch.tensor([float(p.grad is not None) for p in self._trained], device=self.device))
        torch.distributed.all_reduce(flat)
        for parameter, gradient, some in zip(self._trained, flat.split(sizes), used.tolist(), strict=True):
            parameter.grad = gradient.view_as(parameter).clone() if some else None

    def joined_loss(self, loss: Tensor) -> Tensor:
        return self.total(loss.clone())

    def keep(self, folder: Path) -> None:
        """Hand the training folder on to the storage; all workers meet here."""
        from ray import train

        first = self.rank == 0
        kept = train.Checkpoint.from_directory(str(folder.parent.parent)) if first else None
        train.report({"rank": self.rank}, checkpoint=kept)

    def broadcast(self, value: Value) -> Value:
        held = [value]
        torch.distributed.broadcast_object_list(held, 0)
        return held[0]

    def total(self, values: Tensor) -> Tensor:
        torch.distributed.all_reduce(values)
        return values

    def barrier(self) -> None:
        torch.distributed.barrier()

    def precision_state(self) -> dict[str, Any]:
        return {}

    def load_precision(self, state: Mapping[str, Any]) -> None:
        return


def _counted(batch: Batch) -> float:
    """Observed values that the loss of a batch is the mean of: targets, or the look-back where there is no horizon."""
    if batch.target is not None and batch.target.shape[1]:
        return float(batch.target.numel() if batch.target_observed is None else batch.target_observed.sum())
    return float(batch.past.numel() if batch.observed is None else batch.observed.sum())


def train_on_ray(
    train: Callable[..., str],
    network: Network,
    task: StageTask,
    state: Mapping[str, Any] | None,
    how: RayTraining,
    *,
    resume: bool,
) -> None:
    """Train one stage in `how.cluster.workers` workers; its checkpoints and logs lie in `task.folder` afterwards.

    A batch is that of one process: each worker computes the part of it that is of its series. When a worker is lost,
    all begin again from the last checkpoint that is whole.

    Raises SettingsError for what cannot be trained so, MissingExtra without Ray, and what training raises.
    """
    _check(task, how.storage)
    workers = how.cluster.workers or 1
    shards = _dealt_out(task, how.offsets, workers)
    with connected(how.cluster) as ray, tempfile.TemporaryDirectory(prefix="latentcast-") as spare:
        from ray.train import CheckpointConfig, FailureConfig, RunConfig, ScalingConfig
        from ray.train.torch import TorchConfig, TorchTrainer

        own = (task.folder if task.durable else Path(spare)) / "checkpoints" / "ray"
        path, filesystem = _storage(how.storage or str(own))
        bare = replace(task, train=None, val=None, test=None, durable=True)  # type: ignore[arg-type]
        config = {
            "shared": ray.put((train, network.cpu(), bare, state)),
            "shards": [ray.put(shard) for shard in shards],
        }
        gpus = how.cluster.gpus
        trainer = TorchTrainer(
            _worker,
            train_loop_config=config,
            torch_config=TorchConfig(backend="nccl" if gpus else "gloo"),
            scaling_config=ScalingConfig(
                num_workers=workers,
                use_gpu=gpus > 0,
                resources_per_worker={"CPU": how.cluster.cpus, **({"GPU": gpus} if gpus else {})},
            ),
            run_config=RunConfig(
                name=_run_name(task, fresh=not resume),
                storage_path=path,
                storage_filesystem=filesystem,
                checkpoint_config=CheckpointConfig(num_to_keep=1),
                failure_config=FailureConfig(max_failures=how.cluster.retries),
            ),
        )
        result = _fitted(ray, trainer)
        with result.checkpoint.as_directory() as folder:
            shutil.copytree(folder, task.folder, dirs_exist_ok=True)
        shutil.rmtree(own, ignore_errors=True)


def _run_name(task: StageTask, *, fresh: bool) -> str:
    """Name of this training in the storage; one that goes on keeps it, and finds its checkpoints there."""
    path = task.folder / "checkpoints" / task.stage.name / NAME
    if fresh or not path.is_file():
        path.parent.mkdir(parents=True, exist_ok=True)
        write_text(path, f"latentcast-{task.stage.name}-{uuid.uuid4().hex[:12]}")
    return path.read_text(encoding="utf-8").strip()


def _check(task: StageTask, storage: str | None) -> None:
    """Raises SettingsError for a stage that only one process trains, or a storage that only one process sees."""
    faults = []
    if (storage or "").startswith("memory:"):
        text = f"={storage}: each process has a memory of its own; wanted a folder or an address that all nodes see"
        faults.append(Fault("storage", text))
    if isinstance(task.train, Mix):
        faults.append(Fault("engine", "=ray: several datasets are trained in one process; leave it out"))
    if task.watch is not None:
        faults.append(Fault("engine", "=ray: trials of a search are trained in one process each; leave it out"))
    if task.settings.precision != "fp32":
        faults.append(Fault("training.precision", f"={task.settings.precision}: workers on Ray train in fp32"))
    if faults:
        raise SettingsError(faults)


def _dealt_out(task: StageTask, offsets: NDArray[np.int64] | None, workers: int) -> list[tuple[Shard | None, ...]]:
    """The training, validation and test windows of each worker."""
    assert not isinstance(task.train, Mix)
    if offsets is None:
        offsets = np.array([0, len(task.train.values.array)])
    held = groups_of_items(task.train, len(offsets) - 1, workers)
    several: list[list[Any]] = [
        [None] * workers if windows is None else shards_of(windows, offsets, held)  # type: ignore[arg-type]
        for windows in (task.train, task.val, task.test)
    ]
    return list(zip(*several, strict=True))


def _storage(address: str) -> tuple[str, Any]:
    """A folder as it is; an address by fsspec."""
    if "://" not in address:
        return str(Path(address).absolute()), None
    try:
        from fsspec.core import url_to_fs
        from pyarrow.fs import FSSpecHandler, PyFileSystem

        filesystem, path = url_to_fs(address)
    except (ImportError, ValueError) as error:
        raise SettingsError(Fault("storage", f"={address!r}: {error}")) from error
    return path, PyFileSystem(FSSpecHandler(filesystem))


def _fitted(ray: Any, trainer: Any) -> Any:
    """The result of a trainer. Raises what a worker raised, where it was an error of ours."""
    try:
        return trainer.fit()
    except ray.train.TrainingFailedError as error:
        for failure in getattr(error, "worker_failures", {}).values():
            cause = getattr(failure, "_base_exc", None) or failure.__cause__
            if isinstance(cause, SettingsError):
                raise cause from error
        raise SettingsError(f"training on Ray failed: {str(error).strip().splitlines()[-1]}") from error


def _worker(config: dict[str, Any]) -> None:
    """One worker: its shard of the data, from the last checkpoint of this training where there is one."""
    import ray
    from ray import train as ray_train

    devices = RayDevices()
    train, network, task, state = ray.get(config["shared"])
    windows = ray.get(config["shards"][devices.rank])
    torch.set_num_threads(1)
    torch.manual_seed(task.seed + devices.rank)
    with tempfile.TemporaryDirectory(prefix="latentcast-") as spare:
        folder = Path(spare)
        last = ray_train.get_checkpoint()
        if last is not None:
            with last.as_directory() as kept:
                shutil.copytree(kept, folder, dirs_exist_ok=True)
            state = checkpoint.read(folder / "checkpoints" / task.stage.name / LAST)
        task = replace(task, train=windows[0], val=windows[1], test=windows[2], folder=folder)
        stop = StopRequest(task.settings.max_time)
        train(devices, network=network, task=task, state=state, stop=stop, progress=False)
