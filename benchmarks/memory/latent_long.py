"""The longest forecasts through the library: look-back 20 000, horizon 10 000, preset heavy, 7 channels, batch 1.

`latentcast.fit` on a synthetic frame for a few steps, one validation window and the last weights kept, then
`Forecaster.predict`; the result must be whole and finite. A fresh process for each repetition; its peak resident memory
whole, and above what it held once everything was imported and the frame was made. Linux only.
"""

import argparse
import json
import logging
import time
from typing import Any

import numpy as np
import pandas as pd
import torch

import latentcast
import latentcast.training.run_stage  # before the clock and the memory are looked at
import latentcast.workflows.fitting.fit
from benchmarks._harness import forget_peak, in_process, peak_mib, report, table

CLAIM = "a fit of look-back 20 000 and horizon 10 000 stays below 4 GiB"

LOOKBACK, HORIZON, CHANNELS, PRESET, ASKED_GIB = 20_000, 10_000, 7, "heavy", 4


def frame(seed: int) -> pd.DataFrame:
    """Daily and weekly seasons of hours; training, validation and test hold a few windows each."""
    random = np.random.default_rng(seed)
    hours = np.arange(4 * (LOOKBACK + HORIZON))[:, None]
    phase = random.random((2, CHANNELS))
    values = np.sin(2 * np.pi * (hours / 24 + phase[0])) + np.sin(2 * np.pi * (hours / 168 + phase[1]))
    values += random.normal(0, 0.1, values.shape)
    table = pd.DataFrame(values, columns=[f"channel-{n}" for n in range(CHANNELS)])
    table.insert(0, "date", pd.date_range("2010-01-01", periods=len(table), freq="h"))
    return table


def cell(steps: int, threads: int, seed: int) -> dict[str, Any]:
    torch.set_num_threads(threads)
    logging.disable(logging.WARNING)
    data = frame(seed)
    forget_peak()
    before = peak_mib()
    training = {"max_steps": steps, "batch_size": 1, "accelerator": "cpu", "loggers": [], "patience": None}
    settings = {
        "model": {"preset": PRESET}, "training": {**training, "keep": "last"},
        "data.split": [len(data) - HORIZON - 1, HORIZON, 1],
    }  # fmt: skip
    began = time.perf_counter()
    forecaster = latentcast.fit(
        data, "latent-transformer", lookback=LOOKBACK, horizon=HORIZON, seed=seed, settings=settings
    )
    fitted, peak_of_fit = time.perf_counter(), peak_mib()
    forecast = forecaster.predict(data)
    predicted = time.perf_counter()
    assert len(forecast) == HORIZON * CHANNELS
    assert np.isfinite(forecast.select_dtypes("number").to_numpy()).all()
    return {
        "fit_seconds": fitted - began, "predict_seconds": predicted - fitted, "before_mib": before,
        "peak_of_fit_mib": peak_of_fit, "peak_mib": peak_mib(),
    }  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=3)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--cell", action="store_true", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.cell:
        print(json.dumps(cell(args.steps, args.threads, args.seed)))
        return
    how = ["--cell", "--steps", str(args.steps), "--threads", str(args.threads), "--seed", str(args.seed)]
    found = [in_process("benchmarks.memory.latent_long", how) for _ in range(args.repeats)]
    table(list(found[0]), [list(row.values()) for row in found])
    worst = max(row["peak_mib"] for row in found)
    print(f"peak {worst / 1024:.2f} GiB, asked: below {ASKED_GIB}")
    settings = {**vars(args), "lookback": LOOKBACK, "horizon": HORIZON, "channels": CHANNELS, "preset": PRESET}
    del settings["cell"]
    report(CLAIM, {"peak_gib": ASKED_GIB}, name="latent_long", found={
        "settings": {**settings, "batch": 1}, "peak_gib": worst / 1024,
        "peak_above_start_gib": max(row["peak_mib"] - row["before_mib"] for row in found) / 1024, "runs": found,
    }, threads=args.threads)  # fmt: skip


if __name__ == "__main__":
    main()
