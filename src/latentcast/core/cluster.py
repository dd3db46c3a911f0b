"""Where work runs beyond this process: on processes of this machine, or as tasks of a Ray cluster."""

import logging
import math
import os
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from multiprocessing import get_context
from typing import Any, Literal

from latentcast.core.errors import Fault, MissingExtra, SettingsError
from latentcast.core.threads import usable_cores

Engine = Literal["local", "ray"]
ENGINES = ("local", "ray")
_UNREACHED = (
    "={}: no Ray cluster answers there, or it asks for a token: a cluster that ray start began does, unless"
    " RAY_AUTH_MODE=disabled was set for it. Set RAY_AUTH_MODE=token for this command, on a machine that has the token"
)
START_SECONDS = "180"  # until a group of training workers must have started; Ray waits 60 and tries again


@dataclass(frozen=True)
class Cluster:
    """A Ray cluster, and what each task takes of it.

    Attributes
    ----------
    workers
        Tasks at a time. None: as many as the cluster has room for.
    address
        Address of a running cluster. None: the one that `RAY_ADDRESS` names, else one that is started here and ended.
    cpus, gpus
        Cores and GPUs of each task.
    retries
        How often a task is run again whose worker was lost.
    """

    workers: int | None = 1
    address: str | None = None
    cpus: float = 1
    gpus: float = 0
    retries: int = 3

    def faults(self) -> list[Fault]:
        """What is wrong with the numbers."""
        found = [
            Fault(name, f"={value!r}: wanted a whole number of at least {least}")
            for name, value, least in (("workers", self.workers, 1), ("retries", self.retries, 0))
            if value is not None and (isinstance(value, bool) or not isinstance(value, int) or value < least)
        ]
        for name, share in (("cpus", self.cpus), ("gpus", self.gpus)):
            if isinstance(share, bool) or not isinstance(share, int | float) or not 0 <= share < float("inf"):
                found.append(Fault(name, f"={share!r}: wanted a number of at least 0"))
        return found


@dataclass(frozen=True)
class TaskLost:
    """A task that Ray gave up, and why."""

    why: str


def check_engine(engine: str, cluster: Cluster | None = None) -> None:
    """Raise SettingsError for an unknown engine, or numbers that are wrong."""
    faults = [] if engine in ENGINES else [Fault("engine", f"={engine!r}: wanted local or ray")]
    faults += [] if cluster is None else cluster.faults()
    if faults:
        raise SettingsError(faults)


@contextmanager
def connected(cluster: Cluster) -> Iterator[Any]:
    """The package `ray`, connected. A cluster that this starts ends with the block. Raises MissingExtra without Ray."""
    try:
        import ray
    except ModuleNotFoundError as error:
        raise MissingExtra("ray", "ray", "engine=ray") from error
    os.environ.setdefault("RAY_TRAIN_WORKER_GROUP_START_TIMEOUT_S", START_SECONDS)
    started = not ray.is_initialized()
    if started:
        address = cluster.address or os.environ.get("RAY_ADDRESS")
        wanted = usable_cores() if cluster.workers is None else cluster.workers * cluster.cpus
        cores = max(1, math.ceil(wanted)) if address is None else None
        try:  # "local": without an address Ray would join whatever cluster runs on this machine
            ray.init(address=address or "local", num_cpus=cores, include_dashboard=False if address is None else None,
                     logging_level=logging.ERROR, log_to_driver=False)  # fmt: skip
        except ConnectionError as error:
            raise SettingsError(Fault("address", _UNREACHED.format(address))) from error
    try:
        yield ray
    finally:
        if started:
            ray.shutdown()


def each(
    function: Callable[[Any, Any], Any], shared: Any, items: Sequence[Any], cluster: Cluster
) -> Iterator[tuple[int, Any]]:
    """(number, `function(shared, item)`) of every item in the order in which they end, `cluster.workers` at a time.

    `shared` travels once to each node. A task whose worker was lost is run again; `TaskLost` is its result once the
    retries are used up. What `function` raises is raised here. Tasks that still run when the iterator is closed are
    cancelled.
    """
    with connected(cluster) as ray:
        task = ray.remote(_in_worker).options(num_cpus=cluster.cpus, num_gpus=cluster.gpus, max_retries=cluster.retries)
        sent, most = ray.put(shared), cluster.workers or len(items)
        waiting, running = deque(enumerate(items)), dict[Any, int]()
        try:
            while waiting or running:
                while waiting and len(running) < most:
                    number, item = waiting.popleft()
                    running[task.remote(function, sent, item, cluster.cpus)] = number
                (done, *_), _ = ray.wait(list(running))
                number = running.pop(done)
                yield number, _result(ray, done)
        finally:
            for left in running:
                ray.cancel(left, force=True)


def each_here(
    function: Callable[[Any, Any], Any], shared: Any, items: Sequence[Any], workers: int
) -> Iterator[tuple[int, Any]]:
    """The same in order, in this process or in several of this machine."""
    if workers == 1 or len(items) < 2:
        for number, item in enumerate(items):
            yield number, function(shared, item)
        return
    with ProcessPoolExecutor(min(workers, len(items)), get_context("spawn"), _one_thread) as pool:
        yield from enumerate(pool.map(partial(function, shared), items))


def _result(ray: Any, reference: Any) -> Any:
    try:
        return ray.get(reference)
    except ray.exceptions.RayTaskError as error:
        raise error.cause if isinstance(error.cause, Exception) else error from error
    except ray.exceptions.RayError as error:
        return TaskLost(f"its worker was lost: {str(error).strip().splitlines()[0]}")


def _in_worker(function: Callable[[Any, Any], Any], shared: Any, item: Any, cpus: float) -> Any:
    """Run in a worker, with as many threads as cores."""
    _one_thread(max(1, int(cpus)))
    return function(shared, item)


def _one_thread(threads: int = 1) -> None:
    import torch

    torch.set_num_threads(threads)
    logging.getLogger("latentcast").addHandler(logging.NullHandler())  # notes come back with results
