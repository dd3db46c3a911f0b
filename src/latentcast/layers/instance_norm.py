"""Instance normalisation: scale windows and channels by their look-back (RevIN, Kim et al. 2022, without affine)."""

from typing import Annotated

import torch
from jaxtyping import Bool, Float
from pydantic import Field
from torch import Tensor

from latentcast.core.types import Batch, Scale

EPSILON = 1e-5
Share = Annotated[float, Field(gt=0, le=1)]


def window_scale(
    past: Float[Tensor, "batch time channel"], observed: Bool[Tensor, "batch time channel"] | None = None
) -> Scale:
    """Return mean and standard deviation of the observed part of each look-back; a constant one gets a small positive
    scale."""
    if observed is None:
        loc = past.mean(1, keepdim=True)
        variance = past.var(1, keepdim=True, unbiased=False)  # bit-equal to published code, because prompts contain it
    else:
        count = observed.sum(1, keepdim=True).clamp(min=1)
        loc = (past * observed).sum(1, keepdim=True) / count
        variance = ((past - loc).square() * observed).sum(1, keepdim=True) / count
    return Scale(loc, (variance + EPSILON).sqrt())


def scale_of(batch: Batch, normalise: bool, trailing: float | None = None) -> Scale:
    """Return the scale of a batch with instance normalisation, or the identity.

    With `trailing` the location is the mean of only that last share of the look-back: the newest level.
    """
    if not normalise:
        return no_scale(batch.past)
    scale = window_scale(batch.past, batch.observed) if batch.observed is not None else _whole_scale(batch.past)
    return scale if trailing is None else Scale(_newest_level(batch, scale.loc, trailing), scale.scale)


def _whole_scale(past: Tensor) -> Scale:
    """`window_scale` of complete look-backs but for rounding, in an eighth of the time that torch's variance takes."""
    loc = past.mean(1, keepdim=True)
    centred = past - loc
    rounding = centred.mean(1, keepdim=True)  # of the mean: it would look like a deviation of a constant
    variance = centred.square().mean(1, keepdim=True) - rounding.square()
    return Scale(loc, (variance.clamp(min=0) + EPSILON).sqrt())


def _newest_level(batch: Batch, whole: Tensor, trailing: float) -> Float[Tensor, "batch 1 channel"]:
    """Mean of the last observed values; that of the whole look-back where the last share has none."""
    steps = max(1, round(trailing * batch.past.shape[1]))
    past = batch.past[:, -steps:]
    if batch.observed is None:
        return past.mean(1, keepdim=True)
    seen = batch.observed[:, -steps:]
    count = seen.sum(1, keepdim=True)
    return torch.where(count > 0, (past * seen).sum(1, keepdim=True) / count.clamp(min=1), whole)


def no_scale(past: Float[Tensor, "batch time channel"]) -> Scale:
    zero = torch.zeros_like(past[:, :1])
    return Scale(zero, torch.ones_like(zero))
