"""Moving average with the ends repeated (Autoformer, Wu et al. 2021; DLinear, Zeng et al. 2023)."""

import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor


def moving_average(x: Float[Tensor, "rows time"], kernel: int) -> Float[Tensor, "rows time"]:
    """Centred mean of `kernel` (odd) steps; the first and the last value stand in for what lies outside."""
    half = kernel // 2
    return F.avg_pool1d(F.pad(x.unsqueeze(1), (half, half), mode="replicate"), kernel, stride=1).squeeze(1)


def moving_average_adjoint(w: Float[Tensor, "rows time"], kernel: int) -> Float[Tensor, "rows time"]:
    """w ↦ w·A for the matrix A of `moving_average`, without building A: (w·A)·x = w·(A·x)."""
    half = kernel // 2
    sums = F.pad(w, (2 * half + 1, 2 * half)).cumsum(1)  # differences of running sums: fewer passes than pooling
    spread = (sums[:, kernel:] - sums[:, :-kernel]) / kernel
    inner = spread[:, half : spread.shape[1] - half].clone()
    inner[:, 0] += spread[:, :half].sum(1)  # what falls outside belongs to the repeated ends
    inner[:, -1] += spread[:, spread.shape[1] - half :].sum(1)
    return inner
