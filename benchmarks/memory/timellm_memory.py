"""Bytes that a training step of Time-LLM keeps for backward, what is trained, and what is saved.

    python -m benchmarks.memory.timellm_memory [--lookbacks 96 512] [--layers 6]

GPT-2's shape with random weights, 24 windows of one channel, as in timellm_speed.py. Bytes for backward are those of
every different storage that autograd keeps between forward and backward, weights left out (they are there anyway).
"""

import argparse
import tempfile
from pathlib import Path
from typing import Any

import torch

from benchmarks._harness import report, table
from benchmarks.speed.timellm_speed import WINDOWS, gpt2_folder, make, windows
from latentcast.core.types import Batch
from latentcast.models.network import Network

CLAIM = "time-llm keeps a fraction of the published path's bytes for the backward pass"

VARIANTS: dict[str, dict[str, Any]] = {
    "published": {"prototypes": "vocabulary", "reuse": False},
    "prompt once": {"prototypes": "vocabulary"},
    "default": {},
    "default, bf16 weights": {"dtype": "bf16"},
    "default, blocks run again": {"checkpointing": True},
}
MIB = 2**20


def kept_for_backward(network: Network, batch: Batch) -> int:
    part = network.model.backbone
    weights = [*network.parameters(), *part.language.model.parameters()]
    there = {tensor.untyped_storage().data_ptr() for tensor in weights}
    kept: dict[int, int] = {}

    def keep(tensor: torch.Tensor) -> torch.Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in there:
            kept[storage.data_ptr()] = storage.nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        loss = network.loss(network(batch), batch)
    total = sum(kept.values())
    loss.backward()
    return total


def main() -> None:
    parse = argparse.ArgumentParser()
    parse.add_argument("--lookbacks", type=int, nargs="*", default=[96, 512])
    parse.add_argument("--layers", type=int, default=6)
    asked = parse.parse_args()
    torch.set_num_threads(1)
    found: dict[str, Any] = {"windows": WINDOWS, "layers": asked.layers, "lookbacks": {}}
    with tempfile.TemporaryDirectory() as place:
        folder = gpt2_folder(Path(place))
        for lookback in asked.lookbacks:
            rows = {}
            for name, how in VARIANTS.items():
                network = make(folder, lookback, asked.layers, **how)
                batch = network.prompted(windows(lookback))
                network(batch)  # the static part is kept once and for all, not for backward
                trained = sum(p.numel() for p in network.parameters())
                saved = sum(t.numel() * t.element_size() for t in network.state_dict().values())
                rows[name] = {
                    "kept for backward MiB": kept_for_backward(network, batch) / MIB,
                    "trained weights": trained,
                    "saved MiB": saved / MIB,
                }
                del network
            most = rows["published"]["kept for backward MiB"]
            for row in rows.values():
                row["of published"] = row["kept for backward MiB"] / most
            found["lookbacks"][lookback] = rows
            print(f"look-back {lookback}")
            table(["variant", *rows["default"]], [[name, *row.values()] for name, row in rows.items()])
    report(CLAIM, {96: 0.25, 512: 0.5}, name="timellm_memory", found=found, threads=1)


if __name__ == "__main__":
    main()
