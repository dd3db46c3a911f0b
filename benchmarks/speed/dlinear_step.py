"""A DLinear training step on ETTh1, 336 → 96, 224 windows of one series each: neuralforecast's against latentcast's.

Each inside its own library's own loop, started by its `fit` with `max_steps`. Start-up, data preparation and saving
do not count: the time of a step is the slope between a short and a long run. Both: Adam, the same constant rate,
MSE, fp32, CPU, the same threads, no early stop, no clipping, no logger, no progress bar. No validation falls between
the short and the long run: neuralforecast gets no validation part, and both of latentcast's runs end within their
first epoch (257 steps), with one validation each, which the difference takes away. Each keeps its own way of
summing: latentcast's Adam is torch's fused one, neuralforecast's the default one. Interleaved, medians.
"""

import argparse
import logging
import os
import statistics
import time
import warnings
from typing import Any

os.environ.setdefault("NIXTLA_ID_AS_COL", "1")
import pandas as pd
import torch
from neuralforecast import NeuralForecast
from neuralforecast.losses.pytorch import MSE
from neuralforecast.models import DLinear as TheirDLinear

import latentcast
from benchmarks._harness import report, table
from latentcast.core.types import Batch, Task
from latentcast.data.sources.catalog import find, load
from latentcast.models.standalone.dlinear import DLinear, DLinearSettings

CLAIM = "a training step of dlinear is faster than neuralforecast's, each in its own library's loop"

L, H, SERIES, WINDOWS, TRAIN_ROWS, RATE = 336, 96, 7, 224, 8640, 1e-3
# neuralforecast: a batch is `batch_size` series, of which every window is cut and `windows_batch_size` are drawn. All
# 7 series in a batch, as here, draw from the same windows as ours; one series in a batch cuts a seventh of them, and
# is measured too. The threshold of 1 leaves out windows that reach beyond the end of the training rows, so that both
# draw from 7 x 8209 whole windows. `count_windows` reads off what reaches the model.
SIDES = ("neuralforecast", "neuralforecast, 1 series a batch", "latentcast")


def theirs(frame: pd.DataFrame, steps: int, series: int) -> float:
    model = TheirDLinear(
        h=H, input_size=L, loss=MSE(), max_steps=steps, learning_rate=RATE, num_lr_decays=-1, batch_size=series,
        windows_batch_size=WINDOWS, training_data_availability_threshold=1.0, early_stop_patience_steps=-1,
        accelerator="cpu", devices=1, logger=False, enable_progress_bar=False, enable_model_summary=False,
    )  # fmt: skip
    began = time.perf_counter()
    NeuralForecast([model], freq="h", local_scaler_type="standard").fit(frame, val_size=0)
    return time.perf_counter() - began


def ours(table: pd.DataFrame, steps: int) -> float:
    training = {
        "max_steps": steps, "lr": RATE, "schedule": "constant", "optimizer": "adam", "clip": None, "patience": None,
        "ema": None, "batch_size": WINDOWS // SERIES, "loggers": [], "accelerator": "cpu", "precision": "fp32",
    }  # fmt: skip
    settings = {"model.normalise": False, "training": training, "data.split": [TRAIN_ROWS, 2880, 2880]}
    began = time.perf_counter()
    latentcast.fit(table, "dlinear", lookback=L, horizon=H, seed=1, settings=settings)
    return time.perf_counter() - began


def count_windows(frame: pd.DataFrame, table: pd.DataFrame) -> dict[str, list[int]]:
    """Shapes of one step's input, as each library's own loop hands it to its model."""
    shapes: dict[str, list[int]] = {}
    forward, their_forward = DLinear.forward, TheirDLinear.forward

    def see(self: Any, batch: Batch) -> Any:
        shapes.setdefault("latentcast", list(batch.past.shape))
        return forward(self, batch)

    def see_theirs(self: Any, windows_batch: Any) -> Any:
        shapes.setdefault("neuralforecast", list(windows_batch["insample_y"].shape))
        return their_forward(self, windows_batch)

    DLinear.forward, TheirDLinear.forward = see, see_theirs  # type: ignore[method-assign]
    ours(table, 1)
    theirs(frame, 1, SERIES)
    DLinear.forward, TheirDLinear.forward = forward, their_forward  # type: ignore[method-assign]
    assert shapes["latentcast"] == [WINDOWS // SERIES, L, SERIES]
    assert shapes["neuralforecast"] == [WINDOWS, L, 1]
    return shapes


def bare(steps: int) -> float:
    """Seconds per step of our network's arithmetic alone: forward, backward and Adam on one batch, no loop around."""
    torch.manual_seed(1)
    network = DLinear(DLinearSettings(), Task(L, H, SERIES, tuple(range(SERIES))))
    adam = torch.optim.Adam(network.parameters(), lr=RATE, fused=True)
    size = WINDOWS // SERIES
    batch = Batch(torch.randn(size, L, SERIES), target=torch.randn(size, H, SERIES))
    began = time.perf_counter()
    for _ in range(steps):
        adam.zero_grad()
        network.loss(network(batch), batch).backward()
        adam.step()
    return (time.perf_counter() - began) / steps


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--ours", nargs=2, type=int, default=[40, 240], help="steps of the short and the long run")
    parser.add_argument("--theirs", nargs=2, type=int, default=[4, 44])
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--threads", type=int, default=1)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    warnings.simplefilter("ignore")
    logging.disable(logging.WARNING)
    wide = load(find("ETTh1")).frame
    values = wide.iloc[:TRAIN_ROWS].melt("date", var_name="unique_id", value_name="y").rename(columns={"date": "ds"})
    shapes = count_windows(values, wide)
    times: dict[str, list[float]] = {name: [] for name in (*SIDES, "arithmetic")}
    for _ in range(args.repeats):
        for name, series in zip(SIDES[:2], (SERIES, 1), strict=True):
            short, long = (theirs(values, steps, series) for steps in args.theirs)
            times[name].append((long - short) / (args.theirs[1] - args.theirs[0]))
        short, long = (ours(wide, steps) for steps in args.ours)
        times["latentcast"].append((long - short) / (args.ours[1] - args.ours[0]))
        times["arithmetic"].append(bare(200))
    ms = {name: 1e3 * statistics.median(took) for name, took in times.items()}
    ratio = ms["neuralforecast"] / ms["latentcast"]
    table(["224 windows of 336 → 96", "ms per step", "times ours"],
          [[name, took, f"{took / ms['latentcast']:.2f}"] for name, took in ms.items()])  # fmt: skip
    report(CLAIM, {"times_faster": 10}, name="dlinear_step", found={
        "settings": {**vars(args), "lookback": L, "horizon": H, "lr": RATE, "precision": "fp32", "optimizer": "adam"},
        "seed": 1, "windows_per_step": WINDOWS, "windows_to_draw_from": SERIES * (TRAIN_ROWS - L - H + 1),
        "input_of_one_step": shapes, "ratio": ratio,
        "share_of_our_step_that_is_arithmetic": ms["arithmetic"] / ms["latentcast"],
        "ms_per_step": {name: {"median": ms[name], "all": [1e3 * t for t in times[name]]} for name in times},
    }, threads=args.threads)  # fmt: skip


if __name__ == "__main__":
    main()
