"""What part of `evaluate` is the model's own forward: patch-transformer on the test part of ETTh1, 336 → 96.

The whole call is timed, data in memory, and within it the network; both in processor seconds of one thread. Figures
must be the same to 1e-6 for batches of 1, 7 and 512 windows. Untrained weights: the time is theirs all the same.

    python -m benchmarks.speed.evaluation_share [--repeats 3]
"""

import argparse
import logging
import statistics
import time
from typing import Any

import torch

import latentcast
from benchmarks._harness import report, table
from latentcast.data.sources.open import open_data

CLAIM = "evaluate spends its time in the network, and its figures do not depend on the batch size"

DATASET, LOOKBACK, HORIZON, ASKED = "ETTh1", 336, 96, 0.9


def measure(forecaster: Any, frame: Any, **how: Any) -> tuple[float, float, Any]:
    """Seconds of the whole call, seconds of the network in it, and what was found."""
    inside, forward = [0.0], forecaster.network.forward

    def timed(batch: Any) -> Any:
        began = time.process_time()
        made = forward(batch)
        inside[0] += time.process_time() - began
        return made

    forecaster.network.forward = timed
    began = time.process_time()
    found = forecaster.evaluate(frame, **how)
    whole = time.process_time() - began
    forecaster.network.forward = forward
    return whole, inside[0], found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=3)
    args = parser.parse_args()
    torch.set_num_threads(1)
    logging.disable(logging.WARNING)
    rows = []
    frame = open_data(DATASET)[0].frame
    split = {"data.split": [8640, 2880, 2880]}
    for preset in ("small", None):
        forecaster = latentcast.fit(
            frame,
            "patch-transformer",
            preset=preset,
            lookback=LOOKBACK,
            horizon=HORIZON,
            settings={"training.max_steps": 1, "training.validations": 1, "training.loggers": [], **split},
        )
        runs = [measure(forecaster, frame) for _ in range(args.repeats)]
        shares = [inside / whole for whole, inside, _ in runs]
        sized = {n: measure(forecaster, frame, batch_size=n)[2] for n in ((1, 7, 512) if preset else ())}
        apart = max(
            (abs(found.scaled[m] / runs[0][2].scaled[m] - 1) for found in sized.values() for m in found.scaled),
            default=None,
        )
        rows.append({
            "preset": preset or "default",
            "windows": runs[0][2].windows,
            "seconds": round(statistics.median(whole for whole, _, _ in runs), 3),
            "forward_share": round(statistics.median(shares), 4),
            "asked": ASKED,
            "largest_relative_difference_by_batch": apart,
        })  # fmt: skip
    table(list(rows[0]), [list(row.values()) for row in rows])
    report(
        CLAIM,
        {"share": ASKED, "relative difference": 1e-6},
        name="evaluation_share",
        found={"dataset": DATASET, "lookback": LOOKBACK, "horizon": HORIZON, "rows": rows},
        threads=1,
    )


if __name__ == "__main__":
    main()
