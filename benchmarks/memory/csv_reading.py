"""A large CSV: memory at its highest, and time, of our reader beside pandas' own, each in a process of its own.

    python -m benchmarks.memory.csv_reading [--megabytes 300] [--rounds 2]

Two layouts: one wide table (a date and eight numbers), and one long table (id, date, number). The memory is the rise of
the resident set while the file is read, as a multiple of the table as numbers: 8 bytes for each number, date and id.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd

from benchmarks._harness import report, table

CLAIM = "a large CSV is read with at most 3 times its numbers in memory, at 0.8 of pandas' speed or more"

READ = """
import json, resource, sys, time
import pandas as pd, pyarrow
from pathlib import Path
from latentcast.data.sources.files import read_file
import latentcast.data.sources.formats.delimited
def peak():
    return int(next(line for line in open("/proc/self/status") if line.startswith("VmHWM")).split()[1]) * 1024
before, began, cpu = peak(), time.perf_counter(), time.process_time()
frame = read_file(Path(sys.argv[2])) if sys.argv[1] == "ours" else pd.read_csv(sys.argv[2])
numbers = 8 * frame.size
print(json.dumps({"seconds": time.perf_counter() - began, "processor": time.process_time() - cpu,
                  "memory": (peak() - before) / numbers, "rows": len(frame)}))
"""


def write(path: Path, layout: str, size: int) -> None:
    rng, step, start = np.random.default_rng(0), 200_000, 0
    while not path.exists() or path.stat().st_size < size:
        if layout == "wide":
            dates = pd.date_range("2000-01-01", periods=step, freq="min") + pd.Timedelta(start, "min")
            frame = pd.DataFrame(rng.normal(100, 20, (step, 8)), columns=list("abcdefgh"))
            frame.insert(0, "date", dates)
        else:
            ids = np.repeat([f"series{number:06d}" for number in range(start // 1000, (start + step) // 1000)], 1000)
            dates = np.tile(pd.date_range("2020-01-01", periods=1000).strftime("%Y-%m-%d"), step // 1000)
            frame = pd.DataFrame({"unique_id": ids, "ds": dates, "y": rng.normal(100, 20, step)})
        frame.to_csv(path, index=False, mode="a", header=start == 0)
        start += step


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--megabytes", type=int, default=300)
    parser.add_argument("--rounds", type=int, default=2)
    args = parser.parse_args()
    rows = []
    with tempfile.TemporaryDirectory() as scratch:
        for layout in ("wide", "long"):
            path = Path(scratch) / f"{layout}.csv"
            write(path, layout, args.megabytes * 2**20)
            found: dict[str, list[dict[str, float]]] = {"ours": [], "pandas": []}
            for _ in range(args.rounds):
                for way, each in found.items():
                    command = [sys.executable, "-c", READ, way, str(path)]
                    out = subprocess.run(command, check=True, capture_output=True, text=True, env={**os.environ}).stdout
                    each.append(json.loads(out))
            one = {
                way: {key: statistics.median(run[key] for run in runs) for key in runs[0]}
                for way, runs in found.items()
            }
            rows.append(
                {"layout": layout, "megabytes": path.stat().st_size // 2**20, **one,
                 "speed": one["pandas"]["processor"] / one["ours"]["processor"]}
            )  # fmt: skip
            print(rows[-1], flush=True)
    table(
        ["layout", "memory", "pandas' memory", "speed to pandas"],
        [[row["layout"], row["ours"]["memory"], row["pandas"]["memory"], row["speed"]] for row in rows],
    )
    report(CLAIM, {"memory": 3, "speed": 0.8}, name="csv_reading", found={"layouts": rows}, threads=1)


if __name__ == "__main__":
    main()
