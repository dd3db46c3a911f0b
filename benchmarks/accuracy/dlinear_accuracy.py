"""DLinear on ETTh1 and ETTh2 with the package's default settings: test MSE and MAE over every test window.

Nothing is chosen here by the test part; the recipe is explained in benchmarks/README.md. That of the paper's scripts,
which keeps the best validation, is `--name dlinear_paper --set training.keep=best training.patience=3`.
Each finished (dataset, horizon, seed) is one line of results/<name>.jsonl and is not run again, unless its
settings have changed since.
"""

import argparse
import json
import logging
import statistics
import time
from pathlib import Path
from typing import Any

import torch

import latentcast
from benchmarks._harness import RESULTS, Cells, report, table
from latentcast.core.parsing import parse_assignments
from latentcast.models.config.run import resolve_config

CLAIM = "dlinear with its published settings reaches the figures asked on ETTh1 and ETTh2"

MODEL = {"name": "dlinear", "preset": "published"}
HORIZONS = (96, 192, 336, 720)
# test MSE: asked for, and as published where every test window was judged
ASKED = {"ETTh1": (0.385, 0.415, 0.448, 0.488), "ETTh2": (0.305, 0.395, 0.500, 0.720)}
PUBLISHED = {"ETTh1": (0.379, 0.408, 0.440, 0.471), "ETTh2": (0.300, 0.387, 0.490, 0.704)}


def settings(args: argparse.Namespace, horizon: int) -> dict[str, Any]:
    """Every setting of the model and its training: what a cell must have been run with to count."""
    run = resolve_config({"model": MODEL, "lookback": args.lookback, "horizon": horizon, **args.set})
    return dict(json.loads(json.dumps({"model": run.model.dump(), "training": run.training.dump()})))


def measure(args: argparse.Namespace, dataset: str, horizon: int, seed: int) -> dict[str, Any]:
    began = time.perf_counter()
    forecaster = latentcast.fit(
        dataset, lookback=args.lookback, horizon=horizon, seed=seed, settings={"model": MODEL, **args.set}
    )
    seconds = time.perf_counter() - began
    found = forecaster.evaluate(dataset, part="test")
    training = forecaster.card.training
    return {
        "dataset": dataset,
        "horizon": horizon,
        "seed": seed,
        "test_mse": found.scaled["MSE"],
        "test_mae": found.scaled["MAE"],
        "val_mse": forecaster.card.validation["scaled"]["MSE"],
        "windows": {
            "train": training.windows,
            "validation": training.validation_windows,
            "test": found.windows,
        },
        "epochs": training.stages[0].epochs,
        "stopped_by": training.stages[0].stopped_by,
        "fit_seconds": round(seconds, 1),
        "lookback": args.lookback,
        "settings": settings(args, horizon),
    }


def finished(args: argparse.Namespace) -> dict[tuple[str, int, int], dict[str, Any]]:
    return {
        (row["dataset"], row["horizon"], row["seed"]): row
        for row in args.cells.rows
        if row["lookback"] == args.lookback and row["settings"] == settings(args, row["horizon"])
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--datasets", nargs="+", default=["ETTh1", "ETTh2"])
    parser.add_argument("--horizons", nargs="+", type=int, default=HORIZONS)
    parser.add_argument("--seeds", nargs="+", type=int, default=[1, 2, 3])
    parser.add_argument("--lookback", type=int, default=336)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--set", nargs="+", default=[], metavar="KEY=VALUE", help="other than default settings")
    parser.add_argument("--name", default="dlinear_accuracy", help="of the files in results/")
    parser.add_argument("--cells", type=Path, help="default: results/NAME.jsonl")
    args = parser.parse_args()
    args.set = parse_assignments(args.set)
    args.cells = Cells(args.cells or RESULTS / f"{args.name}.jsonl")
    torch.set_num_threads(args.threads)
    logging.disable(logging.WARNING)
    for dataset in args.datasets:
        for horizon in args.horizons:
            for seed in args.seeds:
                if (dataset, horizon, seed) in finished(args):
                    continue
                row = args.cells.append(measure(args, dataset, horizon, seed))
                print(dataset, horizon, f"seed {seed}: test MSE {row['test_mse']:.4f}", flush=True)
    summary(args)


def summary(args: argparse.Namespace) -> None:
    done = finished(args)
    out = []
    for dataset in args.datasets:
        for horizon in args.horizons:
            cells = [done[dataset, horizon, seed] for seed in args.seeds]
            mse, mae = [c["test_mse"] for c in cells], [c["test_mae"] for c in cells]
            at = HORIZONS.index(horizon) if horizon in HORIZONS and dataset in ASKED else None
            out.append(
                {
                    "dataset": dataset,
                    "horizon": horizon,
                    "test_mse": {"mean": statistics.mean(mse), "sd": statistics.stdev(mse) if mse[1:] else None},
                    "test_mae": {"mean": statistics.mean(mae), "sd": statistics.stdev(mae) if mae[1:] else None},
                    "val_mse_mean": statistics.mean(c["val_mse"] for c in cells),
                    "asked": None if at is None else ASKED[dataset][at],
                    "published": None if at is None else PUBLISHED[dataset][at],
                    "windows": cells[0]["windows"],
                    "epochs": [c["epochs"] for c in cells],
                    "fit_seconds": [c["fit_seconds"] for c in cells],
                }
            )
    table(
        ["dataset", "h", "MSE", "sd", "MAE", "asked", "published", "met", "test windows"],
        [
            [r["dataset"], r["horizon"], f"{r['test_mse']['mean']:.4f}", f"{r['test_mse']['sd'] or 0:.4f}",
             f"{r['test_mae']['mean']:.4f}", r["asked"], r["published"],
             "" if r["asked"] is None else "yes" if r["test_mse"]["mean"] <= r["asked"] else "no", r["windows"]["test"]]
            for r in out
        ],
    )  # fmt: skip
    shared = settings(args, args.horizons[0])
    what = {"lookback": args.lookback, "seeds": args.seeds, "settings": shared, "not_default": args.set}
    report(CLAIM, ASKED, name=args.name, found={**what, "rows": out}, threads=args.threads)


if __name__ == "__main__":
    main()
