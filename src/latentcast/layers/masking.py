"""Hiding values at random, to learn from what is left; and the plain way to fill them."""

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float
from torch import Tensor


def visible(
    like: Tensor, share: float, block: int = 1, generator: torch.Generator | None = None
) -> Bool[Tensor, "batch time channel"]:
    """False at a share of the places of `like` [batch, time, channel], in stretches of at least `block` steps.

    Every stretch begins at a place of its own, so that each value is hidden with the same probability.
    """
    batch, time, channels = like.shape
    begins = 1 - (1 - share) ** (1 / block)  # a step is visible when none of the last `block` steps began a stretch
    start = torch.rand(batch, channels, time + block - 1, generator=generator, device=like.device) < begins
    hidden = F.max_pool1d(start.float(), block, stride=1) > 0
    return ~hidden.transpose(1, 2)


def interpolated(
    x: Float[Tensor, "batch time channel"], known: Bool[Tensor, "batch time channel"]
) -> Float[Tensor, "batch time channel"]:
    """Linear between the known neighbours, constant beyond the first and the last, 0 where a channel has none."""
    time = x.shape[1]
    steps = torch.arange(time, device=x.device)[None, :, None].expand_as(x)
    before = torch.where(known, steps, -1).cummax(1).values
    after = torch.where(known, steps, time).flip(1).cummin(1).values.flip(1)
    left = torch.where(before < 0, after, before).clamp(max=time - 1)
    right = torch.where(after == time, before, after).clamp(min=0)
    weight = (steps - left) / (right - left).clamp(min=1)
    start = x.gather(1, left)
    return (start + weight * (x.gather(1, right) - start)) * known.any(1, keepdim=True)
