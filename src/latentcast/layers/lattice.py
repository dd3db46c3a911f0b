"""Orthogonal wavelets as angles: perfect reconstruction whatever the angles are (Vaidyanathan 1993, chapter 6).

Two filters of 2N taps are N rotations with delays of two steps between them. The angles of all orthogonal wavelets sum
to a quarter of π: then the low-pass filter keeps a constant, and the high-pass filter does not see it. So one of N
angles follows from the others.
"""

import math

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from latentcast.core.errors import Fault, SettingsError

CLOSE = 1e-6  # between a wavelet's filters and those of its angles


def lattice_filters(free: Float[Tensor, " angles"]) -> tuple[Float[Tensor, " taps"], Float[Tensor, " taps"]]:
    """Low-pass and high-pass filter of all angles but the last: two taps more than twice their number."""
    angles = torch.cat([free, (math.pi / 4 - free.sum()).reshape(1)])
    cos, sin = angles.cos(), angles.sin()
    low, high = torch.stack([cos[0], sin[0]]), torch.stack([-sin[0], cos[0]])
    for c, s in zip(cos[1:], sin[1:], strict=True):
        before, after = F.pad(low, (0, 2)), F.pad(high, (2, 0))
        low, high = c * before + s * after, c * after - s * before
    return low, high


def lattice_angles(low: Float[Tensor, " taps"], high: Float[Tensor, " taps"], wavelet: str) -> Float[Tensor, " angles"]:
    """All angles but the last of an orthogonal wavelet's filters.

    Raises SettingsError for filters that are not those of an orthogonal wavelet, for long ones, whose outer taps are
    too small to find angles by, and for those of two taps, which leave nothing to learn.
    """
    if len(low) == 2:
        raise SettingsError(Fault("wavelet", f"={wavelet}: two taps leave no angle free; choose a longer one, as db4"))
    h, g = low.double(), high.double()
    angles = []
    for _ in range(len(low) // 2 - 1):
        angle = torch.atan2(h[-1], g[-1])
        c, s = angle.cos(), angle.sin()
        h, g = (c * h - s * g)[:-2], (s * h + c * g)[2:]
        angles.append(angle)
    first = torch.atan2(h[1], h[0])
    free = torch.stack([first, *reversed(angles)])[:-1].to(low.dtype)
    if max((made - own).abs().max() for made, own in zip(lattice_filters(free), (low, high), strict=True)) > CLOSE:
        why = f"={wavelet}: only orthogonal wavelets of few taps are angles; choose one, as db4, or learn_as=free"
        raise SettingsError(Fault("wavelet", why))
    return free
