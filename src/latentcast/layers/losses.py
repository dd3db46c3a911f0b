"""Losses of point forecasts and of quantiles."""

import math
from itertools import pairwise
from typing import Annotated, Literal

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float
from pydantic import AfterValidator
from torch import Tensor

from latentcast.core.types import Batch, Task

Loss = Literal["mse", "mae", "huber", "smape", "mape", "mase", "arctangent"]
IN_UNITS = ("smape", "mape")  # defined only in original units
_LOSSES = {"mse": F.mse_loss, "mae": F.l1_loss, "huber": F.smooth_l1_loss}


def _levels(levels: tuple[float, ...]) -> tuple[float, ...]:
    if not all(0 < level < 1 for level in levels):
        raise ValueError("levels of quantiles lie between 0 and 1, as 0.1,0.5,0.9")
    if not all(lower < higher for lower, higher in pairwise(levels)):
        raise ValueError("levels of quantiles ascend, each once")
    if 0.5 not in levels:
        raise ValueError("the median, 0.5, must be among them: it is the point forecast")
    return levels


Levels = Annotated[tuple[float, ...], AfterValidator(_levels)]  # of quantiles


class PointLoss:
    """A loss of point forecasts, chosen by name: the mean over observed targets, zero without one.

    smape  2|y - ŷ| / (|y| + |ŷ|), 0 where both are zero      mape  |y - ŷ| / |y|; targets of zero are left out
    mase   |y - ŷ| over the mean absolute seasonal difference of the window's own look-back; windows without any
    difference are left out. A look-back no longer than the season uses differences of single steps.
    arctangent  |y - ŷ| weighted by 1 + π/4 - arctan(h) at h steps ahead (xPatch, Stitsyuk and Choi 2025): near steps,
    which are more predictable, weigh up to four times as much as far ones
    """

    def __init__(self, kind: Loss, task: Task) -> None:
        self.kind: Loss = kind
        self.season = task.season if task.season < task.lookback else 1
        self.targets = task.targets

    def __call__(self, values: Float[Tensor, "batch horizon target"], batch: Batch) -> Float[Tensor, ""]:
        assert batch.target is not None
        target, observed = batch.target, batch.target_observed
        if self.kind in _LOSSES:
            return point_loss(self.kind, values, target, observed)
        error = (values - target).abs()
        if self.kind == "arctangent":
            weighted = error * step_weights(error.shape[1]).to(error)[:, None]
            return weighted.mean() if observed is None else (weighted * observed).sum() / observed.sum().clamp(min=1)
        if self.kind == "smape":
            size = (target.abs() + values.abs()) / 2
        elif self.kind == "mape":
            size = target.abs().expand_as(error)
        else:
            size = self.seasonal(batch).expand_as(error)
        counts = size > 0 if self.kind != "smape" else torch.ones_like(size, dtype=torch.bool)
        if observed is not None:
            counts = counts & observed
        share = torch.where(counts, error / torch.where(size > 0, size, 1), 0)
        return share.sum() / counts.sum().clamp(min=1)

    def seasonal(self, batch: Batch) -> Float[Tensor, "batch 1 target"]:
        """Mean of |x[t] - x[t - season]| over observed pairs of the look-back; 0 without one."""
        assert batch.target is not None
        every = batch.target.shape[2] == batch.past.shape[2]
        chosen = slice(None) if every else list(self.targets)
        past = batch.past[..., chosen]
        step = (past[:, self.season :] - past[:, : -self.season]).abs()
        if batch.observed is None:
            return step.mean(1, keepdim=True)
        seen = batch.observed[..., chosen]
        both = seen[:, self.season :] & seen[:, : -self.season]
        return (step * both).sum(1, keepdim=True) / both.sum(1, keepdim=True).clamp(min=1)


def step_weights(horizon: int) -> Float[Tensor, "horizon"]:
    """1 + π/4 - arctan(h) for h = 1 … horizon: 1 at the next step, and towards .21 far ahead."""
    return 1 + math.pi / 4 - torch.arctan(torch.arange(1, horizon + 1, dtype=torch.float32))


def point_loss(
    kind: Loss,
    values: Float[Tensor, "batch horizon target"],
    target: Float[Tensor, "batch horizon target"],
    observed: Bool[Tensor, "batch horizon target"] | None,
) -> Float[Tensor, ""]:
    """Mean over the observed targets of mse, mae or huber, which need nothing else; zero when none was observed."""
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
