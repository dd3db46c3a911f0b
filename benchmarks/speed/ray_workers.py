"""The steady part of work on Ray: one worker against two, on two cores, one thread each, both in one run.

    python -m benchmarks.speed.ray_workers [--series 400000]

A folder of Parquet files of 60 monthly steps is forecast into another by `latentcast.predict(engine="ray")`. The
steady part is the time from the first part that is written to the last one; the start is the time before it. Turns: one
worker, two workers, one, two. The same by one process without Ray stands beside them. The profile is the processor time
of each kind of process in the steady part: this one (the driver), the workers, and the processes that Ray runs.
"""

import argparse
import tempfile
import threading
import time
from pathlib import Path
from statistics import median
from typing import Any

import pandas as pd
import psutil

import latentcast
from benchmarks._harness import report, table, yardstick
from benchmarks.speed.panels import TRAINING, series

CLAIM = "two workers of a Ray cluster forecast a panel faster than one, with equal forecasts"
ASKED = {"steady part, two workers against one": "at least 1.6 times faster"}
ROWS = 600_000  # of a part


KINDS = {"raylet": "raylet", "gcs_server": "gcs", "MapWorker": "workers", "ray::": "other Ray tasks"}


def used() -> dict[str, float]:
    """Processor seconds so far of this process and of those below it, by kind."""
    own = psutil.Process()
    found: dict[str, float] = {}
    for process in (own, *own.children(recursive=True)):
        try:
            line, spent = " ".join(process.cmdline()), process.cpu_times()
        except psutil.Error:  # it ended meanwhile
            continue
        kind = next((kind for word, kind in KINDS.items() if word in line.partition(" --")[0]), "agents and logs")
        kind = "driver" if process.pid == own.pid else kind
        found[kind] = found.get(kind, 0.0) + spent.user + spent.system
    return found


def forecast(model: str, data: Path, out: Path, **how: Any) -> dict[str, float]:
    """Seconds to the first part, seconds per part after it, and the processor seconds of each kind of process."""
    seen: list[tuple[float, int]] = []
    spent: list[dict[str, float]] = []
    done = threading.Event()

    def watch() -> None:
        while not done.wait(0.05):
            parts = len(list(out.glob("part-*.parquet")))
            if parts and (not seen or parts > seen[-1][1]):
                spent.append(used())
            seen.append((time.monotonic(), parts))

    watcher = threading.Thread(target=watch)
    watcher.start()
    began = time.monotonic()
    latentcast.predict(model, data, out, rows=ROWS, **how)
    ended = time.monotonic()
    done.set()
    watcher.join()
    first = next((at, count) for at, count in seen if count)
    parts = len(list(out.glob("part-*.parquet")))
    last = next(at for at, count in seen if count == parts) if seen[-1][1] == parts else ended
    steady = max(parts - first[1], 1)
    profile = {
        f"{kind}, processor": round((after - spent[0].get(kind, 0.0)) / steady, 3) for kind, after in spent[-1].items()
    }
    return {
        "start": round(first[0] - began, 2),
        "whole": round(ended - began, 2),
        "seconds_per_part": round((last - first[0]) / steady, 3),
        **profile,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--series", type=int, default=400_000)
    parser.add_argument("--turns", type=int, default=2)
    args = parser.parse_args()
    found: dict[str, Any] = {"yardstick_seconds": yardstick(), "series": args.series}
    with tempfile.TemporaryDirectory() as folder:
        at = Path(folder)
        data, model = at / "data", at / "model"
        data.mkdir()
        for part in range(4):
            series(part * args.series // 4, args.series // 4, 60, "MS", data / f"{part}.parquet")
        few = pd.read_parquet(data / "0.parquet").iloc[: 60 * 1000]
        latentcast.fit(few, "dlinear", lookback=24, horizon=6, settings=TRAINING, out=model)
        each: dict[str, list[dict[str, float]]] = {"one process": [], "one worker": [], "two workers": []}
        for turn in range(args.turns):
            each["one process"].append(forecast(str(model), data, at / f"plain-{turn}"))
            for count, name in ((1, "one worker"), (2, "two workers")):
                each[name].append(forecast(str(model), data, at / f"{count}-{turn}", engine="ray", workers=count))
                print(name, each[name][-1], flush=True)
        whole = pd.read_parquet(at / "plain-0")
        pd.testing.assert_frame_equal(pd.read_parquet(at / "2-0"), whole, rtol=1e-6)
        for name, turns in each.items():
            keys = dict.fromkeys(key for turn in turns for key in turn)
            found[name] = {key: median(turn.get(key, 0.0) for turn in turns) for key in keys}
    ratio = found["one worker"]["seconds_per_part"] / found["two workers"]["seconds_per_part"]
    found["steady part, two workers against one"] = {"times_faster": ratio}
    report(CLAIM, ASKED, found, name="ray_workers", threads=1)
    table(["figure", "asked", "found"], [[name, asked, f"{ratio:.2f}"] for name, asked in ASKED.items()])


if __name__ == "__main__":
    main()
