"""Panels of many short series: DLinear here and in neuralforecast, both whole processes from Parquet to Parquet.

    python -m benchmarks.speed.panels --peer ENV/bin/python [--repeats 3] [--million] [--ridge] [--memory]

`--peer` is the Python of an environment with neuralforecast. Sides take turns, A B A B, each call in a fresh process on
one thread. 5 000 series of 300 daily steps are fitted and forecast in a process that is warm (a small fit came before);
of 100 000 series of 60 monthly steps the whole process counts, with its start. Both train 50 steps of 1 024 windows.
The peer draws them from 32 series a step, as it does unless told otherwise, and forecasts 5 000 series at a time; it
neither validates nor calibrates, as ours does.
`--million` forecasts 1 000 000 series of 60 steps from a folder of Parquet files into another, one process. `--ridge`
fits and forecasts 100 000 series of 200 and of 500 steps with 80 % intervals. `--memory` is the peak of a fit of 10 000
series of 500 steps above that of a fit of 20, in units of the float64 bytes of its values. Figures that are not
asked for stay as they were.
"""

import argparse
import compileall
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import pandas as pd

from benchmarks._harness import ROOT, report, table, yardstick

CLAIM = (
    "panels of many short series are fitted and forecast in a fraction of a peer's processor time, in bounded memory"
)
ASKED = {
    "5000 x 300, fit": "2 times faster",
    "5000 x 300, predict": "4 times faster",
    "100000 x 60, fit": "9 s, 0.8 GB",
    "100000 x 60, predict": "6 s, 0.8 GB",
    "100000 x 60, both": "5 times faster",
    "1000000 x 60, predict": "45 s, 2 GB",
    "100000 x 200, ridge with 80 % intervals": "45 s, 2 GB",
    "100000 x 500, ridge with 80 % intervals": "60 s, 4 GB",
    "10000 x 500, memory": "3 times the series",
}
SIZES = {"days": (5000, 300, "D", 24, 6), "months": (100_000, 60, "MS", 24, 6)}
TRAINING = {"training.max_steps": 50, "training.batch_size": 1024, "training.loggers": []}
WARM = """
import json, logging, sys, time
import pandas as pd
logging.disable(logging.WARNING)
frame = pd.read_parquet(sys.argv[1])
few = frame[frame["unique_id"] < "s0000020"]
{imports}
def both(table):
    begun = time.process_time()
    {fit}
    fitted = time.process_time()
    {predict}
    return fitted - begun, time.process_time() - fitted, len(found)
both(few)
print(json.dumps(both(frame)))
"""
OURS = WARM.format(
    imports="import latentcast",
    fit=f"model = latentcast.fit(table, 'dlinear', lookback=24, horizon=6, settings={TRAINING!r})",
    predict="found = model.predict(table)",
)
PEER_MODEL = (
    "DLinear(h=6, input_size=24, max_steps=50, windows_batch_size=1024, valid_batch_size=5000,"
    " scaler_type='standard', accelerator='cpu', devices=1, enable_progress_bar=False, logger=False,"
    " enable_checkpointing=False, enable_model_summary=False)"
)
PEER_IMPORTS = """import warnings; warnings.simplefilter("ignore")
from neuralforecast import NeuralForecast
from neuralforecast.models import DLinear"""
PEER = WARM.format(
    imports=PEER_IMPORTS,
    fit=f"model = NeuralForecast(models=[{PEER_MODEL}], freq='D'); model.fit(table)",
    predict="found = model.predict(df=table)",
)
PEER_WHOLE = f"""
import sys
import pandas as pd
{PEER_IMPORTS}
table = pd.read_parquet(sys.argv[1])
model = NeuralForecast(models=[{PEER_MODEL}], freq="MS")
model.fit(table)
model.predict().reset_index().to_parquet(sys.argv[2])
"""


