"""Random frames through fit, predict and evaluate: a dated, finite forecast, or one error of the library.

Frames are drawn as the tests draw them (`tests/public/test_random_tables.py`): wide and long, with odd stamps, values,
names, gaps and settings. A trial fails by a traceback, a warning, NaN or infinity in the forecast, or wrong dates.

    python benchmarks/reliability/frames.py [--frames 5000] [--seed S] [--out FILE]

Results: benchmarks/results/reliability/frames.json
"""

import argparse
import json
import logging
import sys
import time
import traceback
from collections import Counter
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "tests"))

from public import test_random_tables as tables  # noqa: E402


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--frames", type=int, default=5000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--minutes", type=float, default=1e9, help="stop drawing after so many")
    parser.add_argument("--out", type=Path, default=ROOT / "benchmarks" / "results" / "reliability" / "frames.json")
    args = parser.parse_args()
    logging.getLogger("latentcast").setLevel(logging.ERROR)
    counts: Counter[str] = Counter()
    failures: list[dict[str, Any]] = []
    end = time.monotonic() + 60 * args.minutes

    @seed(args.seed)
    @settings(
        max_examples=args.frames, deadline=None, database=None, phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    @given(st.one_of(tables.wide_frames(), tables.long_frames()), tables.models, tables.options)
    def draw(frame: Any, model: str, options: Any) -> None:
        if time.monotonic() > end:
            return
        counts["frames"] += 1
        try:
            counts[tables._forecast_or_error(frame, model, options)] += 1
        except Exception as error:
            kind = type(error).__name__
            counts[kind] += 1
            failures.append({"kind": kind, "trace": traceback.format_exc()[-1500:], "frame": frame.head(5).to_csv()})

    draw()
    report = {"seed": args.seed, **counts, "failed": len(failures), "failures": failures[:50]}
    args.out.parent.mkdir(parents=True, exist_ok=True)
    args.out.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    print({key: value for key, value in report.items() if key != "failures"})
    return int(bool(failures))


if __name__ == "__main__":
    sys.exit(main())
