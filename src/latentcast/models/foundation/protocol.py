"""What a pretrained model of another package offers: quantiles of each series by itself."""

from typing import Protocol

from jaxtyping import Float
from torch import Tensor, nn


class Adapter(Protocol):
    """A loaded model.

    Attributes
    ----------
    levels
        Levels of the quantiles that it was trained on, ascending; the median is among them.
    context
        Steps that it reads; older ones are left out.
    at_once
        Steps that it forecasts in one pass; beyond them it goes on from its own forecasts.
    least
        Observed values of a series that it needs.
    module
        Its network: moved to the device, and identified by its weights.
    notes
        What a user should know of it, beyond these numbers.
    """

    levels: tuple[float, ...]
    context: int
    at_once: int
    least: int
    module: nn.Module
    notes: tuple[str, ...]

    def predict_quantiles(self, context: Float[Tensor, "row time"], horizon: int) -> Float[Tensor, "row horizon level"]:
        """The quantiles of each row, at all its levels. What was not observed is NaN; no row is empty."""
        ...
