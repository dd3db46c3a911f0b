"""Rotary positions: queries and keys turned by an angle that grows with their place (Su et al. 2021)."""

import torch
from jaxtyping import Float
from torch import Tensor


def rotate(x: Float[Tensor, "series heads tokens size"], at: int) -> Float[Tensor, "series heads tokens size"]:
    """The first token stands at place `at`. Pairs are a number and the one half the head's size further on."""
    half = x.shape[-1] // 2
    rate = 10_000.0 ** (-torch.arange(half, device=x.device, dtype=torch.float32) / half)
    angle = torch.arange(at, at + x.shape[-2], device=x.device, dtype=torch.float32)[:, None] * rate
    cos, sin = angle.cos().to(x.dtype), angle.sin().to(x.dtype)
    first, second = x[..., :half], x[..., half : 2 * half]
    return torch.cat([first * cos - second * sin, first * sin + second * cos, x[..., 2 * half :]], dim=-1)
