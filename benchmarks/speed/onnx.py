"""An exported graph against torch on one thread: 1 000 windows of a patch-transformer, and a whole `predict` process.

Windows are forecast from prepared data, as `predict` forecasts them. The process reads a CSV file of one series of 600
hours, forecasts and writes a CSV file: start of the interpreter, imports, reading and writing included. Modules are
compiled before, as pip compiles those of an installed package.

    OMP_NUM_THREADS=1 python -m benchmarks.speed.onnx
"""

import argparse
import logging
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch

import latentcast
from benchmarks._harness import compare, ratio, report, table
from latentcast.forecaster.inputs import open_prepared
from latentcast.forecaster.judge import forecast_windows

CLAIM = "an exported graph forecasts faster than torch, and starts faster"
ASKED = {"windows_times_faster": 1.5, "start_times_faster": 4, "process_seconds": 1.0, "peak_mib": 200}
WINDOWS, LOOKBACK, HORIZON = 1000, 336, 96


def frame(rows: int) -> pd.DataFrame:
    t = np.arange(rows)
    values = 10 * np.sin(2 * np.pi * t / 24) + np.random.default_rng(0).normal(size=rows)
    return pd.DataFrame({"ds": pd.date_range("2020-01-01", periods=rows, freq="h"), "y": values})


# a child begins with the peak of the process that it was forked from: a small one stands between
STARTER = """
import os, subprocess, sys
child = subprocess.Popen(sys.argv[1:], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
_, status, used = os.wait4(child.pid, 0)
assert status == 0
print(used.ru_maxrss)
"""


def process(model: Path, data: Path, out: Path) -> int:
    """One forecast in a fresh process; its peak memory in KiB."""
    command = [sys.executable, "-m", "latentcast", "predict", str(model), str(data), "--out", str(out), "--overwrite"]
    started = [sys.executable, "-S", "-c", STARTER, *command]
    compiled = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    return int(subprocess.run(started, capture_output=True, text=True, check=True, env=compiled).stdout)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=7)
    repeats = parser.parse_args().repeats
    logging.disable(logging.WARNING)
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        data = frame(8000)
        settings = {"training.max_steps": 3}
        forecaster = latentcast.fit(
            data, "patch-transformer", lookback=LOOKBACK, horizon=HORIZON, settings=settings, out=folder / "fit"
        )
        sides: dict[str, Any] = {
            "torch": forecaster,
            "onnx": latentcast.load(forecaster.export(folder / "float.onnx")),
            "onnx int8": latentcast.load(forecaster.export(folder / "int8.onnx", quantise="int8")),
        }
        _, prepared = open_prepared(forecaster, data)
        starts, items = prepared.starts("test", LOOKBACK, HORIZON)
        chosen = starts[-WINDOWS:], items[-WINDOWS:]
        assert len(chosen[0]) == WINDOWS
        times = compare(
            {side: lambda one=one: list(forecast_windows(one, prepared, chosen)) for side, one in sides.items()},
            repeats,
        )
        frame(600).to_csv(folder / "one.csv", index=False)
        models = {"torch": folder / "fit", "onnx": folder / "float.onnx"}
        peaks: dict[str, int] = {}

        def whole(side: str) -> None:
            peaks[side] = process(models[side], folder / "one.csv", folder / "out.csv")

        for side in models:
            whole(side)  # compiles the modules
        started = compare({side: lambda side=side: whole(side) for side in models}, repeats, children=True)
    found = {
        "windows_times_faster": ratio(times, "torch", "onnx"),
        "windows_times_faster_int8": ratio(times, "torch", "onnx int8"),
        "start_times_faster": ratio(started, "torch", "onnx"),
        "start_times_faster_wall": ratio(started, "torch", "onnx", "wall"),
        "process_seconds": started["onnx"].median(),
        "process_seconds_wall": started["onnx"].median("wall"),
        "peak_mib": {side: peak / 1024 for side, peak in peaks.items()},
        "load_average": os.getloadavg()[0],
        "windows": {side: one.summary() for side, one in times.items()},
        "process": {side: one.summary() for side, one in started.items()},
    }
    table(["figure", "value"], [[key, value] for key, value in found.items() if isinstance(value, float)])
    report(CLAIM, ASKED, found, name="onnx", threads=1)


if __name__ == "__main__":
    main()
