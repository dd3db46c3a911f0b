"""Sums over windows made by workers of a Ray cluster, each with some of the series: sums over series add up."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import reduce
from itertools import pairwise
from operator import add
from typing import Any

import numpy as np

from latentcast.core.cluster import Cluster, connected
from latentcast.layers.gram import Array, Runs, WindowSums, window_sums
from latentcast.models.ridge.stretches import Source, summed_by


class _Holder:
    """Holds the values of some series in a worker."""

    def __init__(self, values: Array, cpus: float) -> None:
        import torch

        torch.set_num_threads(max(1, int(cpus)))
        self.values = values

    def sums(self, channels: slice, runs: Runs, how: dict[str, Any]) -> WindowSums:
        return window_sums(np.ascontiguousarray(self.values[:, channels]), runs, **how)


class SpreadSums:
    """Sums over the windows of a source, made by workers that hold its series; a lost worker is replaced."""

    def __init__(self, ray: Any, cluster: Cluster) -> None:
        self.ray, self.cluster = ray, cluster
        self._held: dict[int, tuple[Array, list[tuple[int, int, Any]]]] = {}

    def __call__(self, source: Source, channels: slice, runs: Runs, **how: Any) -> WindowSums:
        asked = []
        for low, high, holder in self._holders(source):
            own = (runs.first >= low) & (runs.first < high)
            if own.any():
                newest = None if runs.newest is None else runs.newest[own] - low
                asked.append(
                    holder.sums.remote(
                        channels, Runs(runs.first[own] - low, runs.last[own] - low, newest, runs.step), how
                    )
                )
        if not asked:
            return window_sums(np.ascontiguousarray(source.values[:, channels]), runs, **how)
        return reduce(add, self.ray.get(asked))

    def _holders(self, source: Source) -> list[tuple[int, int, Any]]:
        """First step, end, and worker of each group of series; values travel once."""
        key = id(source.values)
        if key not in self._held:
            begins, count = source.train.floor, self.cluster.workers or 1
            firsts = np.unique(np.searchsorted(begins, np.arange(1, count) * len(source.values) // count, side="right"))
            edges = [0, *begins[firsts[(firsts > 0) & (firsts < len(begins))]].tolist(), len(source.values)]
            actor = self.ray.remote(_Holder).options(
                num_cpus=self.cluster.cpus,
                num_gpus=self.cluster.gpus,
                max_restarts=self.cluster.retries,
                max_task_retries=self.cluster.retries,
            )
            holders = [
                (low, high, actor.remote(self.ray.put(source.values[low:high]), self.cluster.cpus))
                for low, high in pairwise(edges)
                if high > low
            ]
            self._held[key] = source.values, holders
        return self._held[key][1]


@contextmanager
def sums_on_ray(cluster: Cluster) -> Iterator[None]:
    """Within the block sums over windows are made on a Ray cluster. Raises MissingExtra without Ray."""
    with connected(cluster) as ray:
        token = summed_by.set(SpreadSums(ray, cluster))
        try:
            yield
        finally:
            summed_by.reset(token)
