"""A model that is one linear map of the look-back, as arrays: it forecasts without torch."""

from dataclasses import dataclass
from typing import Any, Literal, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

Level = Literal["none", "last", "normalised"]
LEVELS: tuple[Level, ...] = ("none", "last", "normalised")
EPSILON = 1e-5  # as layers.instance_norm.EPSILON


@dataclass(frozen=True)
class LinearMap:
    """Forecasts by one product with each look-back; computes in double precision.

    Attributes
    ----------
    weight, bias
        [maps, horizon, lookback] and [maps, horizon].
    map_of
        [channels], the map of each channel. A single map serves any number of them.
    level
        What is taken from a look-back and added to its forecast: nothing, its last value, or its mean, where it is also
        divided by its standard deviation.
    newest
        The mean is that of so many last steps; 0: of all.
    """

    weight: NDArray[np.float64]
    bias: NDArray[np.float64]
    map_of: NDArray[np.int64]
    level: Level = "none"
    newest: int = 0

    def __call__(self, past: NDArray[Any]) -> NDArray[np.float64]:
        """[batch, time, channel] complete look-backs → [batch, horizon, channel] forecasts."""
        moved = past.transpose(0, 2, 1).astype(np.float64)
        if self.level == "none":
            return self._product(moved).transpose(0, 2, 1)
        if self.level == "last":
            level = moved[..., -1:].copy()
            return (self._product(moved - level) + level).transpose(0, 2, 1)
        mean = moved.mean(-1, keepdims=True)
        deviation = np.sqrt(np.square(moved - mean).mean(-1, keepdims=True) + EPSILON)
        level = moved[..., -self.newest :].mean(-1, keepdims=True) if self.newest else mean
        values: NDArray[np.float64] = self._product((moved - level) / deviation) * deviation + level
        return values.transpose(0, 2, 1)

    def _product(self, moved: NDArray[np.float64]) -> NDArray[np.float64]:
        """[batch, channel, time] → [batch, channel, horizon]."""
        if len(self.weight) == 1:
            flat = moved.reshape(-1, moved.shape[-1]) @ self.weight[0].T
            flat += self.bias[0]
            return np.asarray(flat.reshape(*moved.shape[:2], -1))
        weight, bias = self.weight[self.map_of], self.bias[self.map_of]
        return np.asarray(np.matmul(moved[:, :, None], weight.swapaxes(1, 2))[:, :, 0] + bias)


@runtime_checkable
class IsLinear(Protocol):
    """A model that may be one linear map of the look-back."""

    def linear_map(self) -> LinearMap | None:
        """The map by the present weights; None where the model reads more than the look-back."""
