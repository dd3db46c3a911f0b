"""Dropout that draws its mask eight elements at a time on the CPU."""

import torch
from torch import Tensor, nn

LEVELS = 256


class Dropout(nn.Module):
    """Zeroes each element with probability p and scales the rest to the same expectation.

    torch draws one random number per element, which on a CPU takes a third of a small Transformer's training step;
    here one 64-bit draw serves eight elements, about three times as fast. There p is rounded to a multiple of 1/256,
    and the scale follows the rounded value, so that the expectation is exact.
    """

    def __init__(self, p: float) -> None:
        super().__init__()
        self.p = p
        self.zeroed = min(round(p * LEVELS), LEVELS - 1)

    def forward(self, x: Tensor) -> Tensor:
        if not self.training or self.p == 0:
            return x
        if x.device.type != "cpu":
            return nn.functional.dropout(x, self.p)
        draws = torch.empty((x.numel() + 7) // 8, dtype=torch.int64).random_(-(2**63), None)
        kept = torch.empty(x.shape, dtype=x.dtype)  # written by the comparison itself, which halves its time
        torch.ge(draws.view(torch.uint8)[: x.numel()].view(x.shape), self.zeroed, out=kept)
        return x * kept.mul_(LEVELS / (LEVELS - self.zeroed))
