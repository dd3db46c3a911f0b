"""Ridge regression on the usual splits: every test window once, every choice made before the test part.

    python -m benchmarks.accuracy.ridge_accuracy [--data ETTh1 ETTh2 ETTm1 weather] [--horizons 96 192 336 720]
                                        [--lookback 1024] [--grid default] [--out ridge_accuracy]

One line a cell is kept in results/<out>.jsonl, and a finished cell is not run again. `asked` is the MSE that the cell
should not exceed to three decimals, `published` the best figure without a dropped window and without refitting.
`--grid` changes the candidates, to show that the choice does not depend on them: coarse, fine, shifted. `--grid refit`
solves on training and validation part in the end: its figures are compared with the refitted ones of others alone.
"""

import argparse
import math
import time
from typing import Any

import torch

import latentcast
from benchmarks._harness import RESULTS, Cells, report, table

CLAIM = "ridge reaches the figure asked of every cell, every choice made before the test part"

ASKED = {
    ("ETTh1", 96): 0.366, ("ETTh1", 192): 0.399, ("ETTh1", 336): 0.422, ("ETTh1", 720): 0.429,
    ("ETTh2", 96): 0.268, ("ETTh2", 192): 0.328, ("ETTh2", 336): 0.352, ("ETTh2", 720): 0.380,
    ("weather", 96): 0.142, ("weather", 192): 0.185,
}  # fmt: skip
PUBLISHED = {
    ("ETTh1", 96): 0.352, ("ETTh1", 192): 0.392, ("ETTh1", 336): 0.414, ("ETTh1", 720): 0.429,
    ("ETTh2", 96): 0.270, ("ETTh2", 192): 0.331, ("ETTh2", 336): 0.350, ("ETTh2", 720): 0.382,
    ("ETTm1", 96): 0.279, ("ETTm1", 192): 0.320, ("ETTm1", 336): 0.348, ("ETTm1", 720): 0.405,
    ("weather", 96): 0.143, ("weather", 192): 0.188, ("weather", 336): 0.234, ("weather", 720): 0.305,
}  # fmt: skip
# SearchCast: a ridge regression whose search refits on training and validation part
PUBLISHED_REFITTED = {
    ("ETTh1", 96): 0.369, ("ETTh1", 192): 0.400, ("ETTh1", 336): 0.423, ("ETTh1", 720): 0.430,
    ("ETTh2", 96): 0.268, ("ETTh2", 192): 0.330, ("ETTh2", 336): 0.354, ("ETTh2", 720): 0.383,
    ("ETTm1", 96): 0.297, ("ETTm1", 192): 0.332, ("ETTm1", 336): 0.357, ("ETTm1", 720): 0.396,
    ("weather", 96): 0.141, ("weather", 192): 0.184, ("weather", 336): 0.234, ("weather", 720): 0.304,
}  # fmt: skip


def grid(name: str, lookback: int) -> dict[str, Any]:
    """Settings of a grid of candidates."""
    if name == "default":
        return {}
    if name == "refit":
        return {"model.refit": True}
    if name == "stride-2":
        return {"model.stride": 2}
    steps = {"coarse": 1.0, "fine": 0.25, "shifted": 0.5}[name]
    factor = {"coarse": 1.0, "fine": 0.35, "shifted": 0.5}[name]
    top = lookback if name != "shifted" else int(lookback * 0.9)
    first = -6 + (0.25 if name == "shifted" else 0.0)
    alphas = sorted(
        {1e-6, *(float(f"{10 ** (first + 4 + steps * number):.3g}") for number in range(1 + int(3 / steps)))}
    )
    lookbacks = sorted({max(16, int(top / 2 ** (factor * number))) for number in range(1 + int(3.5 / factor))})
    trailing = {"coarse": [0.05, 1.0], "fine": [0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0], "shifted": [0.03, 0.15, 0.7]}
    return {"model.alphas": alphas, "model.lookbacks": lookbacks, "model.trailing": trailing[name]}


def cell(data: str, horizon: int, lookback: int, candidates: str) -> dict[str, Any]:
    """Fit and judge one cell."""
    settings = grid(candidates, lookback)
    began, used = time.perf_counter(), time.process_time()
    forecaster = latentcast.fit(data, "ridge", lookback=lookback, horizon=horizon, settings=settings)
    seconds, processor = time.perf_counter() - began, time.process_time() - used
    assert forecaster.card.solved is not None
    assert forecaster.card.validation is not None
    test = forecaster.evaluate(data)
    return {
        "data": data,
        "horizon": horizon,
        "lookback": lookback,
        "grid": candidates,
        "mse": test.scaled["MSE"],
        "mae": test.scaled["MAE"],
        "windows": test.windows,
        "validation_mse": forecaster.card.validation["scaled"]["MSE"],
        "fit_seconds": round(seconds, 2),
        "fit_processor_seconds": round(processor, 2),
        "solved": dict(forecaster.card.solved),
    }


def beside(row: dict[str, Any]) -> dict[str, Any]:
    """A cell with what was asked of it, and the best published figure of its kind."""
    key = row["data"], row["horizon"]
    refitted = row["grid"] == "refit"
    published = (PUBLISHED_REFITTED if refitted else PUBLISHED).get(key)
    return {**row, "asked": None if refitted else ASKED.get(key), "published": published}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--data", nargs="+", default=["ETTh1", "ETTh2", "ETTm1", "weather"])
    parser.add_argument("--horizons", nargs="+", type=int, default=[96, 192, 336, 720])
    parser.add_argument("--lookback", type=int, default=1024)
    parser.add_argument(
        "--grid", default="default", choices=["default", "refit", "coarse", "fine", "shifted", "stride-2"]
    )
    parser.add_argument("--out", default="ridge_accuracy")
    options = parser.parse_args()
    torch.set_num_threads(1)
    names = ("data", "horizon", "lookback", "grid")
    known = Cells(RESULTS / f"{options.out}.jsonl", key=lambda row: [row[name] for name in names])
    for data in options.data:
        for horizon in options.horizons:
            key = (data, horizon, options.lookback, options.grid)
            if key not in known:
                known.append(cell(*key))
    cells = [beside(row) for row in known.rows]
    rows = [
        [*(one[name] for name in ("data", "horizon", "grid", "mse", "mae")), one["asked"] or "",
         one["published"] or math.nan, one["fit_seconds"]]
        for one in cells
    ]  # fmt: skip
    table(["data", "horizon", "grid", "MSE", "MAE", "asked", "published", "fit s"], rows)
    report(
        CLAIM,
        {f"{data} {horizon}": mse for (data, horizon), mse in ASKED.items()},
        name=options.out,
        found={"cells": cells},
        threads=1,
    )


if __name__ == "__main__":
    main()
