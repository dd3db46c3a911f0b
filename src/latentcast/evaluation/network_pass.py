"""A torch network as what computes the forecasts of windows."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from latentcast.core.types import Batch, Prediction
from latentcast.data.windows.arrays import WindowArrays
from latentcast.data.windows.windows import Windows
from latentcast.evaluation.forecasts import Computed, Sampling
from latentcast.evaluation.metrics import Array

LARGEST = 1e9  # standard deviations of the training part that a network is shown where larger values overflow


@dataclass(frozen=True)
class NetworkPass:
    """Forecasts by `predict` on a device; paths by `sample(batch, paths=…, seeds=…)` where they are asked for."""

    predict: Callable[[Batch], Prediction]
    device: torch.device
    sample: Callable[..., Tensor] | None = None
    sampling: Sampling | None = None

    def __call__(self, windows: Windows, read: WindowArrays) -> Computed:
        moved = windows.as_batch(read).to(self.device)
        paths = None
        with torch.inference_mode():
            prediction = self.predict(moved)
            if not prediction.values.isfinite().all():  # squares of huge values overflow in float32
                moved = replace(moved, past=moved.past.clamp(-LARGEST, LARGEST))
                prediction = self.predict(moved)
            if self.sample is not None and self.sampling is not None:
                seeds = torch.from_numpy(np.ascontiguousarray(self.sampling.seeds[read.numbers])).to(self.device)
                paths = _array(self.sample(moved, paths=self.sampling.paths, seeds=seeds))
        quantiles = None if prediction.quantiles is None else _array(prediction.quantiles)
        return Computed(_array(prediction.values), quantiles, paths)


def _array(values: Tensor) -> Array:
    return values.cpu().double().numpy()
