"""What the closed form costs: Gram matrices against windows that are built, the search, and very many series.

    python benchmarks/ridge_speed.py [--parts gram search dlinear many] [--rounds 3]

gram    52 696 steps × 21 channels, look-back 512 + horizon 96: running sums against building all windows of a channel
        and one float64 product, in turns; memory above what the process has before. The other side runs one channel
        after another, and is measured on `--channels` of them
search  ETTh1, four horizons, look-backs up to 1024, one map for all channels: seconds of each fit
dlinear the fit of one cell beside that of `dlinear --preset normalised`
many    100 000 series of 500 steps, one shared map, look-back 96, horizon 24
"""

import argparse
import json
import resource
import statistics
import time
from typing import Any

import numpy as np
import torch

import _report
import latentcast
from latentcast.layers.gram import Runs, window_sums
from latentcast.models.ridge.choose import RidgeSettings, solve_windows
from latentcast.models.ridge.stretches import Source, Stretches

STEPS, CHANNELS, LOOKBACK, HORIZON = 52_696, 21, 512, 96


def memory() -> float:
    """Highest memory of the process so far, in GiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20


def gram(rounds: int, channels: int) -> dict[str, Any]:
    values = np.random.default_rng(0).standard_normal((STEPS, CHANNELS)).cumsum(0) / 50
    width = LOOKBACK + HORIZON
    runs = Runs(np.array([0]), np.array([STEPS - width]))
    before = memory()
    ours, theirs = [], []
    found = window_sums(values, runs, width, rows=LOOKBACK)
    above = memory() - before
    difference = 0.0
    for _ in range(rounds):
        began = time.process_time()
        found = window_sums(values, runs, width, rows=LOOKBACK)
        ours.append(time.process_time() - began)
        began = time.process_time()
        for channel in range(channels):
            built = np.ascontiguousarray(np.lib.stride_tricks.sliding_window_view(values[:, channel], width))
            product = built.T @ built
            difference = max(difference, float(np.abs(product[:LOOKBACK] - found.gram[channel]).max() / product.max()))
        theirs.append((time.process_time() - began) * CHANNELS / channels)
    ratio = statistics.median(theirs) / statistics.median(ours)
    return {
        "seconds": statistics.median(ours),
        "built_seconds": statistics.median(theirs),
        "times_faster": round(ratio, 1),
        "memory_above_start_gib": round(above, 3),
        "largest_relative_difference": difference,
        "asked": {"times_faster": 40, "memory_above_start_gib": 0.3},
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
    return {"cells": cells, "total": total, "asked": {"seconds": 20}}


def dlinear(rounds: int = 3) -> dict[str, Any]:
    """ETTh1, look-back 512, horizon 96: `ridge` with its search, and `dlinear --preset normalised`, in turns."""
    times: dict[str, list[float]] = {"ridge": [], "dlinear": []}
    errors = {}
    for model in times:  # imports are no part of a fit
        latentcast.fit(
            "ETTh1", model, lookback=48, horizon=8, settings={"training.max_steps": 1} if model == "dlinear" else {}
        )
    for _ in range(rounds):
        for model, preset, settings in (("ridge", None, {"model.maps": "shared"}), ("dlinear", "normalised", {})):
            began = time.process_time()
            found = latentcast.fit("ETTh1", model, lookback=512, horizon=96, preset=preset, settings=settings)
            times[model].append(round(time.process_time() - began, 2))
            if model not in errors:
                errors[model] = found.evaluate("ETTh1").scaled["MSE"]
    ratio = statistics.median(times["dlinear"]) / statistics.median(times["ridge"])
    return {"processor_seconds": times, "mse": errors, "times_faster": round(ratio, 2), "asked": {"times_faster": 10}}


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
        "asked": {"seconds": 60, "memory_gib": 4},
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--parts", nargs="+", default=["gram", "search", "dlinear", "many"])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--channels", type=int, default=3)
    options = parser.parse_args()
    torch.set_num_threads(1)
    path = _report.RESULTS / "ridge_speed.json"
    before = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    found: dict[str, Any] = {part: before[part] for part in ("gram", "search", "dlinear", "many") if part in before}
    sides = {"search": search, "dlinear": dlinear, "many": many}
    for part in options.parts:
        found[part] = gram(options.rounds, options.channels) if part == "gram" else sides[part]()
        print(part, found[part], flush=True)
    _report.write("ridge_speed", found, threads=1)


if __name__ == "__main__":
    main()
