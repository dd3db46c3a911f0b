"""Linear layers whose weights and inputs are rounded to 8 bits, for passes that need no gradient."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

LARGEST = 127
SMALLEST = 1e-30  # of a row: rows of zeros stay zeros


class RoundedLinear(nn.Module):
    """x · weightᵀ + bias with each row of `weight` [out, in] and of x in 255 even steps of its own.

    Products and sums of the steps are exact on a CPU. A row of x does not depend on the other rows. Raises RuntimeError
    where a gradient is wanted.
    """

    def __init__(self, weight: Tensor, bias: Tensor | None) -> None:
        super().__init__()
        steps, scale = rounded(weight.detach())
        self.steps: Tensor
        self.scale: Tensor
        self.bias: Tensor | None
        self.register_buffer("steps", steps)
        self.register_buffer("scale", scale[:, 0])
        self.register_buffer("bias", None if bias is None else bias.detach())

    def forward(self, x: Tensor) -> Tensor:
        if torch.is_grad_enabled() and x.requires_grad:
            raise RuntimeError("layers in 8 bits have no gradient")
        steps, scale = rounded(x.reshape(-1, x.shape[-1]))
        if x.is_cpu and len(steps):
            found = torch._int_mm(steps, self.steps.T).float()
        else:
            found = F.linear(steps.float(), self.steps.float())
        found = found.mul_(scale).mul_(self.scale)
        if self.bias is not None:
            found += self.bias
        return found.to(x.dtype).view(*x.shape[:-1], len(self.scale))


def rounded(x: Tensor) -> tuple[Tensor, Tensor]:
    """[rows, values] → whole numbers from -127 to 127, and the size of one step of each row, [rows, 1]."""
    x = x.float()
    scale = x.abs().amax(1, keepdim=True).clamp(min=SMALLEST) / LARGEST
    return (x / scale).round_().to(torch.int8), scale


__all__ = ["RoundedLinear", "rounded"]
