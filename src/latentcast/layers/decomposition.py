"""Moving average with the ends repeated (Autoformer, Wu et al. 2021; DLinear, Zeng et al. 2023)."""

from typing import Annotated

import torch
import torch.nn.functional as F
from jaxtyping import Float
from pydantic import AfterValidator, Field
from torch import Tensor, nn

BY_PRODUCT = 256


def _odd(kernel: int) -> int:
    if kernel % 2 == 0:
        raise ValueError(f"the moving average needs an odd number of steps, for example {kernel + 1}")
    return kernel


Kernel = Annotated[int, Field(ge=1), AfterValidator(_odd)]


def moving_average(x: Float[Tensor, "rows time"], kernel: int) -> Float[Tensor, "rows time"]:
    """Centred mean of `kernel` (odd) steps; the first and the last value are repeated outside the window."""
    half = kernel // 2
    return F.avg_pool1d(F.pad(x.unsqueeze(1), (half, half), mode="replicate"), kernel, stride=1).squeeze(1)


def moving_average_adjoint(w: Float[Tensor, "rows time"], kernel: int) -> Float[Tensor, "rows time"]:
    """w ↦ w·A for the matrix A of `moving_average`, without building A: (w·A)·x = w·(A·x)."""
    half = kernel // 2
    sums = F.pad(w, (2 * half + 1, 2 * half)).cumsum(1)  # differences of running sums: fewer passes than pooling
    spread = (sums[:, kernel:] - sums[:, :-kernel]) / kernel
    inner = spread[:, half : spread.shape[1] - half].clone()
    inner[:, 0] += spread[:, :half].sum(1)  # weights outside the window belong to the repeated ends
    inner[:, -1] += spread[:, spread.shape[1] - half :].sum(1)
    return inner


def exponential_average_matrix(length: int, rate: float) -> Float[Tensor, "time time"]:
    """The matrix A of the exponential average: (A·x)₀ = x₀ and (A·x)ₜ = rate · xₜ + (1 - rate) · (A·x)ₜ₋₁."""
    ages = (torch.arange(length)[:, None] - torch.arange(length)).double()
    weights = torch.where(ages >= 0, rate * (1 - rate) ** ages.clamp(min=0), 0.0)
    weights[:, 0] = (1 - rate) ** torch.arange(length).double()
    return weights.float()


class Decomposition(nn.Module):
    """Split a series of features into the remainder and its moving average (Wu et al. 2021, section 3.1).

    The remainder is a linear map of the steps. Up to `BY_PRODUCT` steps one matrix product is faster than pooling,
    which runs along another dimension than the features.
    """

    left: Tensor | None

    def __init__(self, kernel: int, length: int) -> None:
        super().__init__()
        self.kernel = kernel
        unit = torch.eye(length)
        left = unit - moving_average(unit, kernel).T if length <= BY_PRODUCT else None
        self.register_buffer("left", left, persistent=False)

    def forward(
        self, x: Float[Tensor, "series time width"]
    ) -> tuple[Float[Tensor, "series time width"], Float[Tensor, "series time width"]]:
        if self.left is not None:
            seasonal = self.left @ x
            return seasonal, x - seasonal
        rows = x.transpose(1, 2)
        trend = moving_average(rows.flatten(0, 1), self.kernel).view_as(rows).transpose(1, 2)
        return x - trend, trend
