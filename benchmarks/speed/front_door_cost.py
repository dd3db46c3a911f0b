"""CSV → dated forecast, the whole process with its imports: ours beside neuralforecast's, in turns.

    python -m benchmarks.speed.front_door_cost --other /path/to/python [--rounds 2] [--series 5000]

DLinear on both sides, 500 steps of as many windows, on 7 hourly series (ETTh1, look-back 96, 24 steps) and on simulated
monthly series of 60 to 300 steps (look-back 36, 12 steps). `--other` is a Python with neuralforecast. Processor time of
the process, one thread.
"""

import argparse
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pandas as pd

from benchmarks._harness import report, table
from benchmarks.accuracy.front_door import monthly
from latentcast.data.sources.open import open_data

CLAIM = "the whole process from a table to a forecast costs less than neuralforecast's"

STEPS = 500
OURS = """
import sys, latentcast
data, lookback, horizon, steps, out = sys.argv[1], *map(int, sys.argv[2:5]), sys.argv[5]
settings = {"training.max_steps": steps, "training.max_epochs": 1000, "training.batch_size": 32, "training.ema": None,
            "training.accelerator": "cpu", "data.split": [0.8, 0.2, 0.0]}
made = latentcast.fit(data, "dlinear", lookback=lookback, horizon=horizon, settings=settings)
made.predict(data).to_csv(out, index=False)
"""
THEIRS = """
import sys, logging, warnings
warnings.filterwarnings("ignore")
import pandas as pd
from neuralforecast import NeuralForecast
from neuralforecast.models import DLinear
data, lookback, horizon, steps, out = sys.argv[1], *map(int, sys.argv[2:5]), sys.argv[5]
frame = pd.read_csv(data, parse_dates=["ds"])
model = DLinear(h=horizon, input_size=lookback, max_steps=steps, scaler_type="standard", accelerator="cpu",
                enable_progress_bar=False, logger=False, enable_checkpointing=False, start_padding_enabled=True)
made = NeuralForecast([model], freq=sys.argv[6])
made.fit(frame)
made.predict().to_csv(out)
"""


def seconds(python: str, code: str, arguments: list[str]) -> float:
    """Processor time of one process and its children."""
    without = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(
        [python, "-c", code, *arguments], check=True, capture_output=True, env={**without, "OMP_NUM_THREADS": "1"}
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--other", required=True)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--series", type=int, default=5000)
    args = parser.parse_args()
    hourly = (
        open_data("ETTh1")[0].frame.melt("date", var_name="unique_id", value_name="y").rename(columns={"date": "ds"})
    )
    cases = {
        "7 hourly series": (hourly, 96, 24, "h"),
        f"{args.series} monthly series": (monthly(args.series), 36, 12, "MS"),
    }
    rows = []
    with tempfile.TemporaryDirectory() as scratch:
        for name, (frame, lookback, horizon, freq) in cases.items():
            data = Path(scratch) / "data.csv"
            frame[["unique_id", "ds", "y"]].to_csv(data, index=False)
            time.sleep(3)  # a file that was written just now is read again by each step: it may change
            arguments = [str(data), str(lookback), str(horizon), str(STEPS), str(Path(scratch) / "out.csv")]
            times: dict[str, list[float]] = {"ours": [], "theirs": []}
            if not rows:  # modules are compiled once, as pip leaves them
                seconds(sys.executable, OURS, [*arguments[:3], "1", arguments[-1]])
                seconds(args.other, "from neuralforecast.models import DLinear", [])
            for _ in range(args.rounds):
                times["ours"].append(seconds(sys.executable, OURS, arguments))
                assert len(pd.read_csv(arguments[-1])) == horizon * frame["unique_id"].nunique()
                times["theirs"].append(seconds(args.other, THEIRS, [*arguments, freq]))
                assert len(pd.read_csv(arguments[-1])) == horizon * frame["unique_id"].nunique()
            ours, theirs = (statistics.median(each) for each in times.values())
            rows.append({"data": name, "ours": ours, "neuralforecast": theirs, "ratio": theirs / ours, "rounds": times})
            print(rows[-1], flush=True)
    table(["data", "ours", "neuralforecast", "ratio"], [list(row.values())[:4] for row in rows])
    report(CLAIM, 3, name="front_door_cost", found={"steps": STEPS, "cases": rows}, threads=1)


if __name__ == "__main__":
    main()
