"""Hide values, to learn to reconstruct them or to judge a reconstruction."""

import torch
import torch.nn.functional as F
from jaxtyping import Bool
from torch import Tensor


def visible(
    like: Tensor, share: float, block: int = 1, generator: torch.Generator | None = None
) -> Bool[Tensor, "batch time channel"]:
    """Draw a mask that is False at a share of the places of `like` [batch, time, channel], in blocks of at least
    `block` steps.

    Blocks begin independently, so that each value is hidden with the same probability.
    """
    batch, time, channels = like.shape
    begins = 1 - (1 - share) ** (1 / block)  # a step is visible when none of the last `block` steps began a hidden
    # block
    start = torch.rand(batch, channels, time + block - 1, generator=generator, device=like.device) < begins
    hidden = F.max_pool1d(start.float(), block, stride=1) > 0
    return ~hidden.transpose(1, 2)


def visible_before(like: Tensor, share: float) -> Bool[Tensor, "batch time channel"]:
    """Return a mask that is False at the last `share` of the steps of `like` [batch, time, channel]; at least one, not
    all."""
    time = like.shape[1]
    shown = torch.ones_like(like, dtype=torch.bool)
    shown[:, min(max(time - round(share * time), 1), time - 1) :] = False
    return shown
