"""What the closed form costs: Gram matrices against windows that are built, the search, and very many series.

    python -m benchmarks.speed.ridge_speed [--parts gram search dlinear many] [--rounds 3]

gram    52 696 steps × 21 channels, look-back 512 + horizon 96: running sums against building all windows of a channel
        and one float64 product, in turns; memory above what the process has before. The other side runs one channel
        after another, and is measured on `--channels` of them
search  ETTh1, four horizons, look-backs up to 1024, one map for all channels: seconds of each fit
dlinear the fit of one cell beside that of `dlinear --preset normalised`
many    100 000 series of 500 steps, one shared map, look-back 96, horizon 24
"""

import argparse
import json
import time
from typing import Any

import numpy as np
import torch

import latentcast
from benchmarks._harness import RESULTS, compare, peak_mib, ratio, report, yardstick
from latentcast.layers.gram import Runs, window_sums
from latentcast.models.ridge.choose import RidgeSettings, solve_windows
from latentcast.models.ridge.stretches import Source, Stretches

CLAIM = "the closed form is faster than windows that are built, and than training the same map"

STEPS, CHANNELS, LOOKBACK, HORIZON = 52_696, 21, 512, 96
ASKED = {
    "gram": {"times_faster": 40, "memory_above_start_gib": 0.3},
    "search": {"seconds": 20},
    "dlinear": {"times_faster": 10},
    "many": {"seconds": 60, "memory_gib": 4},
}


def memory() -> float:
    """Highest memory of the process so far, in GiB."""
    return peak_mib() / 1024


def gram(rounds: int, channels: int) -> dict[str, Any]:
    values = np.random.default_rng(0).standard_normal((STEPS, CHANNELS)).cumsum(0) / 50
    width = LOOKBACK + HORIZON
    runs = Runs(np.array([0]), np.array([STEPS - width]))
    before = memory()
    found = window_sums(values, runs, width, rows=LOOKBACK)
    above = memory() - before

    def built(channel: int) -> np.ndarray:
        windows = np.ascontiguousarray(np.lib.stride_tricks.sliding_window_view(values[:, channel], width))
        return windows.T @ windows

    sides = {
        "sums": lambda: window_sums(values, runs, width, rows=LOOKBACK),
        "built": lambda: [built(channel) for channel in range(channels)],
    }
    times = compare(sides, rounds, warm_up=0)
    products = [built(channel) for channel in range(channels)]
    gaps = [np.abs(p[:LOOKBACK] - found.gram[n]).max() / p.max() for n, p in enumerate(products)]
    return {
        "seconds": times["sums"].median(),
        "built_seconds": times["built"].median() * CHANNELS / channels,
        "times_faster": round(ratio(times, "built", "sums") * CHANNELS / channels, 1),
        "memory_above_start_gib": round(above, 3),
        "largest_relative_difference": float(max(gaps)),
        "yardstick_seconds": yardstick(),
    }


def search() -> dict[str, Any]:
    cells = []
    for horizon in (96, 192, 336, 720):
        began, used = time.perf_counter(), time.process_time()
        forecaster = latentcast.fit("ETTh1", "ridge", lookback=1024, horizon=horizon, settings={"model.maps": "shared"})
        row = {"horizon": horizon, "seconds": time.perf_counter() - began, "processor": time.process_time() - used}
        assert forecaster.card.solved is not None
        cells.append(
            {**row, "solve": forecaster.card.solved["seconds"], "mse": forecaster.evaluate("ETTh1").scaled["MSE"]}
        )
    total = {name: round(sum(cell[name] for cell in cells), 2) for name in ("seconds", "processor", "solve")}
    return {"cells": cells, "total": total, "yardstick_seconds": yardstick()}


def dlinear(rounds: int = 3) -> dict[str, Any]:
    """ETTh1, look-back 512, horizon 96: `ridge` with its search, and `dlinear --preset normalised`, in turns."""
    latentcast.fit("ETTh1", "ridge", lookback=48, horizon=8)  # imports are no part of a fit
    latentcast.fit("ETTh1", "dlinear", lookback=48, horizon=8, settings={"training.max_steps": 1})
    fitted: dict[str, latentcast.Forecaster] = {}

    def fit(model: str, **how: Any) -> None:
        fitted[model] = latentcast.fit("ETTh1", model, lookback=512, horizon=96, **how)

    sides = {
        "ridge": lambda: fit("ridge", settings={"model.maps": "shared"}),
        "dlinear": lambda: fit("dlinear", preset="normalised"),
    }
    times = compare(sides, rounds, warm_up=0)
    return {
        "processor_seconds": {model: took.processor for model, took in times.items()},
        "mse": {model: found.evaluate("ETTh1").scaled["MSE"] for model, found in fitted.items()},
        "times_faster": round(ratio(times, "dlinear", "ridge"), 2),
    }


def many(series: int = 100_000, steps: int = 500, lookback: int = 96, horizon: int = 24) -> dict[str, Any]:
    rng = np.random.default_rng(0)
    values = np.empty((series * steps, 1))
    t = np.arange(steps)
    for first in range(0, series, 1000):
        waves = np.sin(2 * np.pi * t / 24 + rng.uniform(0, 6, (1000, 1))) + rng.standard_normal((1000, steps)) / 3
        values[first * steps : (first + 1000) * steps, 0] = waves.ravel()
    items, start = np.arange(series), np.arange(series) * steps
    train = Stretches(items, start, start, start + 400)
    held_out = Stretches(items, start + 400 - lookback, start + 400, start + steps)
    before = memory()
    began, used = time.perf_counter(), time.process_time()
    settings = RidgeSettings(maps="shared")
    solved = solve_windows([Source(values, train, held_out)], settings, settings.grid(lookback, 24), horizon)
    return {
        "seconds": round(time.perf_counter() - began, 1),
        "processor_seconds": round(time.process_time() - used, 1),
        "memory_gib": round(memory(), 2),
        "memory_above_values_gib": round(memory() - before, 2),
        "found": solved.found,
        "yardstick_seconds": yardstick(),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--parts", nargs="+", default=["gram", "search", "dlinear", "many"])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--channels", type=int, default=3)
    options = parser.parse_args()
    torch.set_num_threads(1)
    path = RESULTS / "ridge_speed.json"
    before = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    found: dict[str, Any] = {part: before[part] for part in ("gram", "search", "dlinear", "many") if part in before}
    sides = {"search": search, "dlinear": dlinear, "many": many}
    for part in options.parts:
        found[part] = gram(options.rounds, options.channels) if part == "gram" else sides[part]()
        print(part, found[part], flush=True)
    report(CLAIM, ASKED, name="ridge_speed", found=found, threads=1)


if __name__ == "__main__":
    main()
