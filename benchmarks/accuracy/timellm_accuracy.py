"""Time-LLM with a pretrained language model (MiniLM, from its package) on ETTh1-96, look-back 512, against `pattn`.

    python -m benchmarks.accuracy.timellm_accuracy --steps       # what a training step costs, setting by setting
    python -m benchmarks.accuracy.timellm_accuracy --choice      # how settings were chosen, by the validation part
    python -m benchmarks.accuracy.timellm_accuracy [--seeds 0 1 2] [--models pattn time-llm]

MiniLM reads both ways, so that its prompt cannot be computed once: it is read with every window, and what it costs is
in proportion to prompt and patches together. `--steps` measures what each setting saves, in seconds of processor time a
window on one thread, and what an epoch and a pass over the validation part take with it. Nothing there is approximate:
every row is another model, exactly trained.

Everything is chosen on the validation part; the test part judges once, every window of it. Each finished cell is one
line of results/timellm_choice.jsonl or of results/timellm_accuracy/cells.jsonl and is not run again.
"""

import argparse
import logging
import time
from functools import partial
from statistics import mean, stdev
from typing import Any

import torch

import latentcast
from benchmarks._harness import RESULTS, Cells, compare, report, table
from latentcast.core.nested import merge, nested
from latentcast.core.types import Batch, Task
from latentcast.data.sources.descriptions import described
from latentcast.models.config.run import resolve_config
from latentcast.models.network import Network, build

CLAIM = "time-llm with MiniLM forecasts ETTh1 as well as pattn"

DATASET, LOOKBACK, HORIZON = "ETTh1", 512, 96
TRAIN, VALIDATION = 8033, 2785  # windows
ASKED, APART = 0.395, 0.01
SHORT = "Hourly load and oil temperature of a transformer."
WIDE = {"length": 32, "stride": 32}  # 17 patches, and not 64

# what is laid over the preset minilm
STEPS: dict[str, dict[str, Any]] = {
    "preset": {},
    "no statistics": {"backbone": {"statistics": False}},
    "no prompt": {"backbone": {"prompt": False}},
    "no prompt, bf16": {"backbone": {"prompt": False, "dtype": "bf16"}},
    "no prompt, bf16, 2 layers": {"backbone": {"prompt": False, "dtype": "bf16", "llm_layers": 2}},
    "the same, stride 16": {
        "representation": {"stride": 16}, "backbone": {"prompt": False, "dtype": "bf16", "llm_layers": 2}
    },
    "the same, patches of 32": {
        "representation": WIDE, "backbone": {"prompt": False, "dtype": "bf16", "llm_layers": 2}
    },
    "the same, short prompt": {
        "representation": WIDE, "backbone": {"statistics": False, "dtype": "bf16", "llm_layers": 2}, "describe": SHORT
    },
    "the same, float32": {
        "representation": WIDE, "backbone": {"statistics": False, "llm_layers": 2}, "describe": SHORT
    },
    "bf16, whole prompt": {"representation": WIDE, "backbone": {"dtype": "bf16", "llm_layers": 2}},
}  # fmt: skip

BASE: dict[str, Any] = {
    "model": {
        "name": "time-llm",
        "preset": "minilm",
        "representation": WIDE,
        "backbone": {"statistics": False, "dtype": "bf16", "llm_layers": 2},
    },
    "data": {"description": SHORT},
    "training": {"max_epochs": 2, "max_steps": None, "loggers": []},
}
CHOICES: dict[str, dict[str, Any]] = {
    "short prompt": {},
    "no prompt": {"model.backbone.prompt": False, "data.description": None},
    "no prompt, 1 layer": {"model.backbone.prompt": False, "model.backbone.llm_layers": 1, "data.description": None},
    "no prompt, head dropout 0.2": {
        "model.backbone.prompt": False, "model.head.dropout": 0.2, "data.description": None
    },
    "no prompt, rate 3e-3": {"model.backbone.prompt": False, "training.lr": 3e-3, "data.description": None},
}  # fmt: skip


def seconds(run: Any) -> float:
    """Processor time, the better of two after one that warms up: other work on the machine does not count."""
    return min(compare({"run": run}, repeats=2)["run"].processor)


def steps(windows: int) -> None:
    rows = []
    for name, over in STEPS.items():
        network, batch = made({**over}, windows)
        optimiser = torch.optim.Adam(network.parameters(), lr=1e-3, fused=True)
        step, forward = seconds(partial(_step, network, batch, optimiser)), seconds(partial(_forward, network, batch))
        part = network.model.backbone
        rows.append({
            "settings": name,
            "words": part.static.numel() + (0 if batch.prompt is None else batch.prompt.shape[-1]),
            "patches": network.model.representation.num_tokens(LOOKBACK),
            "step, seconds a window": step / windows,
            "forward, seconds a window": forward / windows,
            "an epoch, minutes": step / windows * TRAIN / 60,
            "validation, minutes": forward / windows * VALIDATION / 60,
        })  # fmt: skip
        print(name, f"{step / windows:.4f} {forward / windows:.4f}", flush=True)
    table(list(rows[0]), [list(row.values()) for row in rows])
    report(
        CLAIM, None, name="timellm_accuracy_steps", found={"windows": windows, "channels": 7, "rows": rows}, threads=1
    )


