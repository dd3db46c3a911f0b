"""Transformer encoder over tokens."""

from typing import Annotated

from pydantic import Field
from torch import nn

from latentcast.core.protocols import Representation
from latentcast.core.settings import Settings
from latentcast.core.types import Task, Tokens
from latentcast.layers.transformer import Encoder, Norm


class EncoderSettings(Settings):
    layers: Annotated[int, Field(ge=1)] = 3
    heads: Annotated[int, Field(ge=1)] = 16
    ff: Annotated[int, Field(ge=1)] = 256
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.2
    attention_dropout: Annotated[float, Field(ge=0, lt=1)] = 0.0
    norm: Norm = "pre"


class EncoderBackbone(nn.Module):
    """Every token attends to every other of its series. Raises SettingsError when heads do not divide the width."""

    Settings = EncoderSettings

    def __init__(self, settings: EncoderSettings, task: Task, representation: Representation) -> None:
        super().__init__()
        self.width = representation.width
        s = settings
        self.encoder = Encoder(s.layers, self.width, s.heads, s.ff, s.dropout, s.norm, s.attention_dropout)

    def forward(self, tokens: Tokens) -> Tokens:
        whole = tokens.sequence()
        return tokens.answered(self.encoder(whole.values, whole.keep))
