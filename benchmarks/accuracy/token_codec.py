"""The codec of `token-transformer` on ETTh1: what is lost, and how its codebook is used, at 2 to 16 steps a code.

256 codes, windows of 96 steps; every window of the test part once, in standardised units. Three seeds at 4 steps a
code, one at the others. Chosen on the training and validation parts.

    python -m benchmarks.accuracy.token_codec [--data ETTh1] [--steps 400]
"""

import argparse
import statistics
from functools import partial
from typing import Any

import torch

import latentcast
from benchmarks._harness import RESULTS, Cells, report, table
from latentcast.workflows.anomaly import judge_codec

CLAIM = "a codec keeps the series, and uses its codebook"

STRIDES = {2: (2,), 4: (2, 2), 8: (2, 2, 2), 16: (2, 2, 2, 2)}
ASKED = {"factor": 4, "mse": 0.05, "perplexity": 64, "used": 0.7}


def measure(data: str, seed: int, settings: dict[str, Any]) -> dict[str, Any]:
    model = latentcast.pretrain(data, "vq-codec", lookback=96, seed=seed, settings=settings)
    found = judge_codec(model, data)
    return {
        "windows": found.windows,
        "codes": found.codes,
        "mse": found.mse,
        "mae": found.mae,
        "perplexity": found.perplexity[0],
        "used": found.used[0],
        "seconds": model.card.training.seconds,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", default="ETTh1")
    parser.add_argument("--steps", type=int, default=400)
    args = parser.parse_args()
    torch.set_num_threads(1)
    cells = Cells(RESULTS / "token_codec.jsonl")  # what is finished is not run again
    wanted = [(factor, seed) for factor in STRIDES for seed in ((0, 1, 2) if factor == ASKED["factor"] else (0,))]
    for factor, seed in wanted:
        settings = {"stages.codec.max_steps": args.steps, "model.representation.codec.strides": STRIDES[factor]}
        cell = {"data": args.data, "factor": factor, "seed": seed, "steps": args.steps}
        cells.once(cell, partial(measure, args.data, seed, settings))
    chosen = [c for c in cells.rows if c["cell"]["data"] == args.data and c["cell"]["steps"] == args.steps]
    rows = [_row(factor, [c for c in chosen if c["cell"]["factor"] == factor]) for factor in STRIDES]
    names = ["factor", "mse", "mae", "perplexity", "used", "seeds"]
    table(names, [[row[name] for name in names] for row in rows])
    report(
        CLAIM,
        ASKED,
        name=f"token_codec_{args.data}",
        found={"codes": 256, "steps": args.steps, "windows": chosen[0]["windows"], "asked": ASKED, "rows": rows},
        threads=1,
    )


def _row(factor: int, cells: list[dict[str, Any]]) -> dict[str, Any]:
    names = ("mse", "mae", "perplexity", "used")
    means = {name: round(statistics.mean(cell[name] for cell in cells), 5) for name in names}
    spread = {f"{name}_sd": round(statistics.stdev(c[name] for c in cells), 5) for name in names if len(cells) > 1}
    return {"factor": factor, **means, **spread, "seeds": len(cells)}


if __name__ == "__main__":
    main()
