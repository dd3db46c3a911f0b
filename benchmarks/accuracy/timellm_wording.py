"""What the wording of the prompt and the digits of its numbers do to the test error of Time-LLM.

    python -m benchmarks.accuracy.timellm_wording [--seeds 0 1 2] [--epochs 1]

MiniLM as in configs/timellm-ablation.yaml (two layers in bf16, patches of 32, the oil temperature of ETTh1, 512 → 96),
with the statistics of the window. Every test window once; nothing is chosen. Finished cells are lines of
results/timellm_wording.jsonl and are not run again.
"""

import argparse
import logging
import time
from functools import partial
from statistics import mean, stdev
from typing import Any

import torch

import latentcast
from benchmarks._harness import RESULTS, Cells, report, table
from latentcast.core.nested import merge, nested

CLAIM = "the short wording of the prompt costs no accuracy"
BASE: dict[str, Any] = {
    "model": {
        "name": "time-llm",
        "preset": "minilm",
        "representation": {"length": 32, "stride": 32},
        "backbone": {"dtype": "bf16", "llm_layers": 2},
    },
    "lookback": 512,
    "horizon": 96,
    "data": {"features": "S", "target": "OT", "description": "Hourly load and oil temperature of a transformer."},
    "training": {"max_steps": None, "validations": 1, "loggers": []},
}
WORDINGS: dict[str, dict[str, Any]] = {
    "rounded, 3 digits": {},
    "rounded, 2 digits": {"model.backbone.digits": 2},
    "short, 3 digits": {"model.backbone.prompt_wording": "short"},
    "short, 2 digits": {"model.backbone.prompt_wording": "short", "model.backbone.digits": 2},
    "no statistics": {"model.backbone.statistics": False},
}


def judged(over: dict[str, Any], seed: int, epochs: int) -> dict[str, Any]:
    began = time.process_time()
    forecaster = latentcast.fit(
        "ETTh1", seed=seed, settings=merge(BASE, merge(nested(over), {"training": {"max_epochs": epochs}}))
    )
    trained = time.process_time() - began
    scores = forecaster.evaluate("ETTh1", part="test").scaled
    return {"MSE": scores["MSE"], "MAE": scores["MAE"], "training seconds": round(trained, 1)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2])
    parser.add_argument("--epochs", type=int, default=1)
    asked = parser.parse_args()
    torch.set_num_threads(1)
    logging.disable(logging.WARNING)
    cells = Cells(RESULTS / "timellm_wording.jsonl")
    found: dict[str, list[dict[str, Any]]] = {name: [] for name in WORDINGS}
    for seed in asked.seeds:  # all wordings of a seed first: a run that is cut still compares equal seeds
        for name, over in WORDINGS.items():
            run = partial(judged, over, seed, asked.epochs)
            found[name].append(cells.once([name, seed, asked.epochs], run))
    first = [row["MSE"] for row in found["rounded, 3 digits"]]
    rows = {}
    for name, each in found.items():
        apart = [row["MSE"] - base for row, base in zip(each, first, strict=True)]
        rows[name] = {
            "MSE": mean(row["MSE"] for row in each),
            "MAE": mean(row["MAE"] for row in each),
            "MSE less that of rounded, 3 digits": mean(apart),
            "standard deviation of that": stdev(apart) if apart[1:] else None,
            "training seconds": mean(row["training seconds"] for row in each),
        }
    table(["wording", *rows["rounded, 3 digits"]], [[name, *row.values()] for name, row in rows.items()])
    report(CLAIM, None, name="timellm_wording", found={"epochs": asked.epochs, "seeds": asked.seeds, "rows": rows},
           threads=1)  # fmt: skip


if __name__ == "__main__":
    main()
