"""Number of threads that torch computes with; equal numbers give equal bits."""

import math
import os
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path

from latentcast.core.errors import Fault, SettingsError

CGROUP = Path("/sys/fs/cgroup/cpu.max")  # quota and period in microseconds, or "max"
CGROUP_1 = Path("/sys/fs/cgroup/cpu/cpu.cfs_quota_us"), Path("/sys/fs/cgroup/cpu/cpu.cfs_period_us")


def usable_cores() -> int:
    """Return the cores that this process may use, by its affinity and the quota of its control group."""
    affinity = getattr(os, "sched_getaffinity", None)
    cores = len(affinity(0)) if affinity is not None else os.cpu_count() or 1
    quota = _quota()
    return cores if quota is None else max(1, min(cores, math.ceil(quota)))


def _quota() -> float | None:
    """Return the cores that the control group grants; None without a limit or without control groups."""
    try:
        quota, period = CGROUP.read_text().split() if CGROUP.exists() else [file.read_text() for file in CGROUP_1]
        return None if quota.strip() in ("max", "-1") else int(quota) / int(period)
    except (OSError, ValueError, ZeroDivisionError):
        return None


_MOST = 1024  # threads; beyond it a number is a mistake, and starting them would fail
_chosen: ContextVar[int | None] = ContextVar("threads", default=None)
_torch_left_out: ContextVar[bool] = ContextVar("torch_left_out", default=False)


def chosen_threads() -> int | None:
    """Return the number of the surrounding `using_threads`; None outside of one."""
    return _chosen.get()


def threads_without_torch() -> int:
    """The usable cores, or fewer where `OMP_NUM_THREADS` says so: what `default_threads` is, without asking torch."""
    stated = os.environ.get("OMP_NUM_THREADS", "").partition(",")[0].strip()
    cores = usable_cores()
    return max(1, min(cores, int(stated))) if stated.isdecimal() else cores


def default_threads() -> int:
    """Return the chosen number, or torch's (`OMP_NUM_THREADS`), at most the usable cores."""
    import torch

    return chosen_threads() or max(1, min(torch.get_num_threads(), usable_cores()))


@contextmanager
def using_threads(threads: int | None, *, with_torch: bool = True) -> Iterator[int]:
    """Compute with `threads` threads inside the block; the earlier number is restored afterwards.

    None takes `default_threads()`. Without torch the number is only kept for others, who ask `chosen_threads`, or
    `bring_torch` in the end. Raises SettingsError for less than one.
    """
    if threads is not None and (isinstance(threads, bool) or not isinstance(threads, int) or threads < 1):
        raise SettingsError(Fault("threads", f"={threads!r}: wanted a whole number of at least 1"))
    if threads is not None and threads > _MOST:
        raise SettingsError(
            Fault("threads", f"={threads}: wanted at most {_MOST}; this process may use {usable_cores()}")
        )
    token = _chosen.set(chosen_threads() if threads is None else threads)
    without = _torch_left_out.set(not with_torch)
    try:
        if with_torch:
            with _torch_threads() as count:
                yield count
        else:
            yield chosen_threads() or threads_without_torch()
    finally:
        _torch_left_out.reset(without)
        _chosen.reset(token)


def bring_torch() -> None:
    """Let torch compute with the chosen threads after all, where a surrounding `using_threads` left it out."""
    if _torch_left_out.get():
        import torch

        torch.set_num_threads(default_threads())
        _torch_left_out.set(False)


@contextmanager
def _torch_threads() -> Iterator[int]:
    import torch

    before, count = torch.get_num_threads(), default_threads()
    torch.set_num_threads(count)
    try:
        yield count
    finally:
        torch.set_num_threads(before)
