"""Patches of the look-back at several resolutions, one token for each patch of the finest (MTST, TimeMixer and kin).

Coarser copies are means of `scale` steps. They are padded before the look-back, so that the newest steps are whole
means, and each patch of the finest is met by the coarser patch that ends with it (`layers.patching.aligned`).
"""

from typing import Annotated, Any, ClassVar, Literal

import torch
import torch.nn.functional as F
from jaxtyping import Float
from pydantic import BeforeValidator, Field, field_validator
from torch import Tensor, nn

from latentcast.core.errors import SettingsError
from latentcast.core.settings import ReadWith
from latentcast.core.types import Batch, Steps, Task, Tokens
from latentcast.layers.dropout import Dropout
from latentcast.layers.patching import PatchEmbedding, aligned, num_patches, observed_patches
from latentcast.layers.view_fusion import Fuse, FuseAt, Fusion, Unfused
from latentcast.models.representations.patch import PatchSettings

Scales = Annotated[
    tuple[Annotated[int, Field(ge=1)], ...],
    BeforeValidator(lambda value: (value,) if isinstance(value, int) else value),
]
SHORTEST, CLOSEST = 4, 2  # patch and stride of a coarser copy, in its own steps


class MultiScaleSettings(PatchSettings):
    """length, stride, width, kernel, position, dropout   as of `patch`, at scale 1

    scales         how many steps one step of each copy stands for; the low-memory choice is 1, 2
    patches        same-span: coarser patches cover about the same time in fewer steps; same-length: as many steps, so
                   that they see further back
    fusion         gate, concat, sum, mean or attention (layers.view_fusion), which has `fusion_heads`
    fuse_at        patches, or llm: each scale is reprogrammed by itself, and they are fused at the width of the
                   language model (backbone frozen_llm)
    """

    scales: Scales = (1, 2, 4)
    patches: Literal["same-span", "same-length"] = "same-span"
    fusion: Fusion = "gate"
    fusion_heads: Annotated[int, Field(ge=1)] = 4
    read_with: ClassVar[ReadWith] = {"fusion_heads": ("fusion", ("attention",))}
    fuse_at: FuseAt = "patches"

    @field_validator("scales")
    @classmethod
    def _apart(cls, scales: tuple[int, ...]) -> tuple[int, ...]:
        if not scales or len(set(scales)) < len(scales):
            raise ValueError("wanted one scale or more, each once")
        return tuple(sorted(scales))


class MultiScale(nn.Module):
    """Each channel becomes a series of its own; each patch of its finest copy one token.

    Raises SettingsError when a patch at some scale is longer than the padded look-back.
    """

    Settings = MultiScaleSettings
    folds_channels = True
    uses_known = False
    query_tokens = 0

    def __init__(self, settings: MultiScaleSettings, task: Task) -> None:
        super().__init__()
        s = self.settings = settings
        apart = s.fuse_at == "llm" and len(s.scales) > 1
        self.unfused = Unfused(s.fusion, s.fusion_heads, self._names(s)) if apart else None
        self.width = s.width * len(s.scales) if apart else s.width
        self.sizes = tuple(_patch(s, scale) for scale in s.scales)  # length and stride at each
        faults = [
            f"scales={list(s.scales)}: at scale {scale} a patch of {length} × {scale} steps does not fit into a"
            f" look-back of {task.lookback} steps (+ {stride * scale} of padding): leave the scale out, or shorten"
            " model.representation.length"
            for scale, (length, stride) in zip(s.scales, self.sizes, strict=True)
            if length * scale > task.lookback + stride * scale
        ]
        if faults:
            raise SettingsError(faults)
        self.embed = nn.ModuleList(PatchEmbedding(*size, s.width, s.kernel, s.ends) for size in self.sizes)
        several = len(s.scales) > 1 and not apart
        self.fuse = Fuse(s.fusion, len(s.scales), s.width, s.fusion_heads, self._names(s)) if several else None
        tokens = self.num_tokens(task.lookback)
        self.position = nn.Parameter(torch.randn(tokens, self.width) * 0.02) if s.position else None
        self.dropout = Dropout(s.dropout)

    @staticmethod
    def _names(s: MultiScaleSettings) -> tuple[str, ...]:
        return tuple(f"{scale} step{'' if scale == 1 else 's'}" for scale in s.scales)

    def facts(self, task: Task) -> dict[str, Any]:
        each = zip(self.settings.scales, self.sizes, strict=True)
        return {
            "scales": self.settings.scales,
            "patches at each": ", ".join(f"{length} × {scale} steps" for scale, (length, _) in each),
            "patches are apart": Steps(self.settings.stride * self.settings.scales[0]),
            "patches of the look-back": self.num_tokens(task.lookback),
        }

    def num_tokens(self, time: int) -> int:
        return num_patches(-(-time // self.settings.scales[0]), *self.sizes[0])

    def forward(self, batch: Batch) -> Tokens:
        series = batch.past.transpose(1, 2).flatten(0, 1)
        views: list[Tensor] = []
        finest: Tensor | None = None
        for scale, embed in zip(self.settings.scales, self.embed, strict=True):
            assert isinstance(embed, PatchEmbedding)
            coarse = coarser(series, scale)
            view, ends = embed(coarse), embed.ends(coarse.shape[1], scale)
            if finest is None:
                finest = ends
            elif torch.compiler.is_exporting() or not torch.equal(ends, finest):
                view = view.index_select(1, aligned(finest, ends).to(view.device))
            views.append(view)
        tokens = torch.cat(views, 2) if self.fuse is None else self.fuse(tuple(views))
        if self.position is not None:
            tokens = tokens + self.position
        keep = observed_patches(batch.observed, *self.sizes[0], self.settings.scales[0])
        return Tokens(self.dropout(tokens), keep)


def coarser(x: Float[Tensor, "series time"], scale: int) -> Float[Tensor, "series fewer"]:
    """Means of `scale` steps, the newest steps in the last; the oldest value is repeated where some are missing."""
    if scale == 1:
        return x
    whole = F.pad(x[:, None], (-x.shape[1] % scale, 0), mode="replicate")
    return F.avg_pool1d(whole, scale)[:, 0]


def _patch(s: MultiScaleSettings, scale: int) -> tuple[int, int]:
    if scale == 1 or s.patches == "same-length":
        return s.length, s.stride
    return max(s.length // scale, SHORTEST), max(s.stride // scale, CLOSEST)
