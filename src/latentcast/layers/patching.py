"""Cutting a series into overlapping patches."""

import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor


def num_patches(time: int, length: int, stride: int) -> int:
    """Number of patches after the end was padded by one stride (PatchTST, Nie et al. 2023, section 3.1)."""
    return (time + stride - length) // stride + 1


def patch(x: Float[Tensor, "series time"], length: int, stride: int) -> Float[Tensor, "series tokens length"]:
    """Patches of the series with its last value repeated `stride` times, so that the newest step always counts."""
    return F.pad(x.unsqueeze(1), (0, stride), mode="replicate").squeeze(1).unfold(-1, length, stride)
