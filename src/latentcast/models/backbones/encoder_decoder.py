"""Transformer encoder over the tokens, decoder over the queries, in one pass (Vaswani et al. 2017)."""

from typing import Annotated

import torch
from pydantic import Field
from torch import nn

from latentcast.core.protocols import Representation, num_answers
from latentcast.core.settings import Settings
from latentcast.core.types import Task, Tokens
from latentcast.layers.transformer import DecoderLayer, Encoder, Norm


class EncoderDecoderSettings(Settings):
    """attention_dropout, on the weights, disables the fused kernel on a CPU."""

    encoder_layers: Annotated[int, Field(ge=1)] = 2
    decoder_layers: Annotated[int, Field(ge=1)] = 1
    heads: Annotated[int, Field(ge=1)] = 8
    ff: Annotated[int, Field(ge=1)] = 2048
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.1
    attention_dropout: Annotated[float, Field(ge=0, lt=1)] = 0.0
    norm: Norm = "post"


class EncoderDecoder(nn.Module):
    """Encoder-decoder; without queries of the representation, it learns as many as there are tokens.

    Raises SettingsError when heads do not divide the width.
    """

    Settings = EncoderDecoderSettings

    def __init__(self, settings: EncoderDecoderSettings, task: Task, representation: Representation) -> None:
        super().__init__()
        s = settings
        width = self.width = representation.width
        self.encoder = Encoder(s.encoder_layers, width, s.heads, s.ff, s.dropout, s.norm, s.attention_dropout)
        self.decoder = nn.ModuleList(
            DecoderLayer(width, s.heads, s.ff, s.dropout, s.attention_dropout, causal=False)
            for _ in range(s.decoder_layers)
        )
        learned = 0 if representation.query_tokens else num_answers(representation, task)
        self.query = nn.Parameter(torch.randn(learned, width) * 0.02) if learned else None

    def forward(self, tokens: Tokens) -> Tokens:
        memory = self.encoder(tokens.values, tokens.keep)
        query = tokens.query if self.query is None else self.query.expand(memory.shape[0], -1, -1)
        for layer in self.decoder:
            query = layer(query, memory, tokens.keep)
        assert query is not None
        return Tokens(query, skips=tokens.skips, penalty=tokens.penalty)
