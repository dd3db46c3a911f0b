"""A training step of Time-LLM with MiniLM, which reads both ways: its prompt is read anew in every step.

    python -m benchmarks.speed.timellm_minilm [--windows 8] [--rounds 20] [--variants NAME …] [--name FILE]

Windows of seven channels, look-back 512 (64 patches), horizon 96, with the description of ETTh1 and the statistics of
each window; one thread, processor time, variants in turn. `fused`: dynamic tokens attend to the text and stand for it
(`dynamic=N join=fuse`), so that the language model reads N tokens in the place of 121 words, and no padding.
"""

import argparse
import statistics
import time
from collections.abc import Callable
from typing import Any
from unittest.mock import patch

import torch

from benchmarks._harness import report, table
from latentcast.core.types import Batch, Task
from latentcast.data.sources.descriptions import described
from latentcast.models.backbones import language_model
from latentcast.models.config.run import resolve_config
from latentcast.models.network import Network, build

CLAIM = "a training step with MiniLM costs a quarter where statistics are fused to tokens"
LOOKBACK, HORIZON, CHANNELS = 512, 96, 7
VARIANTS: dict[str, dict[str, Any]] = {
    "default": {},
    "short": {"prompt_wording": "short"},
    "fused to 8": {"dynamic": 8, "join": "fuse"},
    "fused to 2": {"dynamic": 2, "join": "fuse"},
    "fused to 2, packed": {"dynamic": 2, "join": "fuse", "packed": True},
    "bf16 weights": {"dtype": "bf16"},
    "fused to 8, bf16 weights": {"dynamic": 8, "join": "fuse", "dtype": "bf16"},
    "fused to 2, bf16 weights": {"dynamic": 2, "join": "fuse", "dtype": "bf16"},
    "fused to 2, packed, bf16 weights": {"dynamic": 2, "join": "fuse", "packed": True, "dtype": "bf16"},
}
PLAIN = "default, products of torch"  # what `default` was before frozen layers had oneDNN's products


def made(backbone: dict[str, Any]) -> Network:
    torch.manual_seed(0)
    model = {"name": "time-llm", "preset": "minilm", "backbone": backbone}
    run = resolve_config({"model": model, "lookback": LOOKBACK, "horizon": HORIZON})
    task = Task(LOOKBACK, HORIZON, CHANNELS, tuple(range(CHANNELS)), 0, 24, described("ETTh1")["description"])
    return build(run.kind, run.model, task)


def stepper(network: Network, given: Batch) -> Callable[[], None]:
    batch, optimiser = network.prompted(given), torch.optim.Adam(network.parameters(), lr=1e-3, fused=True)

    def step() -> None:
        optimiser.zero_grad()
        network.loss(network(batch), batch).backward()
        optimiser.step()

    return step


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--windows", type=int, default=8)
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--variants", nargs="+", choices=list(VARIANTS), default=list(VARIANTS))
    parser.add_argument("--name", default="timellm_minilm", help="of the file in results/")
    asked = parser.parse_args()
    torch.set_num_threads(1)
    hours = torch.arange(LOOKBACK + HORIZON)[None, :, None] + torch.arange(asked.windows)[:, None, None]
    noise = torch.randn(asked.windows, LOOKBACK + HORIZON, CHANNELS, generator=torch.Generator().manual_seed(1))
    series = torch.sin(hours * 2 * torch.pi / 24 + torch.arange(CHANNELS)) + 0.3 * noise
    given = Batch(series[:, :LOOKBACK], target=series[:, LOOKBACK:])
    with patch.object(language_model, "quick_products"):
        steps = {PLAIN: stepper(made({}), given)}
    steps |= {name: stepper(made(over), given) for name, over in VARIANTS.items() if name in asked.variants}
    for step in steps.values():
        step()
    taken: dict[str, list[float]] = {name: [] for name in steps}
    for done in range(1, asked.rounds + 1):
        for name, step in steps.items():
            began = time.process_time()
            step()
            taken[name].append(time.process_time() - began)
        medians = {name: statistics.median(each) for name, each in taken.items()}
        rows = {name: {"seconds": each, "times less": medians[PLAIN] / each} for name, each in medians.items()}
        found = {"series": asked.windows * CHANNELS, "rounds": done, "rows": rows}
        report(CLAIM, {"times less": 4}, name=asked.name, found=found, threads=1)
    table(["variant", "seconds", "times less"], [[name, *row.values()] for name, row in rows.items()])


if __name__ == "__main__":
    main()
