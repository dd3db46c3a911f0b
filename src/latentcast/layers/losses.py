"""Losses of point forecasts, and of quantiles."""

from typing import Literal

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float
from torch import Tensor

Loss = Literal["mse", "mae", "huber"]
_LOSSES = {"mse": F.mse_loss, "mae": F.l1_loss, "huber": F.smooth_l1_loss}


def point_loss(
    kind: Loss,
    values: Float[Tensor, "batch horizon target"],
    target: Float[Tensor, "batch horizon target"],
    observed: Bool[Tensor, "batch horizon target"] | None,
) -> Float[Tensor, ""]:
    """Mean over the observed targets; zero when none was observed."""
    if observed is None:
        return _LOSSES[kind](values, target)
    each = _LOSSES[kind](values, target, reduction="none")
    return (each * observed).sum() / observed.sum().clamp(min=1)


def pinball_loss(
    quantiles: Float[Tensor, "batch horizon target quantile"],
    levels: Float[Tensor, "quantile"],
    target: Float[Tensor, "batch horizon target"],
    observed: Bool[Tensor, "batch horizon target"] | None,
) -> Float[Tensor, ""]:
    """Koenker and Bassett (1978): τ·u above the quantile, (τ - 1)·u below it, with u = y - q.

    Mean over the levels and the observed targets; zero when none was observed.
    """
    above = target[..., None] - quantiles
    each = torch.maximum(levels * above, (levels - 1) * above).mean(-1)
    if observed is None:
        return each.mean()
    return (each * observed).sum() / observed.sum().clamp(min=1)
