"""One attention layer: the ablation that larger backbones must beat (PAttn, Tan et al. 2024)."""

from typing import Annotated

from pydantic import Field
from torch import nn

from latentcast.core.protocols import Representation
from latentcast.core.settings import Settings
from latentcast.core.types import Task, Tokens
from latentcast.layers.attention import Attention


class AttentionSettings(Settings):
    heads: Annotated[int, Field(ge=1)] = 8
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.0


class AttentionBackbone(nn.Module):
    """Self-attention, residual and LayerNorm. Raises SettingsError when heads do not divide the width."""

    Settings = AttentionSettings

    def __init__(self, settings: AttentionSettings, task: Task, representation: Representation) -> None:
        super().__init__()
        self.width = representation.width
        self.attention = Attention(self.width, settings.heads, settings.dropout)
        self.norm = nn.LayerNorm(self.width)

    def forward(self, tokens: Tokens) -> Tokens:
        whole = tokens.sequence()
        x = whole.values
        return tokens.answered(self.norm(x + self.attention(x, x, whole.keep)))
