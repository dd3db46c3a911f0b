"""Parts on a Ray cluster: a pool of actors, each with the model loaded once."""

import logging
from collections.abc import Iterator
from typing import Any

from latentcast.core.cluster import Cluster, connected
from latentcast.core.errors import LatentcastError
from latentcast.distributed.parts import Work, Worker, on_one_thread
from latentcast.distributed.shards import Shard


class _Actor:
    """One worker of Ray Data; a batch is one part."""

    def __init__(self, model: str, work: Work[Any]) -> None:
        self.worker = Worker(model, work)

    def __call__(self, batch: dict[str, Any]) -> dict[str, Any]:
        return {"report": [self._report(shard) for shard in batch["item"]]}

    def _report(self, shard: Shard) -> Any:
        try:
            return on_one_thread(self.worker, shard)
        except LatentcastError as error:  # Ray Data would wrap it in one of its own, which no longer holds it
            return error


def run_on_ray(model: str, work: Work[Any], shards: list[Shard], cluster: Cluster) -> Iterator[Any]:
    """The reports of all parts, in any order. A part that a lost worker held is worked on again, as its file has no
    name before it is whole.

    Raises MissingExtra without Ray; what the work raises is raised here.
    """
    with connected(cluster) as ray:
        ray.data.DataContext.get_current().enable_progress_bars = False
        logging.getLogger("ray.data").setLevel(logging.ERROR)
        parts = ray.data.from_items(shards, override_num_blocks=len(shards))
        found = parts.map_batches(
            _Actor,
            batch_size=1,
            batch_format="numpy",
            fn_constructor_args=(model, work),
            compute=ray.data.ActorPoolStrategy(size=min(cluster.workers or len(shards), len(shards))),
            num_cpus=cluster.cpus,
            num_gpus=cluster.gpus,
        )
        try:
            for row in found.iter_rows():
                if isinstance(row["report"], LatentcastError):
                    raise row["report"]
                yield row["report"]
        except ray.exceptions.RayTaskError as error:
            raise error.cause if isinstance(error.cause, Exception) else error from error
