"""The Transformer on single time steps (Vaswani et al. 2017, in the form of Informer, Zhou et al. 2021).

The comparator of every model that shortens the sequence: encoder over the look-back, decoder over the last
`label_len` known steps and the horizon, in one pass.
"""

from typing import Annotated

import torch
from jaxtyping import Float
from pydantic import Field
from torch import Tensor, nn

from latentcast.core.types import Batch, Prediction, Task
from latentcast.layers.instance_norm import scale_of
from latentcast.layers.transformer import DecoderLayer, Encoder
from latentcast.models.standalone.encoder_decoder import Embedding, EncoderDecoder, EncoderDecoderSettings


class TransformerSettings(EncoderDecoderSettings):
    """attention_dropout: on the weights of attention, as `dropout` by default; 0 takes the fused kernel on a CPU."""

    width: Annotated[int, Field(ge=2)] = 512
    heads: Annotated[int, Field(ge=1)] = 8
    attention_dropout: Annotated[float, Field(ge=0, lt=1)] | None = None


class Transformer(EncoderDecoder):
    """Raises SettingsError when label_len exceeds the look-back or heads do not divide the width."""

    Settings = TransformerSettings

    def __init__(self, settings: TransformerSettings, task: Task) -> None:
        super().__init__(settings, task)
        s = settings
        longest = max(task.lookback, self.label + task.horizon)
        self.embed_past = Embedding(task.channels, self.known, s.width, s.dropout, longest)
        self.embed_future = Embedding(task.channels, self.known, s.width, s.dropout, longest)
        on_weights = s.dropout if s.attention_dropout is None else s.attention_dropout
        self.encoder = Encoder(s.encoder_layers, s.width, s.heads, s.ff, s.dropout, "post", on_weights)
        self.decoder = nn.ModuleList(
            DecoderLayer(s.width, s.heads, s.ff, s.dropout, on_weights) for _ in range(s.decoder_layers)
        )
        self.project = nn.Linear(s.width, task.channels)

    def forward(self, batch: Batch) -> Prediction:
        scale = scale_of(batch, self.normalise)
        past = scale.apply(batch.past)
        past_known, future_known = self.known_of(batch)
        memory = self.encoder(self.embed_past(past, past_known))
        x = self.embed_future(self._decoder_input(past), future_known)
        for layer in self.decoder:
            x = layer(x, memory)
        return Prediction(scale.invert(self.project(x[:, -self.horizon :])))

    def _decoder_input(self, past: Tensor) -> Float[Tensor, "batch steps channel"]:
        """The last known steps, then zeros."""
        unknown = past.new_zeros(past.shape[0], self.horizon, past.shape[2])
        return torch.cat([past[:, past.shape[1] - self.label :], unknown], dim=1)
