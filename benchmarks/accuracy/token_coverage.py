"""Coverage of 100 sampled paths of `token-transformer` on ETTh1 at 96 → 96, as they are and after calibration.

The codes' language alone (codec 400 steps, next code 1200 steps at a horizon of 336, preset small, as in
token_accuracy.py, whose folders are used where they lie in --work), and the same after 100 steps on values. Every
window of the test part once; the calibration reads one window of 23 of the validation part, so that every hour of the
day comes. Raw and conformal intervals, split and adaptive, are made of the same paths.

    python -m benchmarks.accuracy.token_coverage [--models language taught] [--work FOLDER] [--stride 1]
"""

import argparse
import logging
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch

import latentcast
from benchmarks._harness import RESULTS, Cells, report, table
from benchmarks.accuracy import token_accuracy
from latentcast.evaluation.forecasts import ForecastBatch, accumulate_errors
from latentcast.evaluation.interval_metrics import IntervalErrors
from latentcast.forecaster.calibration import Scores
from latentcast.forecaster.inputs import open_prepared
from latentcast.forecaster.judge import choose_intervals, forecast_windows

CLAIM = "after calibration, intervals of sampled paths cover their level to 4 points"

DATASET, HORIZON, LEVELS, PATHS, CALIBRATED_EVERY = "ETTh1", 96, (80, 90), 100, 23
METHODS = ("paths", "conformal", "adaptive")


def made(model: str, work: Path) -> latentcast.Forecaster:
    tokens = token_accuracy.stages(DATASET, 0, work)
    if model == "language":
        return latentcast.load(tokens, horizon=HORIZON)
    how = token_accuracy.TAUGHT[HORIZON]["expected"]
    settings = {"training": {**how, "batch_size": 16, "validations": 10, "loggers": []}}
    return latentcast.fit(DATASET, horizon=HORIZON, seed=0, settings=settings, start=tokens)


def measure(model: str, work: Path, stride: int) -> dict[str, Any]:
    forecaster = made(model, work)
    forecaster.calibrate(DATASET, base="paths", paths=PATHS, stride=CALIBRATED_EVERY)
    _, view = open_prepared(forecaster, DATASET)
    task = forecaster.task
    starts = view.starts("test", task.lookback, task.horizon, stride)
    began = time.perf_counter()
    scores = Scores("paths", (), PATHS, len(starts[0]), task.horizon * len(task.targets))
    # the paths of a window are drawn once; what each method makes of them is judged beside the others
    drawn = ForecastBatch.joined(list(forecast_windows(forecaster, view, starts, how=scores)))
    seconds = time.perf_counter() - began
    found = {}
    for method in METHODS:
        errors = IntervalErrors(LEVELS, ()), IntervalErrors(LEVELS, ())
        maker = choose_intervals(forecaster, LEVELS, method, PATHS)
        accumulate_errors(maker.around(iter([drawn]), view.panel, stride), view.naive_error, None, errors)
        found[method] = errors[0].result()
    point = accumulate_errors(iter([drawn]), view.naive_error)[0].result()
    return {
        "windows": len(starts[0]),
        "calibrated_on": forecaster.card.intervals,
        "test_mse": point["MSE"],
        "median_mse": float(np.mean((np.median(drawn.distribution.paths, 1) - drawn.outcome.scaled) ** 2)),
        "methods": found,
        "seconds": round(seconds, 1),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", nargs="+", default=["language", "taught"], choices=["language", "taught"])
    parser.add_argument("--work", type=Path, default=Path(tempfile.gettempdir()) / "latentcast-token-accuracy")
    parser.add_argument("--stride", type=int, default=1, help="one test window of so many: for a look, not a figure")
    args = parser.parse_args()
    torch.set_num_threads(1)
    logging.disable(logging.WARNING)
    known = Cells(RESULTS / "token_coverage.jsonl", key=lambda row: (row["model"], row["stride"]))
    cells = known.rows if args.stride == 1 else [*known.rows]
    for model in args.models:
        if (model, args.stride) in known:
            continue
        cell = {"model": model, "stride": args.stride, **measure(model, args.work, args.stride)}
        if args.stride == 1:
            known.append(cell)
        else:
            cells.append(cell)
    rows = []
    for cell in cells:
        for method, its in cell["methods"].items():
            levels = its["levels"]
            shares = [levels[f"{level}"]["coverage"] for level in LEVELS]
            scores = [levels[f"{level}"]["score"] for level in LEVELS]
            rows.append([cell["model"], cell["windows"], method, *(f"{100 * s:.1f}" for s in shares), *scores])
    table(["model", "windows", "method", "80 %", "90 %", "score 80", "score 90"], rows)
    if args.stride == 1:
        shared = {"dataset": DATASET, "horizon": HORIZON, "levels": LEVELS, "paths": PATHS, "seed": 0}
        asked = {"80": [0.76, 0.84], "90": [0.86, 0.94]}
        report(CLAIM, asked, name="token_coverage", found={**shared, "cells": cells}, threads=1)


if __name__ == "__main__":
    main()
