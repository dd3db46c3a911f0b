"""Coverage and interval score of prediction intervals on the test part of ETTh1, ETTh2 and weather at h = 96, and what
they cost at prediction.

Every model is fitted once (seed 0, look-back 336) and every test window is judged once, for each method that it has:
quantiles (of a head, as they are), conformal (by the scores of the validation part) and adaptive. Nothing is chosen by
the test part: unit and rate were chosen on the validation parts, see --choice, which judges their second half with
scores from the first. Each finished (dataset, model) is one line of results/coverage.jsonl and is not run again unless
its settings have changed.
"""

import argparse
import json
import logging
import statistics
import subprocess
import sys
import tempfile
import time
from typing import Any

import numpy as np
import torch

import latentcast
from benchmarks._harness import RESULTS, Cells, report, table
from latentcast.data.sources.open import open_data
from latentcast.evaluation import conformal
from latentcast.forecaster.inputs import open_prepared
from latentcast.forecaster.judge import forecast_windows
from latentcast.models.config.run import resolve_config

CLAIM = "prediction intervals cover their level on the test part to 4 points, and cost below 1 % of a prediction"

LEVELS = (80, 90)
LOOKBACK, HORIZON = 336, 96
CELLS = Cells(RESULTS / "coverage.jsonl")
NOISE = {"training": {"loggers": []}}
# weather has 36 000 training windows of 21 channels: 600 steps of 32 windows are about half an epoch
SHORT = {"weather": {"training": {"max_steps": 600}}}
SMALL_TOKENS = {"lr": 1e-3, "max_steps": 1200, "batch_size": 16, "validations": 1}
MODELS: dict[str, dict[str, Any]] = {
    "naive": {"model": {"name": "naive"}},
    "seasonal-naive": {"model": {"name": "seasonal-naive"}},
    "dlinear": {"model": {"name": "dlinear", "preset": "published"}},
    "latent-transformer": {"model": {"name": "latent-transformer", "preset": "small"}},
    "latent-transformer, quantile": {
        "model": {"name": "latent-transformer", "preset": "small", "head": {"name": "quantile"}}
    },
    # MiniLM's first two layers as time-llm was chosen by ETTh1's validation part (timellm_accuracy.py --choice)
    "time-llm": {
        "model": {
            "name": "time-llm",
            "preset": "minilm",
            "representation": {"length": 32, "stride": 32},
            "backbone": {"prompt": False, "statistics": False, "dtype": "bf16", "llm_layers": 2},
        },
        "training": {"max_steps": 250},
    },
    "token-transformer": {
        "model": {"name": "token-transformer", "preset": "small"},
        "lookback": 96,
        "stages": {"codec": {"max_steps": 400}, "next-code": SMALL_TOKENS},
        "training": {"max_steps": 100, "batch_size": 16, "validations": 10},
    },
    "auto-ets": {"model": {"name": "auto-ets"}},
}
# a forecast of these is a fit to every channel's look-back, so that about one window of a day is judged and calibrated
# on, each at another hour
STRIDES = {"auto-ets": {"weather": 139, "ETTh1": 23, "ETTh2": 23}}


def settings(dataset: str, model: str) -> dict[str, Any]:
    its = MODELS[model]
    training = {**NOISE["training"], **SHORT.get(dataset, {}).get("training", {}), **its.get("training", {})}
    return {"lookback": LOOKBACK, "horizon": HORIZON, "seed": 0, **its, "training": training}


def resolved(stated: dict[str, Any]) -> dict[str, Any]:
    dumped = resolve_config({"horizon": HORIZON, "lookback": LOOKBACK, **stated}).dump()
    return dict(json.loads(json.dumps({key: dumped[key] for key in ("model", "training", "lookback")})))


