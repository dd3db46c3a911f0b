"""Time and peak memory of fit, predict and evaluate over 1, 100 and 10 000 series of 500 daily steps (a long frame).

The work grows with the series by construction: DLinear, look-back 96, horizon 24, exactly one epoch over every
training window (231 of each series) in batches of 1024 windows, one validation; predict makes one forecast of each
series, evaluate judges every test window (77 of each). Each cell is a fresh process; the frame is in memory before
the clock starts; the peak memory is given whole and above what the process, frame included, held then.

--ragged: the series end together and have 60 to 500 steps each, and of every one 5 % of the values are missing; written
to results/scaling_ragged.json.
"""

import argparse
import json
import logging
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch

import latentcast
from benchmarks._harness import Times, forget_peak, in_process, peak_mib, report, table, timed, yardstick

CLAIM = "time and memory of fit, predict and evaluate grow no faster than the number of series"

STEPS, LOOKBACK, HORIZON = 500, 96, 24
TRAINING = {
    "max_epochs": 1,
    "max_steps": None,
    "ema": None,
    "batch_size": 1024,
    "patience": None,
    "loggers": [],
    "accelerator": "cpu",
}
SHORTEST, MISSING = 60, 0.05  # of ragged series
DOING = ("fit", "predict", "evaluate")


def frame(series: int, seed: int, *, ragged: bool = False) -> pd.DataFrame:
    random = np.random.default_rng(seed)
    weekly = np.sin(2 * np.pi * (np.arange(STEPS) / 7 + random.random((series, 1))))
    level = random.normal(0, 0.05, (series, STEPS)).cumsum(1)
    values = 10 + weekly + level + random.normal(0, 0.1, (series, STEPS))
    made = pd.DataFrame(
        {
            "unique_id": np.repeat(np.array([f"series-{n:05d}" for n in range(series)], object), STEPS),
            "ds": np.tile(pd.date_range("2023-01-01", periods=STEPS, freq="D").to_numpy(), series),
            "y": values.reshape(-1),
        }
    )
    if not ragged:
        return made
    made.loc[random.random(len(made)) < MISSING, "y"] = np.nan
    first = random.integers(0, STEPS - SHORTEST + 1, series)
    return made[np.tile(np.arange(STEPS), series) >= np.repeat(first, STEPS)].reset_index(drop=True)


def cell(doing: str, series: int, folder: Path, threads: int, seed: int, *, ragged: bool) -> dict[str, Any]:
    """One measurement; `fit` saves, the other two load what it saved."""
    torch.set_num_threads(threads)
    logging.disable(logging.WARNING)
    warm_up(seed)
    data = frame(series, seed, ragged=ragged)
    at = folder / str(series)
    forget_peak()
    before = peak_mib()
    times = Times()
    with timed(times):
        if doing == "fit":
            settings = {"training": TRAINING}
            latentcast.fit(data, "dlinear", lookback=LOOKBACK, horizon=HORIZON, seed=seed, settings=settings, out=at)
        else:
            forecaster = latentcast.load(at)
            result = forecaster.predict(data) if doing == "predict" else forecaster.evaluate(data)
            count = len(result) if doing == "predict" else result.windows
            assert count == series * 24 or (doing == "evaluate" and (ragged or count == series * 77))
    return {
        "doing": doing,
        "series": series,
        "steps": len(data),
        "seconds": times.median("wall"),
        "processor_seconds": times.median(),
        "peak_mib": peak_mib(),
        "before_mib": before,
    }


def warm_up(seed: int) -> None:
    """The imports and first calls of everything, on one series: a cost of the process, not of the data."""
    settings = {"training": {**TRAINING, "max_steps": 1}}
    forecaster = latentcast.fit(frame(1, seed), "dlinear", lookback=LOOKBACK, horizon=HORIZON, settings=settings)
    forecaster.predict(frame(1, seed))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--series", nargs="+", type=int, default=[1, 100, 10_000])
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--ragged", action="store_true")
    parser.add_argument("--cell", nargs=3, metavar=("DOING", "SERIES", "FOLDER"), help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.cell:
        doing, series, folder = args.cell
        print(json.dumps(cell(doing, int(series), Path(folder), args.threads, args.seed, ragged=args.ragged)))
        return
    cells: dict[tuple[str, int], list[dict[str, Any]]] = {}
    for _ in range(args.repeats):
        with tempfile.TemporaryDirectory() as folder:
            for series in args.series:
                for doing in DOING:
                    how = ["--cell", doing, str(series), folder, *["--ragged"] * args.ragged]
                    how += ["--threads", str(args.threads), "--seed", str(args.seed)]
                    cells.setdefault((doing, series), []).append(in_process("benchmarks.speed.scaling", how))
    rows = []
    for doing in DOING:
        for series in args.series:
            found = cells[doing, series]
            middle = sorted(found, key=lambda row: row["seconds"])[len(found) // 2]
            above = middle["peak_mib"] - middle["before_mib"]
            rows.append(
                {**middle, "all_seconds": [row["seconds"] for row in found], "above_mib": above,
                 "ms_per_series": 1e3 * middle["seconds"] / series, "above_kib_per_series": 1024 * above / series}
            )  # fmt: skip
    columns = ("doing", "series", "seconds", "ms_per_series", "peak_mib", "above_mib", "above_kib_per_series")
    table(list(columns), [[row[name] for name in columns] for row in rows])
    settings = {"steps": STEPS, "lookback": LOOKBACK, "horizon": HORIZON, "training": TRAINING, **vars(args)}
    del settings["cell"]
    report(
        CLAIM,
        {"growth": "linear", "ragged, GB at most": 4},
        name="scaling_ragged" if args.ragged else "scaling",
        found={"settings": settings, "rows": rows, "yardstick_seconds": yardstick()},
        threads=args.threads,
    )


if __name__ == "__main__":
    main()
