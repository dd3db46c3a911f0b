"""Patches of one channel as tokens (PatchTST, Nie et al. 2023)."""

from typing import Annotated, Any, Literal

import torch
from pydantic import Field
from torch import nn

from latentcast.core.errors import SettingsError
from latentcast.core.settings import Settings
from latentcast.core.types import Batch, Steps, Task, Tokens
from latentcast.layers.dropout import Dropout
from latentcast.layers.patching import Ends, num_patches, observed_patches, patch, with_neighbours


class PatchSettings(Settings):
    """Patches and their embedding.

    kernel   neighbouring patches that are embedded together (Time-LLM: 3)
    ends     neighbours of the first and the last patch: repeat (themselves), or circular (the patch of the other end),
    as in the published code of Time-LLM, which mixes the newest patch with the oldest
    """

    length: Annotated[int, Field(ge=1)] = 16
    stride: Annotated[int, Field(ge=1)] = 8
    width: Annotated[int, Field(ge=1)] = 128
    kernel: Literal[1, 3, 5, 7] = 1
    ends: Ends = "repeat"
    position: bool = True
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.0


class Patch(nn.Module):
    """Each channel becomes a series of its own; each patch of it one token of `width` features.

    Patches without an observed value are masked. Raises SettingsError when the patch is longer than the padded
    look-back.
    """

    Settings = PatchSettings
    folds_channels = True
    uses_known = False
    query_tokens = 0

    def __init__(self, settings: PatchSettings, task: Task) -> None:
        super().__init__()
        self.length, self.stride, self.width = settings.length, settings.stride, settings.width
        tokens = self.num_tokens(task.lookback)
        if tokens < 1:
            raise SettingsError(
                f"a patch of {self.length} steps does not fit into a look-back of {task.lookback} steps"
                f" (+ {self.stride} of padding): shorten model.representation.length"
            )
        self.kernel, self.ends = settings.kernel, settings.ends
        self.embed = nn.Linear(self.length * settings.kernel, self.width)
        self.position = nn.Parameter(torch.randn(tokens, self.width) * 0.02) if settings.position else None
        self.dropout = Dropout(settings.dropout)

    def facts(self, task: Task) -> dict[str, Any]:
        return {
            "one patch covers": Steps(self.length),
            "patches are apart": Steps(self.stride),
            "patches of the look-back": self.num_tokens(task.lookback),
        }

    def num_tokens(self, time: int) -> int:
        return num_patches(time, self.length, self.stride)

    def forward(self, batch: Batch) -> Tokens:
        series = batch.past.transpose(1, 2).flatten(0, 1)
        patches = patch(series, self.length, self.stride)
        tokens = self.embed(with_neighbours(patches, self.kernel, self.ends))
        if self.position is not None:
            tokens = tokens + self.position
        return Tokens(self.dropout(tokens), observed_patches(batch.observed, self.length, self.stride))