def measure(dataset: str, model: str) -> dict[str, Any]:
    began = time.perf_counter()
    forecaster = latentcast.fit(dataset, settings=settings(dataset, model))
    seconds = time.perf_counter() - began
    methods = ["quantiles"] * bool(forecaster.network.quantile_levels) + ["conformal", "adaptive"]
    stride = STRIDES.get(model, {}).get(dataset, 1)
    if stride > 1:
        forecaster.calibrate(dataset, stride=stride)
    found = {}
    for method in methods:
        judged = forecaster.evaluate(dataset, level=LEVELS, interval_method=method, stride=stride)
        assert judged.intervals is not None
        found[method] = {"scaled": judged.intervals.to_dict()["scaled"], "about": judged.intervals.about}
    return {
        "dataset": dataset,
        "model": model,
        "settings": resolved(settings(dataset, model)),
        "windows": judged.windows,
        "stride": stride,
        "test_mse": judged.scaled["MSE"],
        "card": forecaster.card.intervals,
        "methods": found,
        "fit_seconds": round(seconds, 1),
        "overhead": overhead(forecaster, dataset) if model in ("dlinear", "latent-transformer") else None,
    }


def overhead(forecaster: Any, dataset: str, repeats: int = 100) -> dict[str, Any]:
    """Milliseconds of `predict` with and without intervals, taking turns: one call in this process, from the look-back
    and from the whole table, and the whole command in a process of its own."""
    frame = open_data(dataset)[0].frame
    out: dict[str, Any] = {}
    for name, data in (("from the look-back", frame.tail(LOOKBACK).reset_index(drop=True)), ("from the table", frame)):
        times: dict[Any, list[float]] = {None: [], LEVELS: []}
        for turn in range(repeats + 2):
            for level, kept in times.items():
                began = time.perf_counter()
                forecaster.predict(data, level=level)
                if turn > 1:
                    kept.append(1e3 * (time.perf_counter() - began))
        out[name] = _both(times[None], times[LEVELS])
    with tempfile.TemporaryDirectory() as folder:
        forecaster.save(f"{folder}/saved")
        run = [sys.executable, "-c", "from latentcast.cli import main; main()", "predict", f"{folder}/saved", dataset]
        whole: dict[bool, list[float]] = {False: [], True: []}
        for _ in range(9):
            for wanted, kept in whole.items():
                more = ["--level", ",".join(map(str, LEVELS))] if wanted else []
                began = time.perf_counter()
                subprocess.run(
                    [*run, "--out", f"{folder}/f.csv", "--overwrite", *more], check=True, capture_output=True
                )
                kept.append(1e3 * (time.perf_counter() - began))
        out["the command"] = _both(whole[False], whole[True])
    return out


def _both(without: list[float], with_them: list[float]) -> dict[str, float]:
    """The middle of the differences between neighbours in time, which what else the machine does changes least."""
    middle = statistics.median(without)
    more = statistics.median(b - a for a, b in zip(without, with_them, strict=True))
    return {"without_ms": round(middle, 2), "more_ms": round(more, 3), "share": round(more / middle, 4)}


def finished() -> dict[tuple[str, str], dict[str, Any]]:
    return {
        (row["dataset"], row["model"]): row
        for row in CELLS.rows
        # settings that are newer than a line have their default
        if row["model"] in MODELS and resolved(row["settings"]) == resolved(settings(row["dataset"], row["model"]))
    }


