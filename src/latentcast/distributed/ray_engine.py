"""Parts on a Ray cluster: a pool of actors, each with the model loaded once."""

import logging
import os
from collections.abc import Iterator
from typing import Any

from latentcast.core.errors import MissingExtra
from latentcast.distributed.parts import PartForecaster, PartReport, Request
from latentcast.distributed.shards import Shard

WAIT = "180"  # seconds until a group of workers must have started; Ray waits 60 and tries again


class _Actor:
    """One worker of Ray Data; a batch is one part."""

    def __init__(self, model: str, request: Request) -> None:
        import torch

        torch.set_num_threads(1)
        self.forecast = PartForecaster(model, request)

    def __call__(self, batch: dict[str, Any]) -> dict[str, Any]:
        return {"report": [self.forecast(shard) for shard in batch["item"]]}


def run_on_ray(
    model: str, request: Request, shards: list[Shard], *, workers: int, address: str | None
) -> Iterator[PartReport]:
    """The reports of all parts, in any order. A cluster that this starts ends with it; a part that a lost worker held
    is forecast again, as its file has no name before it is whole.

    Raises MissingExtra without Ray.
    """
    try:
        import ray
    except ModuleNotFoundError as error:
        raise MissingExtra("ray", "ray", "engine=ray") from error
    os.environ.setdefault("RAY_TRAIN_WORKER_GROUP_START_TIMEOUT_S", WAIT)
    started = not ray.is_initialized()
    if started:
        ray.init(address=address, num_cpus=workers if address is None else None, include_dashboard=False,
                 logging_level=logging.ERROR, log_to_driver=False)  # fmt: skip
    try:
        ray.data.DataContext.get_current().enable_progress_bars = False
        logging.getLogger("ray.data").setLevel(logging.ERROR)
        parts = ray.data.from_items(shards, override_num_blocks=len(shards))
        found = parts.map_batches(
            _Actor,
            batch_size=1,
            batch_format="numpy",
            fn_constructor_args=(model, request),
            compute=ray.data.ActorPoolStrategy(size=min(workers, len(shards))),
            num_cpus=1,
        )
        for row in found.iter_rows():
            yield row["report"]
    finally:
        if started:
            ray.shutdown()
