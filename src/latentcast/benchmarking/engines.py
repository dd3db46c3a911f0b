"""What runs cells: processes of this machine, this process, or tasks on a Ray cluster."""

import os
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import torch

from latentcast.benchmarking.experiment import failed, measure
from latentcast.benchmarking.plan import Cell
from latentcast.benchmarking.workers import Measured, in_processes, in_this_process
from latentcast.core.cluster import Cluster, TaskLost, each
from latentcast.core.errors import SettingsError


def on_this_machine(workers: int | None, threads: int | None) -> Callable[[list[Cell]], Measured]:
    """Processes of their own, each with a device where there are some; with no worker this process."""
    devices = _devices()
    threads, workers = _sizes(threads, workers, len(devices))
    if workers:
        return partial(in_processes, workers=workers, threads=threads, devices=devices)
    return partial(in_this_process, threads=threads)


def on_ray(cells: Sequence[Cell], cluster: Cluster) -> Measured:
    """Each cell with its record, in the order in which they end; one whose worker is lost again and again fails."""
    ran = each(_measured, None, cells, cluster)
    try:
        for number, record in ran:
            yield cells[number], failed(cells[number], record.why) if isinstance(record, TaskLost) else record
    finally:
        ran.close()  # type: ignore[attr-defined]


def _measured(_: None, cell: Cell) -> dict[str, Any]:
    return measure(cell)


def _devices() -> list[str]:
    """What CUDA_VISIBLE_DEVICES may say, one text per device that is seen here."""
    stated = [name.strip() for name in os.environ.get("CUDA_VISIBLE_DEVICES", "").split(",") if name.strip()]
    return [stated[i] if i < len(stated) else str(i) for i in range(torch.cuda.device_count())]


def _sizes(threads: int | None, workers: int | None, devices: int) -> tuple[int, int]:
    faults = [
        f"{name}: got {value!r}, wanted a whole number of at least {least}"
        for name, value, least in (("threads", threads, 1), ("workers", workers, 0))
        if value is not None and (not isinstance(value, int) or isinstance(value, bool) or value < least)
    ]
    if faults:
        raise SettingsError(faults)
    affinity = getattr(os, "sched_getaffinity", None)
    cores = len(affinity(0)) if affinity else os.cpu_count() or 1
    if workers is None:
        workers = devices or max(1, cores // (threads or 1))
    return threads or (max(1, cores // max(1, workers)) if devices else 1), workers
