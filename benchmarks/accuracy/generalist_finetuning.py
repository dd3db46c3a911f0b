"""The generalist fine-tuned on ETTm1 and weather: what is trained, how much data it takes, and against `ridge`.

The windows are those of `benchmarks.accuracy.zero_shot` (50 origins of the test part, contexts of 512 steps, horizon
96), intervals the quantiles of the network. Few-shot: the first 1, 5 and 20 % of the training part. `ridge` is fitted
to the training part with a look-back of 512 steps. The validation part decides what is kept, and whether a linear map
joins.

    python -m benchmarks.accuracy.generalist_finetuning
"""

import argparse
import contextlib
import tempfile
import time
from collections.abc import Iterator
from typing import Any, get_args

import numpy as np
import torch

import latentcast
from benchmarks._harness import report
from benchmarks.accuracy._zero_shot_boards import Board, boards
from benchmarks.accuracy.zero_shot import Array, generalist, mases, naive
from latentcast.core.errors import DataError
from latentcast.core.types import Batch
from latentcast.models.pretrained.network import LEVELS, MEDIAN
from latentcast.models.pretrained.tuning import Learn
from latentcast.models.pretrained.weights import load_weights
from latentcast.workflows.pretraining.finetune import TuningPlan, finetune_generalist

CLAIM = "fine-tuning makes the generalist 10 % better on ETTm1 and weather, and never more than 2 % worse than ridge"
SHARES = (0.01, 0.05, 0.2)
LOOKBACK, HORIZON = 512, 96


def judged(board: Board, quantiles: Array) -> dict[str, float]:
    """MASE to seasonal naive, and coverage of 80 % intervals."""
    target = np.stack([window.target for window in board.windows])
    low, high = (quantiles[..., LEVELS.index(level)] for level in (0.1, 0.9))
    ratio = mases(board, quantiles[..., MEDIAN]).mean() / mases(board, naive(board)).mean()
    return {"ratio": float(ratio), "coverage_80": float(((target >= low) & (target <= high)).mean())}


def tuned(board: Board, learn: Learn, share: float) -> dict[str, Any]:
    """Fine-tuned on a share of the training part: with the linear map, and by the network alone."""
    with tempfile.TemporaryDirectory() as folder:
        began = time.process_time()
        found = finetune_generalist(
            board.name, folder, HORIZON, TuningPlan(learn=learn), settings={"data.fraction": share}
        )
        seconds = time.process_time() - began
        weights = load_weights(folder)
    alone = {name: value for name, value in weights.items() if not name.startswith("map_")}
    return {
        **judged(board, generalist(board, weights, (1024,), backtests=False)),
        "network_alone": judged(board, generalist(board, alone, (1024,), backtests=False)),
        "epochs": found.epochs,
        "windows": found.windows,
        "map_share": found.map_share,
        "processor_seconds": seconds,
    }


def ridge(board: Board) -> float:
    """MASE to seasonal naive of the closed-form map of the training part."""
    forecaster = latentcast.fit(board.name, "ridge", lookback=LOOKBACK, horizon=HORIZON)
    scaler, model = forecaster.known.scaler, forecaster.network.model.eval()
    channels = len({window.series for window in board.windows})
    past = np.stack([window.context for window in board.windows]).reshape(channels, -1, LOOKBACK).transpose(1, 2, 0)
    mean, deviation = (np.asarray(part[0], float) for part in (scaler.mean, scaler.std))
    with torch.no_grad():
        found = model(Batch(past=torch.from_numpy((past - mean) / deviation).float())).values.double().numpy()
    rows = (found * deviation + mean).transpose(2, 0, 1).reshape(-1, HORIZON)
    return float(mases(board, rows).mean() / mases(board, naive(board)).mean())


def rows_of(board: Board) -> Iterator[dict[str, Any]]:
    """Zero-shot, ridge, what learns, and the few-shot rows."""
    yield {"how": "zero-shot", **judged(board, generalist(board, load_weights(), (1024,), backtests=False))}
    yield {"how": "ridge", "ratio": ridge(board)}
    for learn in get_args(Learn):
        yield {"how": learn, **tuned(board, learn, 1.0)}
    for share in SHARES:
        with contextlib.suppress(DataError):  # the share may hold no window
            yield {"how": f"all, {100 * share:g} % of the data", **tuned(board, "all", share)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--boards", nargs="+", default=["ETTm1", "weather"])
    args = parser.parse_args()
    torch.set_num_threads(1)
    found = []
    for board in boards(args.boards):
        for row in rows_of(board):
            found.append({"board": board.name, **row})
            print(
                {key: round(value, 3) if isinstance(value, float) else value for key, value in found[-1].items()},
                flush=True,
            )
    asked = {"better than zero-shot by": 0.1, "worse than ridge by at most": 0.02}
    report(CLAIM, asked, {"rows": found}, name="generalist_finetuning", threads=1)


if __name__ == "__main__":
    main()
