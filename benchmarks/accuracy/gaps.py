"""What missing values cost: ETTh1 with 30 % of its values removed in blocks of 1 to 48 steps, against complete data.

Every channel loses blocks of its own, in training, validation and test part alike. Three fits of each model, of equal
settings and seeds: on complete data; on what is left, gaps masked (the default); on what is left, filled forward. The
error is that of the test part, every window once, in standardised units; of the data with gaps, on the targets that are
left. Resumable: a finished fit is a line of results/gaps.jsonl.

    python -m benchmarks.accuracy.gaps [--models dlinear,patch-transformer,latent-transformer] [--seeds 0]
"""

import argparse
import statistics
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
import torch

import latentcast
from benchmarks._harness import RESULTS, Cells, report, table
from latentcast.data.sources.open import open_data

CLAIM = "with gaps masked the error is at most 15 % above complete data, and below gaps filled forward"

SHARE, LONGEST, LOOKBACK, HORIZON = 0.3, 48, 336, 96
DATA = "ETTh1"
SETTINGS: dict[str, dict[str, Any]] = {
    "dlinear": {"model.preset": "published"},
    "patch-transformer": {"model.preset": "small", "training": {"lr": 1e-3, "max_steps": 600}},
    "latent-transformer": {"model.preset": "small", "training": {"max_steps": 400}},
}


def holed(frame: pd.DataFrame, share: float, longest: int, seed: int) -> pd.DataFrame:
    """Blocks of 1 to `longest` steps removed from each channel until the share is missing."""
    random = np.random.default_rng(seed)
    frame = frame.copy()
    for name in frame.columns[1:]:
        values = frame[name].to_numpy(np.float64).copy()
        while np.isnan(values).mean() < share:
            length = int(random.integers(1, longest + 1))
            start = int(random.integers(0, len(values) - length + 1))
            values[start : start + length] = np.nan
        frame[name] = values
    return frame


def measure(frame: pd.DataFrame, model: str, seed: int, settings: dict[str, Any]) -> dict[str, Any]:
    forecaster = latentcast.fit(frame, model, lookback=LOOKBACK, horizon=HORIZON, seed=seed, settings=settings)
    found = forecaster.evaluate(frame)
    return {"windows": found.windows, "mse": found.scaled["MSE"], "mae": found.scaled["MAE"]}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", default=",".join(SETTINGS))
    parser.add_argument("--seeds", default="0")
    args = parser.parse_args()
    torch.set_num_threads(1)
    source, defaults = open_data(DATA)
    gaps = holed(source.frame, SHARE, LONGEST, seed=0)
    split = {f"data.{key}": value for key, value in defaults.items() if key != "description"}
    cells = Cells(RESULTS / "gaps.jsonl")
    for seed in map(int, args.seeds.split(",")):
        for model in args.models.split(","):
            for way in ("complete", "mask", "interpolate", "ffill"):
                wanted = {"model": model, "way": way, "seed": seed, "settings": SETTINGS[model]}
                frame = source.frame if way == "complete" else gaps
                settings = {**SETTINGS[model], **split, "data.gaps": "error" if way == "complete" else way}
                cells.once(wanted, partial(measure, frame, model, seed, settings))
    rows = []
    for model in SETTINGS:
        means = {}
        for way in ("complete", "mask", "interpolate", "ffill"):
            mine = [c["mse"] for c in cells.rows if (c["cell"]["model"], c["cell"]["way"]) == (model, way)]
            means[way] = statistics.mean(mine) if mine else float("nan")
        rise = means["mask"] / means["complete"] - 1
        rows.append({"model": model, **means, "rise": rise, "asked": "≤ 0.15, and below ffill"})
    table(list(rows[0]), [list(row.values()) for row in rows])
    removed = float(gaps.iloc[:, 1:].isna().to_numpy().mean())
    report(CLAIM, {"rise at most": 0.15}, name="gaps", found={
        "data": DATA, "removed": removed, "blocks": [1, LONGEST], "lookback": LOOKBACK, "horizon": HORIZON,
        "cells": cells.rows, "rows": rows,
    }, threads=1)  # fmt: skip


if __name__ == "__main__":
    main()