def made(over: dict[str, Any], windows: int) -> tuple[Network, Batch]:
    description = over.pop("describe", None) or described(DATASET)["description"]
    torch.manual_seed(0)
    chosen = merge({"name": "time-llm", "preset": "minilm"}, over)
    run = resolve_config({"model": chosen, "lookback": LOOKBACK, "horizon": HORIZON})
    network = build(run.kind, run.model, Task(LOOKBACK, HORIZON, 7, tuple(range(7)), 0, 24, description))
    hours = torch.arange(LOOKBACK + HORIZON)[None, :, None] + torch.arange(windows)[:, None, None]
    series = torch.sin(hours * 2 * torch.pi / 24 + torch.arange(7)) + 0.3 * torch.randn(windows, len(hours[0]), 7)
    return network, network.prompted(Batch(series[:, :LOOKBACK], target=series[:, LOOKBACK:]))


def _step(network: Network, batch: Batch, optimiser: torch.optim.Optimizer) -> None:
    optimiser.zero_grad()
    network.loss(network(batch), batch).backward()
    optimiser.step()


def _forward(network: Network, batch: Batch) -> None:
    with torch.no_grad():
        network(batch)


def choice(labels: list[str]) -> None:
    """Fit, and keep what the validation part says; the test part is not looked at."""
    done = Cells(RESULTS / "timellm_choice.jsonl", key=lambda row: [row["choice"], row["settings"]])
    for label in labels:
        settings = {"lookback": LOOKBACK, "horizon": HORIZON, **merge(BASE, nested(CHOICES[label]))}
        if [label, settings] in done:
            continue
        began, worked = time.monotonic(), time.process_time()
        forecaster = latentcast.fit(DATASET, seed=0, settings=settings)
        row = {
            "choice": label,
            "validation_mse": forecaster.card.validation["scaled"]["MSE"],
            "training": forecaster.card.training.to_dict()["stages"],
            "wall_seconds": round(time.monotonic() - began),
            "processor_seconds": round(time.process_time() - worked),
            "settings": settings,
        }
        done.append(row)
        print(f"{label}: validation MSE {row['validation_mse']:.4f}, {row['processor_seconds']} s", flush=True)
    shown = [[row["choice"], row["validation_mse"], row["processor_seconds"], row["wall_seconds"]] for row in done.rows]
    table(["settings", "validation MSE", "processor s", "wall s"], shown)


def accuracy(models: list[str], seeds: list[int]) -> None:
    """All cells as one comparison, one after another; what is finished is not run again."""
    settings = {"pattn": {}, "time-llm": merge(BASE, nested(CHOICES[CHOSEN]))}
    comparison = {
        "datasets": DATASET, "horizons": HORIZON, "seeds": seeds, "common": {"lookback": LOOKBACK},
        "models": {name: settings[name] for name in models},
    }  # fmt: skip
    results = latentcast.benchmark(comparison, out=RESULTS / "timellm_accuracy", workers=1, threads=1, report=print)
    found = {row.model: row for row in results.rows}
    print(results.to_markdown())
    if {"pattn", "time-llm"} <= found.keys() and all(row.finished for row in found.values()):
        own, control = (found[name].mean["MSE"] for name in ("time-llm", "pattn"))
        print(f"asked: at most {ASKED}, and at most pattn + {APART}: {own:.4f}, {own - control:+.4f}")
        scores = {
            name: [r["test"]["scaled"]["MSE"] for r in results.records if r and r["model"] == name and "test" in r]
            for name in found
        }
        report(CLAIM, {"mse": ASKED, "above pattn": APART}, name="timellm_accuracy", found={
            "chosen on the validation part": CHOSEN,
            "test MSE": {
                n: {"mean": mean(s), "sd": stdev(s) if s[1:] else None, "seeds": len(s)} for n, s in scores.items()
            },
            "above pattn": own - control, "met": {"mse": own <= ASKED, "above pattn": own <= control + APART},
        }, threads=1)  # fmt: skip


CHOSEN = "no prompt"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", action="store_true", help="seconds of a training step, setting by setting")
    parser.add_argument("--choice", nargs="*", choices=list(CHOICES), help="by the validation part (default: all)")
    parser.add_argument("--windows", type=int, default=8, help="of a step that is measured")
    parser.add_argument("--models", nargs="+", default=["pattn", "time-llm"])
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2])
    args = parser.parse_args()
    torch.set_num_threads(1)
    logging.disable(logging.WARNING)
    if args.steps:
        steps(args.windows)
    elif args.choice is not None:
        choice(args.choice or list(CHOICES))
    else:
        accuracy(args.models, args.seeds)


if __name__ == "__main__":
    main()
