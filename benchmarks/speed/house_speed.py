"""Processor time of two source trees: fit, predict and evaluate of DLinear on many short series, and `--help`.

    python -m benchmarks.speed.house_speed BEFORE/src AFTER/src --turns 15

Every turn runs both trees, one after the other, each in a fresh process on one thread; the tree that goes first changes
with every turn. A small fit comes before the timed calls, so that imports and first calls are counted apart. The figure
is the median of the ratio within a turn, with its quartiles. Give one tree twice to see what the machine alone does.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import median, quantiles
from typing import Any

import numpy as np
import pandas as pd

from benchmarks._harness import Times, report, table, timed

CLAIM = "fit, predict, evaluate and --help cost no more processor time than in the source tree before"

LOOKBACK, HORIZON = 24, 6
CALLS = """
import json, logging, sys, time
import pandas as pd
import latentcast
logging.disable(logging.WARNING)
data, steps, sizes = sys.argv[1], int(sys.argv[2]), {"lookback": int(sys.argv[3]), "horizon": int(sys.argv[4])}
settings = {"training.max_steps": steps, "training.loggers": [], "training.accelerator": "cpu"}
settings |= {"model.normalise": False, "training.ema": None}
frame = pd.read_parquet(data)
few = frame[frame["unique_id"] < "s00020"]
took, last = {}, time.process_time()

def lap(name):
    global last
    now = time.process_time()
    took[name], last = took.get(name, 0.0) + now - last, now

def three(table):
    forecaster = latentcast.fit(table, "dlinear", seed=1, settings=settings, **sizes)
    yield "fit"
    yield "predict", len(forecaster.predict(table, level=80))
    yield "evaluate", forecaster.evaluate(table).windows

list(three(few))
lap("imports and 20 series")
found = {}
for _ in range(int(sys.argv[5])):
    for step in three(frame):
        name, *value = [step] if isinstance(step, str) else step
        lap(name)
        found[name] = value
print(json.dumps({"took": took, "found": found}))
"""


def series(count: int, steps: int, path: Path) -> None:
    """Long table of daily series with a weekly season and noise, each at its own level."""
    rng, t = np.random.default_rng(0), np.arange(steps)
    values = 10 + rng.normal(0, 3, (count, 1)) + np.sin(2 * np.pi * t / 7) + rng.normal(0, 0.3, (count, steps))
    stamps = np.tile(pd.date_range("2024-01-01", periods=steps, freq="D"), count)
    names = np.repeat([f"s{number:05d}" for number in range(count)], steps)
    pd.DataFrame({"unique_id": names, "ds": stamps, "y": values.reshape(-1)}).to_parquet(path, index=False)


def run(tree: Path, command: list[str]) -> tuple[str, float]:
    """(what it prints, processor time) of a fresh process that imports latentcast from a tree."""
    env = {**os.environ, "PYTHONPATH": str(tree), "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
    times = Times()
    with timed(times, children=True):
        done = subprocess.run([sys.executable, *command], env=env, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{tree}: {done.stderr.strip()}")
    return done.stdout, times.median()


def turn(tree: Path, calls: list[str]) -> tuple[dict[str, float], Any]:
    """(seconds of every call, what the calls found)."""
    printed, whole = run(tree, ["-c", CALLS, *calls])
    found = json.loads(printed.splitlines()[-1])
    _, shown = run(tree, ["-m", "latentcast", "--help"])
    return {**found["took"], "whole process": whole, "--help": shown}, found["found"]


def check(trees: list[Path]) -> None:
    """Each tree must be the one that a process imports."""
    for tree in trees:
        printed, _ = run(tree, ["-c", "import latentcast; print(latentcast.__file__)"])
        if not Path(printed.strip()).is_relative_to(tree):
            raise SystemExit(f"{tree}: latentcast was imported from {printed.strip()}; name the folder that holds it")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("trees", type=lambda text: Path(text).resolve(), nargs=2, metavar="TREE", help="src of a tree")
    parser.add_argument("--turns", type=int, default=15)
    parser.add_argument("--repeats", type=int, default=3, help="of the calls in one process, whose times are added")
    parser.add_argument("--series", type=int, default=10_000)
    parser.add_argument("--length", type=int, default=80)
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--name", default="house_speed", help="of the file in results/")
    args = parser.parse_args()
    check(args.trees)
    took: list[list[dict[str, float]]] = [[], []]
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder) / "series.parquet"
        series(args.series, args.length, data)
        calls = [str(data), *map(str, (args.steps, LOOKBACK, HORIZON, args.repeats))]
        for number in range(args.turns):
            found: list[Any] = [None, None]
            for side in (0, 1) if number % 2 == 0 else (1, 0):
                seconds, found[side] = turn(args.trees[side], calls)
                took[side].append(seconds)
            if found[0] != found[1]:
                raise SystemExit(f"the two trees do not compute the same: {found[0]} and {found[1]}")
            print(f"turn {number + 1} of {args.turns}", flush=True)
    rows = [summary(name, *([each[name] for each in side] for side in took)) for name in took[0][0]]
    table(
        ["processor time of", "before s", "after s", "after / before", "quartiles"],
        [
            [r["what"], r["before"], r["after"], r["ratio"], " ".join(f"{q:.3f}" for q in r["ratio_quartiles"])]
            for r in rows
        ],
    )
    settings = {
        **{key: getattr(args, key) for key in ("turns", "repeats", "series", "length", "steps")},
        "lookback": LOOKBACK,
        "horizon": HORIZON,
    }
    report(
        CLAIM,
        {"ratio at most": 1.05},
        name=args.name,
        found={"settings": settings, "found": found[0], "calls": rows},
        threads=1,
    )


def summary(what: str, before: list[float], after: list[float]) -> dict[str, Any]:
    ratios = [b / a for a, b in zip(before, after, strict=True)]
    ends = quantiles(ratios, n=4, method="inclusive") if len(ratios) > 1 else ratios * 3
    return {
        "what": what,
        "before": median(before),
        "after": median(after),
        "ratio": median(ratios),
        "ratio_quartiles": [ends[0], ends[2]],
        "seconds_before": before,
        "seconds_after": after,
    }


if __name__ == "__main__":
    main()
