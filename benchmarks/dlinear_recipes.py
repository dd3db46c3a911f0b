"""Recipes for DLinear beside its default one, ranked without the test part.

Training stops on the first half of the validation part, and the recipe is judged on the second half, which it has not
seen. Rows 8640..10080 of ETTh1 and ETTh2 are the first half, 10080..11520 the second; the test part begins after.
"""

import argparse
import logging
import statistics
from typing import Any

import torch

import latentcast
from _report import table, write

SPLIT = (8640, 1440, 1440)
PAPER = {"training.ema": None}
RECIPES: dict[str, dict[str, Any]] = {
    "the paper's": PAPER,
    "the paper's, weights averaged over an epoch (default)": {**PAPER, "training.ema": 0.995},
    "4 validations": {**PAPER, "training.validations": 4, "training.patience": 12},
    "cosine 1e-3": {**PAPER, "training.lr": 1e-3, "training.schedule": "cosine"},
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--datasets", nargs="+", default=["ETTh1", "ETTh2"])
    parser.add_argument("--horizons", nargs="+", type=int, default=[96, 192, 336, 720])
    parser.add_argument("--seeds", nargs="+", type=int, default=[11, 12])
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--name", default="dlinear_recipes", help="of the file in results/")
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    logging.disable(logging.WARNING)
    rows: list[dict[str, Any]] = []
    for dataset in args.datasets:
        for horizon in args.horizons:
            for recipe, settings in RECIPES.items():
                held, stopped, windows = [], [], 0
                for seed in args.seeds:
                    forecaster = latentcast.fit(
                        dataset,
                        "dlinear",
                        lookback=336,
                        horizon=horizon,
                        seed=seed,
                        settings={**settings, "data.split": SPLIT},
                    )
                    found = forecaster.evaluate(dataset, split="test")  # the "test" of SPLIT: validation, second half
                    held.append(found.scaled["MSE"])
                    stopped.append(forecaster.card["training"]["stages"][0]["best_val_loss"])
                    windows = found.windows
                rows.append(
                    {
                        "dataset": dataset,
                        "horizon": horizon,
                        "recipe": recipe,
                        "held_mse": {"mean": statistics.mean(held), "all": held},
                        "first_half_mse": {"mean": statistics.mean(stopped), "all": stopped},
                        "windows": windows,
                    }
                )
                print(dataset, horizon, recipe, f"{statistics.mean(held):.4f}", flush=True)
    cells = [(dataset, horizon) for dataset in args.datasets for horizon in args.horizons]
    held_of = {(r["dataset"], r["horizon"], r["recipe"]): r["held_mse"]["mean"] for r in rows}
    table(
        ["recipe", *(f"{dataset} {horizon}" for dataset, horizon in cells)],
        [[recipe, *(f"{held_of[*cell, recipe]:.4f}" for cell in cells)] for recipe in RECIPES],
    )
    write(args.name, {"split": SPLIT, "seeds": args.seeds, "threads": args.threads, "rows": rows})


if __name__ == "__main__":
    main()
