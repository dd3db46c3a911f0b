"""Similarity of channels by their amplitude spectra, in a learned metric (DUET, Qiu et al. 2025, section 3.4)."""

import torch
from jaxtyping import Float
from torch import Tensor, nn

TINY = 1e-6


class SpectralSimilarity(nn.Module):
    """Log-similarity of the channels of each window: 0 on the diagonal, below 0 elsewhere.

    The distance of two spectra is that of a learned linear map of them, and the similarity falls with it from 1 to 0.
    The published code draws a hard mask from it; here its logarithm is added to the scores of attention, so that
    forecasts are deterministic and the metric has a gradient everywhere.
    """

    def __init__(self, lookback: int) -> None:
        super().__init__()
        self.frequencies = lookback // 2
        self.metric = nn.Parameter(torch.eye(self.frequencies))

    def forward(self, windows: Float[Tensor, "batch channel time"]) -> Float[Tensor, "batch channel channel"]:
        amplitudes = torch.fft.rfft(windows.float()).abs()[..., 1 : self.frequencies + 1]
        amplitudes = amplitudes / (amplitudes.square().sum(-1, keepdim=True) + TINY).sqrt()
        mapped = amplitudes @ self.metric
        squared = (mapped[:, :, None] - mapped[:, None]).square().sum(-1)
        return -squared.to(windows.dtype)
