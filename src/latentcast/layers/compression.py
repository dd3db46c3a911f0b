"""Merge and unmerge time steps: three kinds, each with its inverse.

Every kind works on windows of `ratio` steps that do not overlap, so that each is a product over reshaped memory.
"""

from typing import Literal

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from latentcast.core.errors import Fault, SettingsError

Compression = Literal["conv", "pool", "attention"]


def pad_left(x: Float[Tensor, "series time width"], multiple: int) -> Float[Tensor, "series padded width"]:
    """Pad zeros before the first step to a multiple of the ratio: the newest steps keep their windows."""
    missing = -x.shape[1] % multiple
    return F.pad(x, (0, 0, missing, 0)) if missing else x


class ConvDown(nn.Module):
    """Convolution with kernel = stride = ratio, as one product over windows laid side by side."""

    def __init__(self, ratio: int, width_in: int, width_out: int) -> None:
        super().__init__()
        self.ratio = ratio
        self.merge = nn.Linear(ratio * width_in, width_out)

    def forward(self, x: Float[Tensor, "series time width"]) -> Float[Tensor, "series fewer out"]:
        return self.merge(x.reshape(x.shape[0], -1, self.ratio * x.shape[2]))


class ConvUp(nn.Module):
    """The transposed convolution: every step becomes `ratio` of them."""

    def __init__(self, ratio: int, width_in: int, width_out: int) -> None:
        super().__init__()
        self.width_out = width_out
        self.split = nn.Linear(width_in, ratio * width_out)

    def forward(self, x: Float[Tensor, "series fewer width"]) -> Float[Tensor, "series time out"]:
        return self.split(x).reshape(x.shape[0], -1, self.width_out)


class PoolDown(nn.Module):
    """Average of each window, then a pointwise projection: the fewest weights."""

    def __init__(self, ratio: int, width_in: int, width_out: int) -> None:
        super().__init__()
        self.ratio = ratio
        self.project = nn.Linear(width_in, width_out)

    def forward(self, x: Float[Tensor, "series time width"]) -> Float[Tensor, "series fewer out"]:
        return self.project(x.unflatten(1, (-1, self.ratio)).mean(2))


class PoolUp(nn.Module):
    """A pointwise projection, then every step repeated."""

    def __init__(self, ratio: int, width_in: int, width_out: int) -> None:
        super().__init__()
        self.ratio = ratio
        self.project = nn.Linear(width_in, width_out)

    def forward(self, x: Float[Tensor, "series fewer width"]) -> Float[Tensor, "series time out"]:
        return self.project(x).repeat_interleave(self.ratio, dim=1)


class AttentionDown(nn.Module):
    """Learned queries attend over the steps of their window.

    Each of `heads` queries makes its own share of the features.
    """

    def __init__(self, ratio: int, width_in: int, width_out: int, heads: int = 1) -> None:
        super().__init__()
        self.ratio, self.heads = ratio, heads
        self.value = nn.Linear(width_in, width_out)
        self.score = nn.Linear(width_in, heads, bias=False)  # key · query, both learned: one vector a head
        self.place = nn.Parameter(torch.zeros(ratio, heads) if heads > 1 else torch.zeros(ratio))

    def forward(self, x: Float[Tensor, "series time width"]) -> Float[Tensor, "series fewer out"]:
        windows = x.unflatten(1, (-1, self.ratio))
        if self.heads == 1:
            weights = (self.score(windows).squeeze(-1) + self.place).softmax(-1)
            # weighting first: the projection is linear, and then runs on one step of each window
            return self.value((weights.unsqueeze(2) @ windows).squeeze(2))
        weights = (self.score(windows) + self.place).softmax(2)
        mixed = weights.transpose(2, 3) @ windows  # [series, fewer, heads, width]
        maps = self.value.weight.unflatten(0, (self.heads, -1))
        return torch.einsum("sfhw,how->sfho", mixed, maps).flatten(2) + self.value.bias


class AttentionUp(nn.Module):
    """Each of the `ratio` steps attends, by queries of its own, over its latent step and both neighbours.

    Each of `heads` queries makes its own share of the features.
    """

    def __init__(self, ratio: int, width_in: int, width_out: int, heads: int = 1) -> None:
        super().__init__()
        self.ratio, self.heads = ratio, heads
        self.value = nn.Linear(width_in, width_out)
        self.score = nn.Linear(width_in, ratio * heads, bias=False)
        # its own step first
        self.place = nn.Parameter(torch.tensor([0.0, 2.0, 0.0]).repeat(ratio * heads, 1))

    def forward(self, x: Float[Tensor, "series fewer width"]) -> Float[Tensor, "series time out"]:
        scores = _neighbours(self.score(x)) + self.place.T  # [series, fewer, 3, ratio · heads]
        values = _neighbours(self.value(x))  # [series, fewer, 3, out]
        if self.heads == 1:
            return (scores.softmax(2).transpose(2, 3) @ values).flatten(1, 2)
        weights = scores.softmax(2).unflatten(3, (self.ratio, self.heads))
        parts = values.unflatten(3, (self.heads, -1))
        return torch.einsum("sfnrh,sfnho->sfrho", weights, parts).flatten(3).flatten(1, 2)


def _neighbours(x: Float[Tensor, "series fewer width"]) -> Float[Tensor, "series fewer 3 width"]:
    padded = F.pad(x.transpose(1, 2), (1, 1), mode="replicate").transpose(1, 2)
    return torch.stack([padded[:, :-2], padded[:, 1:-1], padded[:, 2:]], dim=2)


DOWN: dict[Compression, type[nn.Module]] = {"conv": ConvDown, "pool": PoolDown, "attention": AttentionDown}
UP: dict[Compression, type[nn.Module]] = {"conv": ConvUp, "pool": PoolUp, "attention": AttentionUp}


def merging(kind: Compression, ratio: int, width_in: int, width_out: int, heads: int = 1) -> nn.Module:
    """Build a stage that merges `ratio` steps. Raises SettingsError where the heads do not divide its width."""
    if kind != "attention":
        return DOWN[kind](ratio, width_in, width_out)
    if width_out % heads:
        raise SettingsError(Fault("heads", f"={heads}: they do not divide a stage's width of {width_out}"))
    return AttentionDown(ratio, width_in, width_out, heads)


def unmerging(kind: Compression, ratio: int, width_in: int, width_out: int, heads: int = 1) -> nn.Module:
    """Build the inverse stage; with one head where the heads do not divide its width, as in the last stage."""
    if kind != "attention":
        return UP[kind](ratio, width_in, width_out)
    return AttentionUp(ratio, width_in, width_out, 1 if width_out % heads else heads)


REACH: dict[Compression, int] = {"conv": 0, "pool": 0, "attention": 1}  # earlier steps an unmerged step comes from too
