"""The forecasts of the validation whose weights are kept, so that the same windows are not forecast again."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from latentcast.core.types import Prediction
from latentcast.data.windows.windows import Starts

MOST = 2**21  # numbers that are held: a fit of a large panel has no memory to spare for more


@dataclass
class ValidatedForecasts:
    """Forecasts of all validation windows in their order, in standardised units.

    Attributes
    ----------
    windows
        First step and item of each window; None before a validation was recorded.
    step
        Optimiser steps before that validation.
    values
        [windows, horizon, target].
    quantiles
        [windows, horizon, target, quantile], of a network that forecasts them.
    """

    windows: Starts | None = None
    step: int = 0
    values: NDArray[Any] | None = None
    quantiles: NDArray[Any] | None = None

    def take(self, recording: "Recording", windows: Starts, step: int) -> None:
        """Replace them by those of a later validation; by none where not each window was forecast once."""
        values, quantiles = recording.joined()
        whole = values is not None and len(values) == len(windows[0])
        self.windows, self.step = (windows if whole else None), step
        self.values, self.quantiles = (values, quantiles) if whole else (None, None)

    def of(self, windows: Starts, step: int | None) -> tuple[NDArray[Any], NDArray[Any] | None] | None:
        """Values and quantiles of exactly these windows, recorded at this step where one is set; None without them."""
        if self.windows is None or self.values is None or step not in (None, self.step):
            return None
        same = all(np.array_equal(own, asked) for own, asked in zip(self.windows, windows, strict=True))
        return (self.values, self.quantiles) if same and np.isfinite(self.values).all() else None


@dataclass
class Recording:
    """What a network gives while `recorded` watches it."""

    values: list[torch.Tensor] = field(default_factory=list)
    quantiles: list[torch.Tensor] = field(default_factory=list)
    numbers: int = 0

    def add(self, prediction: Prediction) -> None:
        """Hold one batch, unless all together would be too many."""
        self.numbers += prediction.values.numel()
        if prediction.quantiles is not None:
            self.numbers += prediction.quantiles.numel()
        if self.numbers > MOST:
            self.values.clear()
            self.quantiles.clear()
            return
        self.values.append(prediction.values)
        if prediction.quantiles is not None:
            self.quantiles.append(prediction.quantiles)

    def joined(self) -> tuple[NDArray[Any] | None, NDArray[Any] | None]:
        """All batches, one after another."""
        if not self.values:
            return None, None
        quantiles = torch.cat(self.quantiles).numpy() if self.quantiles else None
        return torch.cat(self.values).numpy(), quantiles


@contextmanager
def recorded(network: Any) -> Iterator[Recording]:
    """Record the forecasts that a network makes within the block."""
    recording = Recording()
    handle = network.register_forward_hook(lambda _module, _given, prediction: recording.add(prediction))
    try:
        yield recording
    finally:
        handle.remove()