def choice(datasets: list[str]) -> None:
    """Unit and rate on the validation parts alone: scores of their first half (but for one horizon), judged on the
    second, levels of 80 and 90 % together. The figures are interval scores in standardised units, lower is better."""
    units = {
        "none": np.ones_like,
        "root": lambda s: np.sqrt(s + conformal.FLOOR),
        "deviation": lambda s: s + 0.05,
    }
    rows = []
    for dataset in datasets:
        for model in ("dlinear", "latent-transformer"):
            forecaster = latentcast.fit(dataset, settings=settings(dataset, model))
            _, view = open_prepared(forecaster, dataset)
            starts = view.starts("val", LOOKBACK, HORIZON)
            if dataset == "weather":
                starts = (starts[0][::2], starts[1][::2])
            series = view.scaler.apply(view.panel)
            past = np.lib.stride_tricks.sliding_window_view(series, LOOKBACK, 0)[starts[0].numpy()]
            deviation = past.std(-1)[:, None]
            batches = forecast_windows(forecaster, view, starts)
            error = np.concatenate([np.abs(batch.outcome.scaled - batch.scaled) for batch in batches])
            half = len(error) // 2
            for unit, make in units.items():
                size = make(deviation)
                before, after = error[: half - HORIZON] / size[: half - HORIZON], error[half:] / size[half:]
                radii = conformal.radii(before.swapaxes(1, 2).reshape(len(before), -1, 1).astype(np.float32))[0]
                at = radii.reshape(-1, HORIZON, len(conformal.GRID)).swapaxes(0, 1)  # horizon channel grid
                spread = np.repeat((at[..., 89] - at[..., 9])[..., None], 2, -1).astype(float)
                start = at[..., [79, 89]].astype(float)
                for rate in (0.0, 0.0025, 0.005, 0.01, 0.02):
                    tracker = conformal.Tracker(start, spread, np.array([0.8, 0.9]), rate)
                    scores, covered = np.zeros(2), np.zeros(2)
                    for window, units_of in zip(after, size[half:], strict=True):
                        radius = np.maximum(tracker.step(np.repeat(window[..., None], 2, -1)), 0)
                        out = np.maximum(window[..., None] - radius, 0)
                        width = 2 * radius + 2 / np.array([0.2, 0.1]) * out
                        scores += (width * units_of[..., None]).mean((0, 1))
                        covered += (out == 0).mean((0, 1))
                    share, score = covered / len(after), scores / len(after)
                    rows.append(
                        {"dataset": dataset, "model": model, "unit": unit, "rate": rate,
                         "coverage": share.round(4).tolist(), "score": score.round(4).tolist()}
                    )  # fmt: skip
                    print(rows[-1], flush=True)
    report(CLAIM, None, name="coverage_choice", found={"levels": LEVELS, "rows": rows})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--datasets", nargs="+", default=["ETTh1", "ETTh2", "weather"])
    parser.add_argument("--models", nargs="+", default=list(MODELS), choices=list(MODELS))
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--choice", action="store_true", help="how unit and rate were chosen, on the validation parts")
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    logging.disable(logging.WARNING)
    if args.choice:
        choice(args.datasets)
        return
    for dataset in args.datasets:
        for model in args.models:
            if (dataset, model) not in finished():
                row = CELLS.append(measure(dataset, model))
                print(dataset, model, f"{row['fit_seconds']} s", flush=True)
    summary(args)


def summary(args: argparse.Namespace) -> None:
    done = finished()
    rows, costs = [], []
    for dataset in args.datasets:
        for model in args.models:
            cell = done[dataset, model]
            for method, found in cell["methods"].items():
                levels = found["scaled"]["levels"]
                shares = [levels[str(level)]["coverage"] for level in LEVELS]
                within = all(abs(100 * share - level) <= 4 for share, level in zip(shares, LEVELS, strict=True))
                scores = [levels[str(level)]["score"] for level in LEVELS]
                rows.append(
                    [dataset, model, method, *(f"{100 * s:.1f}" for s in shares), "yes" if within else "no", *scores]
                )
            for where, cost in (cell["overhead"] or {}).items():
                costs.append(
                    [dataset, model, where, cost["without_ms"], cost["more_ms"], f"{100 * cost['share']:.1f} %"]
                )
    table(["dataset", "model", "method", "80 %", "90 %", "within 4", "score 80", "score 90"], rows)
    print()
    table(["dataset", "model", "predict", "ms without", "ms more", "share"], costs)
    cells = [done[dataset, model] for dataset in args.datasets for model in args.models]
    shared = {"levels": LEVELS, "lookback": LOOKBACK, "horizon": HORIZON, "seed": 0, "weather": SHORT["weather"]}
    report(CLAIM, {"points": 4, "share": 0.01}, name="coverage", found={**shared, "cells": cells}, threads=args.threads)


if __name__ == "__main__":
    main()
