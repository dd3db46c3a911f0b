"""What starting costs: `latentcast --help`, `import latentcast`, and `load(...).predict(...)`, in fresh processes.

Wall time is of the whole process, start of the interpreter included (an empty one is measured beside it), median of
interleaved runs after one that warms the file cache; processor time beside it, which a busy machine stretches less.
Imported modules are read from sys.modules at the end.
"""

import argparse
import json
import logging
import statistics
import subprocess
import sys
import tempfile
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from benchmarks._harness import compare, report, table, yardstick

CLAIM = "the library starts without torch and lightning, and a saved forecaster predicts without lightning"

HEAVY = ("torch", "lightning", "pytorch_lightning", "pandas", "numpy", "matplotlib", "pydantic", "statsmodels")
HELP = """
import sys
sys.argv = ["latentcast", "--help"]
from latentcast.cli import main
try:
    main()
except SystemExit:
    pass
"""
PREDICT = """
import pandas as pd
import latentcast
frame = pd.read_parquet({data!r})
out = latentcast.load({folder!r}).predict(frame)
assert len(out) == 24 and out["dlinear"].notna().all()
"""
MODULES = "\nimport json as _j, sys as _s\nprint('\\n' + _j.dumps(sorted(_s.modules)))"


def modules(code: str) -> list[str]:
    done = subprocess.run([sys.executable, "-c", code + MODULES], capture_output=True, text=True, check=True)
    found: list[str] = json.loads(done.stdout.splitlines()[-1])
    return found


def run(command: list[str]) -> None:
    subprocess.run(command, capture_output=True, check=True)


def saved(folder: Path) -> tuple[str, str]:
    """A small fitted forecaster and its data on disk."""
    import latentcast

    logging.disable(logging.WARNING)
    steps = np.arange(600)
    value = np.sin(steps * 2 * np.pi / 24) + np.random.default_rng(1).normal(0, 0.1, len(steps))
    frame = pd.DataFrame({"unique_id": "a", "ds": pd.date_range("2024-01-01", periods=600, freq="h"), "y": value})
    frame.to_parquet(folder / "data.parquet")
    quick = {"training.max_epochs": 1, "training.loggers": []}
    latentcast.fit(frame, "dlinear", lookback=96, horizon=24, settings=quick, out=folder / "run")
    return str(folder / "data.parquet"), str(folder / "run")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=9)
    args = parser.parse_args()
    script = Path(sys.executable).parent / "latentcast"
    with tempfile.TemporaryDirectory() as folder:
        data, fitted = saved(Path(folder))
        predict = PREDICT.format(data=data, folder=fitted)
        # name → (command, code whose modules are listed, seconds asked, modules that must not be there)
        cases: dict[str, tuple[list[str], str, float | None, tuple[str, ...]]] = {
            "python (empty)": ([sys.executable, "-c", "pass"], "pass", None, ()),
            "latentcast --help": ([str(script), "--help"], HELP, 0.5, ("torch", "lightning")),
            "import latentcast": (
                [sys.executable, "-c", "import latentcast"], "import latentcast", 0.3, ("torch", "lightning"),
            ),
            "load and predict": ([sys.executable, "-c", predict], predict, None, ("lightning", "pytorch_lightning")),
        }  # fmt: skip
        sides = {name: partial(run, command) for name, (command, *_) in cases.items()}
        times = compare(sides, args.repeats, children=True)
        found = {name: modules(code) for name, (_, code, _, _) in cases.items()}
    out: list[dict[str, Any]] = []
    for name, (_, _, asked, forbidden) in cases.items():
        wall, busy = times[name].wall, times[name].processor
        out.append(
            {
                "what": name,
                "seconds": {"median": statistics.median(wall), "least": min(wall), "all": wall},
                "cpu_seconds": {"median": statistics.median(busy), "least": min(busy), "all": busy},
                "asked_seconds": asked,
                "modules": len(found[name]),
                "heavy_modules": [heavy for heavy in HEAVY if heavy in found[name]],
                "must_not_import": list(forbidden),
                "imports_none_of_them": not set(forbidden) & set(found[name]),
            }
        )
    table(
        ["fresh process", "seconds", "least", "cpu", "asked", "modules", "heavy ones", "must not import", "holds"],
        [
            [r["what"], r["seconds"]["median"], r["seconds"]["least"], r["cpu_seconds"]["median"],
             r["asked_seconds"] or "", r["modules"],
             " ".join(r["heavy_modules"]) or "none", " ".join(r["must_not_import"]), r["imports_none_of_them"]]
            for r in out
        ],
    )  # fmt: skip
    report(
        CLAIM,
        {"--help seconds": 0.5, "import seconds": 0.3},
        name="startup",
        found={"settings": {"repeats": args.repeats, "warm_up": 1}, "cases": out, "yardstick_seconds": yardstick()},
    )


if __name__ == "__main__":
    main()