def series(first: int, count: int, steps: int, freq: str, path: Path) -> None:
    """Seasonal series with a level of their own, one after another."""
    rng, t = np.random.default_rng(first), np.arange(steps)
    season = 1 + 0.3 * np.sin(2 * np.pi * (t + rng.integers(0, 12, (count, 1))) / 12)
    values = 10 * np.exp(rng.normal(0, 1, (count, 1))) * season + 0.1 * rng.normal(0, 1, (count, steps)).cumsum(1)
    names = np.repeat([f"s{number:07d}" for number in range(first, first + count)], steps)
    stamps = np.tile(pd.date_range("2018-01-01", periods=steps, freq=freq).to_numpy(), count)
    pd.DataFrame({"unique_id": names, "ds": stamps, "y": values.reshape(-1)}).to_parquet(path, index=False)


def run(python: str, command: list[str]) -> dict[str, Any]:
    """Processor seconds and peak memory of one process, and what it printed last."""
    env = {**os.environ, "PYTHONPATH": str(ROOT / "src"), "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
    code = (
        "import json, resource, subprocess, sys\n"
        "done = subprocess.run(sys.argv[1:], capture_output=True, text=True)\n"
        "used = resource.getrusage(resource.RUSAGE_CHILDREN)\n"
        "print(json.dumps([done.returncode, done.stdout, done.stderr, used.ru_utime + used.ru_stime, used.ru_maxrss]))"
    )
    whole = [sys.executable, "-c", code, python, *command]
    done = subprocess.run(whole, env=env, capture_output=True, text=True, check=True)
    status, printed, said, seconds, peak = json.loads(done.stdout)
    if status:
        raise SystemExit(f"{command[:3]}: {said[-2000:]}")
    unit = 1 if sys.platform == "darwin" else 1024
    return {"seconds": seconds, "gib": peak * unit / 2**30, "printed": printed.strip().splitlines()[-1:]}


def warm(python: str, code: str, data: Path) -> tuple[float, float]:
    fit, predict, _ = json.loads(run(python, ["-c", code, str(data)])["printed"][0])
    return fit, predict


def ours_whole(data: Path, at: Path, turn: int) -> tuple[dict[str, Any], dict[str, Any]]:
    model, settings = at / f"model-{turn}", [f"--set={key}={value}" for key, value in TRAINING.items()]
    settings[-1] = "--set=training.loggers=[]"
    command = ["-m", "latentcast", "fit", str(data), "--model", "dlinear", "--lookback", "24", "--horizon", "6"]
    fit = run(sys.executable, [*command, *settings, "--out", str(model)])
    out = str(at / f"forecasts-{turn}")
    return fit, run(sys.executable, ["-m", "latentcast", "predict", str(model), str(data), "--out", out])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--peer")
    parser.add_argument("--repeats", type=int, default=3)
    for flag in ("--million", "--ridge", "--memory"):
        parser.add_argument(flag, action="store_true")
    args = parser.parse_args()
    compileall.compile_dir(ROOT / "src", quiet=1)  # as pip does; some machines write no byte code by themselves
    found: dict[str, Any] = {"yardstick_seconds": yardstick()}
    before = ROOT / "benchmarks" / "results" / "panels.json"
    if before.exists():  # figures that are not measured this time stay
        found = {name: value for name, value in json.loads(before.read_text()).items() if " x " in name} | found
    with tempfile.TemporaryDirectory() as folder:
        at = Path(folder)
        if args.peer is not None:
            found |= beside_peer(args.peer, args.repeats, at)
        if args.million:
            found["1000000 x 60, predict"] = million(at)
        if args.ridge:
            for steps in (200, 500):
                found[f"100000 x {steps}, ridge with 80 % intervals"] = ridge(at, steps)
        if args.memory:
            found["10000 x 500, memory"] = memory(at)
    report(CLAIM, ASKED, found, name="panels", threads=1)
    table(["figure", "asked", "found"], [[name, asked, json.dumps(found.get(name))] for name, asked in ASKED.items()])


def beside_peer(peer: str, repeats: int, at: Path) -> dict[str, Any]:
    """Both sides in turns."""
    found: dict[str, Any] = {}
    paths = {}
    for name, (count, steps, freq, _, _) in SIZES.items():
        paths[name] = at / f"{name}.parquet"
        series(0, count, steps, freq, paths[name])
    days: dict[str, list[tuple[float, float]]] = {"latentcast": [], "neuralforecast": []}
    whole: dict[str, list[Any]] = {"latentcast": [], "neuralforecast": []}
    for turn in range(repeats):
        days["latentcast"].append(warm(sys.executable, OURS, paths["days"]))
        days["neuralforecast"].append(warm(peer, PEER, paths["days"]))
        whole["latentcast"].append(ours_whole(paths["months"], at, turn))
        whole["neuralforecast"].append(run(peer, ["-c", PEER_WHOLE, str(paths["months"]), str(at / "peer.parquet")]))
        print(f"turn {turn + 1}: {days['latentcast'][-1]}, {days['neuralforecast'][-1]}", flush=True)
    for place, verb in enumerate(("fit", "predict")):
        ours, its = (median(turn[place] for turn in days[side]) for side in days)
        found[f"5000 x 300, {verb}"] = {"ours": ours, "neuralforecast": its, "times_faster": its / ours}
        each = [turn[place] for turn in whole["latentcast"]]
        found[f"100000 x 60, {verb}"] = {key: median(one[key] for one in each) for key in ("seconds", "gib")}
    ours = median(fit["seconds"] + predict["seconds"] for fit, predict in whole["latentcast"])
    its = median(one["seconds"] for one in whole["neuralforecast"])
    peak = median(one["gib"] for one in whole["neuralforecast"])
    found["100000 x 60, both"] = {"ours": ours, "neuralforecast": its, "times_faster": its / ours, "its_gib": peak}
    return found


def ridge(at: Path, steps: int) -> dict[str, Any]:
    """Fit and forecast with intervals, two processes from Parquet to Parquet."""
    data, model = at / f"ridge-{steps}.parquet", at / f"ridge-{steps}"
    series(0, 100_000, steps, "D", data)
    sizes = ["--lookback", "24", "--horizon", "6"]
    fit = run(sys.executable, ["-m", "latentcast", "fit", str(data), "-m", "ridge", *sizes, "--out", str(model)])
    forecast = ["-m", "latentcast", "predict", str(model), str(data), "--level", "80", "--out", str(at / f"r-{steps}")]
    predict = run(sys.executable, forecast)
    data.unlink()
    return {
        "seconds": fit["seconds"] + predict["seconds"],
        "fit_seconds": fit["seconds"],
        "gib": max(fit["gib"], predict["gib"]),
    }


def memory(at: Path) -> dict[str, Any]:
    """Peak of a fit above that of a process that fitted 20 series, in units of the values; also above the imports."""
    data, few = at / "memory.parquet", at / "few.parquet"
    series(0, 10_000, 500, "D", data)
    series(0, 20, 500, "D", few)
    start = "import sys, pandas, torch, latentcast, pyarrow.parquet; latentcast.fit\n"
    fit = f"latentcast.fit(sys.argv[1], 'dlinear', lookback=24, horizon=6, settings={TRAINING!r})"
    bare = run(sys.executable, ["-c", start])["gib"]
    warm = run(sys.executable, ["-c", start + fit, str(few)])["gib"]
    peak = run(sys.executable, ["-c", start + fit, str(data)])["gib"]
    unit = 10_000 * 500 * 8 / 2**30
    return {
        "gib": peak,
        "imports_gib": bare,
        "start_gib": warm,
        "times_the_values": (peak - warm) / unit,
        "times_the_values_above_imports": (peak - bare) / unit,
    }


def million(at: Path) -> dict[str, Any]:
    """Ten files of 100 000 series each, forecast by a model that was fitted to all of them."""
    data = at / "million"
    data.mkdir()
    for part in range(10):
        series(part * 100_000, 100_000, 60, "MS", data / f"{part}.parquet")
    model = at / "model-of-a-million"
    code = (
        "import sys, latentcast, pandas as pd\n"
        f"latentcast.fit(pd.read_parquet(sys.argv[1]), 'dlinear', lookback=24, horizon=6, settings={TRAINING!r},"
        " out=sys.argv[2])"
    )
    run(sys.executable, ["-c", code, str(data), str(model)])
    found = run(sys.executable, ["-m", "latentcast", "predict", str(model), str(data), "--out", str(at / "out")])
    rows = sum(pd.read_parquet(path, columns=[]).shape[0] for path in (at / "out").iterdir())
    assert rows == 6_000_000, rows
    return {"seconds": found["seconds"], "gib": found["gib"], "rows": rows}


if __name__ == "__main__":
    main()
