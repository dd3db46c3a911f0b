"""One pass over windows with anything that predicts."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from latentcast.data.scaler import Scaler
from latentcast.data.windows import Windows
from latentcast.evaluation.metrics import Array, Errors
from latentcast.types import Batch, Prediction


@dataclass(frozen=True)
class Judged:
    """One batch of windows: which ones, and what was forecast and observed, [batch, horizon, target] in both units."""

    which: NDArray[np.int64]
    items: NDArray[np.int64]
    scaled: Array
    original: Array
    target_scaled: Array
    target_original: Array
    seen: NDArray[np.bool_] | None


def forecasts(
    predict: Callable[[Batch], Prediction],
    windows: Windows,
    actual: Array,
    scaler: Scaler,
    targets: tuple[int, ...],
    *,
    batch_size: int,
    device: torch.device,
) -> Iterator[Judged]:
    """Every window once, in order. The last batch is as short as it is: nothing is dropped.

    `actual` [steps, channels] in original units is what forecasts are held against: the float32 values that a network
    reads would turn a zero into nearly zero, and MAPE into nonsense.
    """
    mean, std = scaler.mean[:, list(targets)], scaler.std[:, list(targets)]
    ahead = windows.lookback + np.arange(windows.horizon)
    for which, batch in windows.in_batches(batch_size):
        with torch.inference_mode():
            values = predict(batch.to(device)).values.cpu().double().numpy()
        items = windows.items[which].numpy()
        m, s = mean[items][:, None], std[items][:, None]
        steps = windows.starts[which].numpy()[:, None] + ahead
        target = actual[steps][..., list(targets)]
        seen = None if batch.target_observed is None else batch.target_observed.numpy()
        yield Judged(which.numpy(), items, values, values * s + m, (target - m) / s, target, seen)


def judge(
    judged: Iterable[Judged], naive_error: Array, std: Array, errors: tuple[Errors, Errors] | None = None
) -> tuple[Errors, Errors]:
    """(scaled, original) errors of all batches, added to `errors` when given.

    `naive_error` and `std` are [items, targets] in original units.
    """
    scaled, original = errors or (Errors(), Errors())
    for batch in judged:
        naive = naive_error[batch.items][:, None]
        scaled.add(batch.target_scaled, batch.scaled, batch.seen, naive / std[batch.items][:, None])
        original.add(batch.target_original, batch.original, batch.seen, naive)
    return scaled, original
