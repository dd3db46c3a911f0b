"""Cut a series into overlapping patches."""

from typing import Literal

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

Ends = Literal["repeat", "circular"]


def num_patches(time: int, length: int, stride: int) -> int:
    """Return the number of patches after padding the end by one stride (PatchTST, Nie et al. 2023, section 3.1)."""
    return (time + stride - length) // stride + 1


def patch(x: Float[Tensor, "series time"], length: int, stride: int) -> Float[Tensor, "series tokens length"]:
    """Cut patches after repeating the last value `stride` times, so that a patch always holds the newest step."""
    return F.pad(x.unsqueeze(1), (0, stride), mode="replicate").squeeze(1).unfold(-1, length, stride)


def observed_patches(
    observed: Bool[Tensor, "batch time channel"] | None, length: int, stride: int, step: int = 1
) -> Bool[Tensor, "series tokens"] | None:
    """Return a mask that is False at patches without an observed value; a series without any keeps all.

    `step` is the number of original steps behind one value of the patched copy (`PatchEmbedding.ends`). None without
    gaps.
    """
    if observed is None:
        return None
    seen = observed.transpose(1, 2).flatten(0, 1).float()
    if step > 1:
        seen = F.max_pool1d(F.pad(seen[:, None], (-seen.shape[1] % step, 0)), step)[:, 0]
    keep = patch(seen, length, stride).any(2)
    return keep | ~keep.any(1, keepdim=True)


def with_neighbours(
    patches: Float[Tensor, "series tokens length"], kernel: int, ends: Ends = "repeat"
) -> Float[Tensor, "series tokens more"]:
    """Join each patch with its neighbours, `kernel` patches in all.

    Beyond the ends the first and the last patch are repeated, or (`circular`) those of the other end.
    """
    reach, tokens = kernel // 2, patches.shape[1]
    if reach == 0:
        return patches
    if ends == "circular":
        places = torch.arange(tokens, device=patches.device)[:, None]
        near = torch.arange(-reach, reach + 1, device=patches.device)
        return patches[:, (places + near) % tokens].flatten(2)
    padded = F.pad(patches.transpose(1, 2), (reach, reach), mode="replicate")
    return padded.unfold(2, kernel, 1).permute(0, 2, 3, 1).flatten(2)


class PatchEmbedding(nn.Module):
    """Patches of one length and stride, each embedded linearly with its neighbours."""

    def __init__(self, length: int, stride: int, width: int, kernel: int = 1, beyond: Ends = "repeat") -> None:
        super().__init__()
        self.length, self.stride, self.kernel, self.beyond = length, stride, kernel, beyond
        self.linear = nn.Linear(length * kernel, width)

    def forward(self, x: Float[Tensor, "series time"]) -> Float[Tensor, "series tokens width"]:
        return self.linear(with_neighbours(patch(x, self.length, self.stride), self.kernel, self.beyond))

    def ends(self, time: int, step: int = 1) -> Int[Tensor, " tokens"]:
        """Return where each patch ends, in original steps; the newest step is 0.

        `step` is the number of original steps behind one value of `x`, a coarser copy whose newest value covers the
        newest steps.
        """
        tokens = torch.arange(num_patches(time, self.length, self.stride))
        return (tokens * self.stride + self.length - time) * step


def aligned(fine: Int[Tensor, " tokens"], coarse: Int[Tensor, " other"]) -> Int[Tensor, " tokens"]:
    """Return for each patch the coarser patch at the same place: the first that ends no earlier, or the last.

    So the newest patch is always paired with a patch that holds the newest values.
    """
    # counted, as searchsorted has no counterpart in ONNX
    return (coarse < fine[:, None]).sum(1).clamp(max=len(coarse) - 1)
