"""Wavelet patches as one product, against transform → patches → linear map in turn, and against plain patches.

    python -m benchmarks.speed.wavelet [--rounds 60] [--width 32]

Forward and backward (of the weights: data need no gradient) on 32 windows of 7 channels and 512 steps, db4 at level 3,
patches of 16 at a stride of 8, no position embedding and no neighbours. The sides take turns, and medians count:

patch        plain patches through a linear map, as `patch` does it
fused        `wavelet`, as it is by default: weights for the bands included
one by one   the same with fused=false
ptwt         ptwt.swt, patches of all bands, torch's linear map
convolution  the same composite filters in torch's strided convolution

Asked: fused at least 3 times as fast as ptwt, and at most 1.5 times the cost of plain patches. That the results are
equal is held by the tests; the largest difference found here is written beside the times.
"""

import argparse
from collections.abc import Callable
from functools import partial
from typing import Any

import ptwt
import torch
import torch.nn.functional as F

from benchmarks._harness import compare, report, table
from latentcast.core.settings import validate
from latentcast.core.types import Batch, Task
from latentcast.models.representations.patch import Patch
from latentcast.models.representations.wavelet import Wavelet

CLAIM = (
    "fused wavelet patches are faster than ptwt's transform and a linear map, and cost little more than plain patches"
)

WINDOWS, CHANNELS, TIME, LENGTH, STRIDE = 32, 7, 512, 16, 8
BANDS = 4


def sides(width: int) -> tuple[dict[str, Callable[[], torch.Tensor]], dict[str, list[torch.nn.Parameter]]]:
    task = Task(TIME, 96, CHANNELS, tuple(range(CHANNELS)))
    common = {"length": LENGTH, "stride": STRIDE, "width": width, "position": False}
    torch.manual_seed(0)
    batch = Batch(torch.randn(WINDOWS, TIME, CHANNELS))
    plain = Patch(validate(Patch.Settings, common), task)
    fused = Wavelet(validate(Wavelet.Settings, {**common, "mode": "periodic"}), task)
    apart = Wavelet(validate(Wavelet.Settings, {**common, "mode": "periodic", "fused": False}), task)
    apart.load_state_dict(fused.state_dict())
    theirs = torch.nn.Linear(LENGTH * BANDS, width)
    kernels = torch.nn.Parameter(torch.randn(width, 1, LENGTH + fused.steps - 1) / 8)
    bias = torch.nn.Parameter(torch.zeros(width))

    def ptwt_then_linear() -> torch.Tensor:
        series = batch.past.transpose(1, 2).flatten(0, 1)
        bands = torch.stack(ptwt.swt(series, "db4", 3), 1)
        patches = F.pad(bands, (0, STRIDE), mode="replicate").unfold(-1, LENGTH, STRIDE)
        return theirs(patches.transpose(1, 2).flatten(2))

    def convolution() -> torch.Tensor:
        extended = fused._extended(batch.past.transpose(1, 2).flatten(0, 1))
        return F.conv1d(extended[:, None], kernels, bias, stride=STRIDE).transpose(1, 2)

    runs: dict[str, Callable[[], torch.Tensor]] = {
        "patch": lambda: plain(batch).values,
        "fused": lambda: fused(batch).values,
        "one by one": lambda: apart(batch).values,
        "ptwt": ptwt_then_linear,
        "convolution": convolution,
    }
    weights = {
        "patch": list(plain.parameters()),
        "fused": list(fused.parameters()),
        "one by one": list(apart.parameters()),
        "ptwt": list(theirs.parameters()),
        "convolution": [kernels, bias],
    }
    return runs, weights


def _step(run: Callable[[], torch.Tensor], ask: torch.Tensor) -> None:
    run().backward(ask)


def main() -> None:
    parse = argparse.ArgumentParser()
    parse.add_argument("--rounds", type=int, default=60)
    parse.add_argument("--width", type=int, default=32)
    asked = parse.parse_args()
    torch.set_num_threads(1)
    runs, weights = sides(asked.width)
    ask = torch.randn(runs["patch"]().shape)
    difference = (runs["fused"]() - runs["one by one"]()).abs().max().item()

    def forget() -> None:
        for weight in (weight for each in weights.values() for weight in each):
            weight.grad = None

    whole = {name: partial(_step, run, ask) for name, run in runs.items()}
    times = compare(whole, asked.rounds, warm_up=5, before=forget)
    forward = compare(runs, asked.rounds, warm_up=5)
    medians = {name: 1e3 * each.median() for name, each in times.items()}
    found: dict[str, Any] = {
        "windows": WINDOWS,
        "channels": CHANNELS,
        "steps": TIME,
        "width": asked.width,
        "rounds": asked.rounds,
        "milliseconds": medians,
        "of them forward": {name: 1e3 * each.median() for name, each in forward.items()},
        "ptwt over fused": medians["ptwt"] / medians["fused"],
        "fused over patch": medians["fused"] / medians["patch"],
        "largest difference of fused from one by one": difference,
    }
    table(
        ["side", "ms", "x fused", "x patch"],
        [[name, ms, ms / medians["fused"], ms / medians["patch"]] for name, ms in medians.items()],
    )
    report(CLAIM, {"over ptwt": 3, "of plain patches at most": 1.5}, name="wavelet", found=found, threads=1)


if __name__ == "__main__":
    main()
