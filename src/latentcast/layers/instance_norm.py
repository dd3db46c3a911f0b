"""Instance normalisation: scale windows and channels by their look-back (RevIN, Kim et al. 2022, without affine)."""

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from latentcast.core.types import Batch, Scale

EPSILON = 1e-5


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


def scale_of(batch: Batch, normalise: bool) -> Scale:
    """Return the scale of a batch with instance normalisation, or the identity."""
    return window_scale(batch.past, batch.observed) if normalise else no_scale(batch.past)


def no_scale(past: Float[Tensor, "batch time channel"]) -> Scale:
    zero = torch.zeros_like(past[:, :1])
    return Scale(zero, torch.ones_like(zero))
