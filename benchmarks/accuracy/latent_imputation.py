"""Imputation on ETTh1: values of windows of 96 steps hidden at random and filled, by one pretrained encoder-decoder.

One model for all shares of hidden values; every window of the test part once, the same hidden places for every seed;
linear interpolation between the neighbours beside it. Settings were chosen on the validation part.

    python -m benchmarks.accuracy.latent_imputation [--data ETTh1] [--seeds 0,1,2] [--steps 3000]
"""

import argparse
import statistics
from functools import partial
from typing import Any

import torch

import latentcast
from benchmarks._harness import RESULTS, Cells, report, table
from latentcast.workflows.imputation import MASKS, evaluate_imputation

CLAIM = "one pretrained model fills hidden values as well as models trained for each share"

# mean over the four shares of MSE and MAE as published, each trained for the share it was tested on
PUBLISHED = {
    "GPT2(3)": (0.069, 0.173),
    "TimesNet": (0.078, 0.187),
    "PatchTST": (0.115, 0.224),
    "DLinear": (0.201, 0.306),
}


def measure(data: str, seed: int, settings: dict[str, Any]) -> dict[str, Any]:
    model = latentcast.pretrain(data, "latent-transformer", preset="imputer", lookback=96, seed=seed, settings=settings)
    judged = [vars(row) for row in evaluate_imputation(model, data, masks=MASKS)]
    return {"seconds": model.card.training.seconds, "judged": judged}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", default="ETTh1")
    parser.add_argument("--seeds", default="0,1,2")
    parser.add_argument("--steps", type=int, default=3000)
    args = parser.parse_args()
    torch.set_num_threads(1)
    settings = {"stages.reconstruct.max_steps": args.steps}
    cells = Cells(RESULTS / "latent_imputation.jsonl")  # a finished seed is not run again
    for seed in map(int, args.seeds.split(",")):
        wanted = {"data": args.data, "preset": "imputer", "seed": seed, "settings": settings}
        cells.once(wanted, partial(measure, args.data, seed, settings))
    chosen = [cell for cell in cells.rows if cell["cell"]["data"] == args.data and cell["cell"]["settings"] == settings]
    rows = [_row(mask, [cell["judged"][at] for cell in chosen]) for at, mask in enumerate(MASKS)]
    means = {name: statistics.mean(row[name] for row in rows) for name in ("mse", "mae", "linear_mse", "linear_mae")}
    table(
        ["hidden", "MSE", "sd", "MAE", "linear MSE", "linear MAE"],
        [
            [f"{row['mask']:.1%}", row["mse"], row["mse_sd"], row["mae"], row["linear_mse"], row["linear_mae"]]
            for row in rows
        ]
        + [["mean", means["mse"], "", means["mae"], means["linear_mse"], means["linear_mae"]]],
    )
    report(
        CLAIM,
        PUBLISHED,
        name=f"latent_imputation_{args.data}",
        found={
            "settings": settings,
            "seeds": [cell["cell"]["seed"] for cell in chosen],
            "windows": chosen[0]["judged"][0]["windows"],
            "rows": rows,
            "mean": means,
            "published": PUBLISHED if args.data == "ETTh1" else None,
        },
        threads=1,
    )


def _row(mask: float, cells: list[dict[str, Any]]) -> dict[str, Any]:
    means = {name: statistics.mean(cell[name] for cell in cells) for name in ("mse", "mae", "linear_mse", "linear_mae")}
    sd = statistics.stdev(cell["mse"] for cell in cells) if len(cells) > 1 else 0.0
    return {"mask": mask, **means, "mse_sd": sd, "values": cells[0]["values"]}


if __name__ == "__main__":
    main()
