"""What each extension costs a training step of Time-LLM: time, peak memory, bytes kept for backward, learned weights.

    python -m benchmarks.memory.extensions_overhead [--lookback 512] [--windows 2] [--steps 2]

Plain is `time-llm` as it is by default, on six random layers of GPT-2's shape; windows of seven channels, two of them
are 14 series. Every variant runs in a process of its own, since a peak of memory is a process's: forward, backward and
Adam's step, the first of them not timed. Time is the processor's, the median of the steps; the peak is of the whole
process, frozen weights and packages included. Variants run in turn, `rounds` times, and the median of rounds counts.

Asked of the peak over plain: multi-scale +20 %, inter-variate +5 %, dynamic prompt +15 %, mixture +30 %, frequency
+5 %.
"""

import argparse
import json
import statistics
import tempfile
from pathlib import Path
from typing import Any

import torch

from benchmarks._harness import compare, in_process, peak_mib, report, table
from benchmarks.memory.timellm_memory import kept_for_backward
from benchmarks.speed.timellm_speed import gpt2_folder, stepper
from latentcast.core.types import Batch, Task
from latentcast.models.config.run import resolve_config
from latentcast.models.network import Network, build

CLAIM = "each extension adds little to the peak memory of a training step"

CHANNELS, HORIZON, LAYERS = 7, 96, 6
PATCHES = {"width": 16, "kernel": 3, "position": False}
DYNAMIC = {"dynamic": 32, "local_statistics": True}
WORDS = {"num_prototypes": "adaptive", "prototype_start": "cluster"}
BOTH = [{"name": "inter-variate"}, {"name": "mixture"}]
VARIANTS: dict[str, dict[str, Any]] = {
    "plain": {},
    "wavelet": {"representation": {"name": "wavelet", **PATCHES}},
    "multi-scale": {"representation": {"name": "multi-scale", **PATCHES}},
    "frequency": {"representation": {"name": "frequency", **PATCHES}},
    "inter-variate": {"mixers": [BOTH[0]]},
    "mixture": {"mixers": [BOTH[1]]},
    "dynamic prompt": {"backbone": DYNAMIC},
    "dynamic prompt, fused": {"backbone": {**DYNAMIC, "join": "fuse"}},
    "dynamic prompt, no text": {"backbone": {**DYNAMIC, "prompt": False}},
    "task vocabulary": {"backbone": WORDS},
    "all": {
        "representation": {
            "name": "views",
            "views": [{"name": name, **PATCHES} for name in ("wavelet", "multi-scale", "frequency")],
        },
        "mixers": BOTH,
        "backbone": {**DYNAMIC, **WORDS},
    },
}
ASKED = {"multi-scale": 20, "inter-variate": 5, "dynamic prompt": 15, "mixture": 30, "frequency": 5}
MIB = 2**20


def make(folder: str, lookback: int, how: dict[str, Any]) -> Network:
    task = Task(
        lookback, HORIZON, CHANNELS, tuple(range(CHANNELS)), 0, 24, "Hourly load and oil temperature of a transformer."
    )
    backbone = {"llm": folder, "random": True, "llm_layers": LAYERS, "check": False, **how.get("backbone", {})}
    torch.manual_seed(0)
    run = resolve_config(
        {"model": {"name": "time-llm", **how, "backbone": backbone}, "lookback": lookback, "horizon": HORIZON}
    )
    return build(run.kind, run.model, task).train()


def one(folder: str, name: str, lookback: int, windows: int, steps: int) -> dict[str, float]:
    torch.set_num_threads(1)
    network = make(folder, lookback, VARIANTS[name])
    g = torch.Generator().manual_seed(1)
    past, target = (torch.randn(windows, time, CHANNELS, generator=g) for time in (lookback, HORIZON))
    batch = network.prompted(Batch(past, target=target))
    step = stepper(network, batch)
    return {
        "seconds": compare({name: step}, steps)[name].median(),
        "peak MiB": peak_mib(),
        "kept for backward MiB": kept_for_backward(network, batch) / MIB,
        "learned weights": sum(p.numel() for p in network.parameters() if p.requires_grad),
    }


def main() -> None:
    parse = argparse.ArgumentParser()
    parse.add_argument("--lookback", type=int, default=512)
    parse.add_argument("--windows", type=int, default=2)
    parse.add_argument("--steps", type=int, default=2)
    parse.add_argument("--rounds", type=int, default=1)
    parse.add_argument("--one", nargs=2, metavar=("FOLDER", "NAME"), help=argparse.SUPPRESS)
    asked = parse.parse_args()
    if asked.one:
        print(json.dumps(one(*asked.one, asked.lookback, asked.windows, asked.steps)))
        return
    sizes = [f"--{key}={getattr(asked, key)}" for key in ("lookback", "windows", "steps")]
    rounds: dict[str, list[dict[str, float]]] = {name: [] for name in VARIANTS}
    with tempfile.TemporaryDirectory() as place:
        folder = gpt2_folder(Path(place))
        for _ in range(asked.rounds):
            for name, runs in rounds.items():
                runs.append(in_process("benchmarks.memory.extensions_overhead", [*sizes, "--one", folder, name]))
    rows = {
        name: {figure: statistics.median(run[figure] for run in runs) for figure in runs[0]}
        for name, runs in rounds.items()
    }
    plain = rows["plain"]
    over = {
        name: {figure: 100 * (value / plain[figure] - 1) for figure, value in row.items()} for name, row in rows.items()
    }
    table(
        ["extension", "s", "%", "peak MiB", "%", "asked %", "kept MiB", "%", "learned"],
        [
            [
                name,
                row["seconds"],
                over[name]["seconds"],
                row["peak MiB"],
                over[name]["peak MiB"],
                ASKED.get(name, ""),
                row["kept for backward MiB"],
                over[name]["kept for backward MiB"],
                f"{row['learned weights']:,.0f}",
            ]
            for name, row in rows.items()
        ],
    )
    sizes_said = {"lookback": asked.lookback, "windows": asked.windows, "channels": CHANNELS, "layers": LAYERS}
    found = {**sizes_said, "rounds": asked.rounds, "figures": rows, "percent over plain": over}
    report(CLAIM, ASKED, name=f"extensions_overhead_{asked.lookback}", found=found, threads=1)


if __name__ == "__main__":
    main()
