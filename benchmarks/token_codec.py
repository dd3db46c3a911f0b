"""The codec of `token-transformer` on ETTh1: what is lost, and how its codebook is used, at 2 to 16 steps a code.

256 codes, windows of 96 steps; every window of the test part once, in standardised units. Three seeds at 4 steps a
code, one at the others. Chosen on the training and validation parts.

    python benchmarks/token_codec.py [--data ETTh1] [--steps 400]
"""

import argparse
import json
import statistics
from typing import Any

import torch

import latentcast
from _report import RESULTS, table, write
from latentcast.workflows.anomaly import judge_codec

STRIDES = {2: (2,), 4: (2, 2), 8: (2, 2, 2), 16: (2, 2, 2, 2)}
ASKED = {"factor": 4, "mse": 0.05, "perplexity": 64, "used": 0.7}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", default="ETTh1")
    parser.add_argument("--steps", type=int, default=400)
    args = parser.parse_args()
    torch.set_num_threads(1)
    done = RESULTS / "token_codec.jsonl"  # what is finished is not run again
    cells = [json.loads(line) for line in done.read_text().splitlines()] if done.exists() else []
    wanted = [(factor, seed) for factor in STRIDES for seed in ((0, 1, 2) if factor == ASKED["factor"] else (0,))]
    for factor, seed in wanted:
        settings = {"stages.codec.max_steps": args.steps, "model.representation.codec.strides": STRIDES[factor]}
        cell = {"data": args.data, "factor": factor, "seed": seed, "steps": args.steps}
        if any(line["cell"] == cell for line in cells):
            continue
        model = latentcast.pretrain(args.data, "vq-codec", lookback=96, seed=seed, settings=settings)
        found = judge_codec(model, args.data)
        row = {
            "cell": cell,
            "windows": found.windows,
            "codes": found.codes,
            "mse": found.mse,
            "mae": found.mae,
            "perplexity": found.perplexity[0],
            "used": found.used[0],
            "seconds": model.card.training.seconds,
        }
        cells.append(row)
        with done.open("a", encoding="utf-8") as file:
            file.write(json.dumps(row) + "\n")
    chosen = [c for c in cells if c["cell"]["data"] == args.data and c["cell"]["steps"] == args.steps]
    rows = [_row(factor, [c for c in chosen if c["cell"]["factor"] == factor]) for factor in STRIDES]
    names = ["factor", "mse", "mae", "perplexity", "used", "seeds"]
    table(names, [[row[name] for name in names] for row in rows])
    write(
        f"token_codec_{args.data}",
        {"codes": 256, "steps": args.steps, "windows": chosen[0]["windows"], "asked": ASKED, "rows": rows},
        threads=1,
    )


def _row(factor: int, cells: list[dict[str, Any]]) -> dict[str, Any]:
    names = ("mse", "mae", "perplexity", "used")
    means = {name: round(statistics.mean(cell[name] for cell in cells), 5) for name in names}
    spread = {f"{name}_sd": round(statistics.stdev(c[name] for c in cells), 5) for name in names if len(cells) > 1}
    return {"factor": factor, **means, **spread, "seeds": len(cells)}


if __name__ == "__main__":
    main()
