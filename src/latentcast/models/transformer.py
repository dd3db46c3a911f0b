"""The Transformer on single time steps (Vaswani et al. 2017, in the form of Informer, Zhou et al. 2021).

The comparator of every model that shortens the sequence: encoder over the look-back, decoder over the last
`label_len` known steps and the horizon, in one pass.
"""

from typing import Annotated, Literal

import torch
from jaxtyping import Float
from pydantic import Field
from torch import Tensor, nn

from latentcast.config import Settings
from latentcast.errors import SettingsError
from latentcast.layers.dropout import Dropout
from latentcast.layers.losses import Loss, PointLoss
from latentcast.layers.scaling import no_scale, window_scale
from latentcast.layers.transformer import DecoderLayer, Encoder, sinusoids
from latentcast.types import Batch, Prediction, Task


class TransformerSettings(Settings):
    """label_len: known steps before the horizon that the decoder starts from; half the look-back by default.

    attention_dropout: on the attention's weights, as `dropout` when not stated; 0 takes the fused kernel on a CPU.
    """

    label_len: Annotated[int, Field(ge=0)] | None = None
    width: Annotated[int, Field(ge=2)] = 512
    heads: Annotated[int, Field(ge=1)] = 8
    ff: Annotated[int, Field(ge=1)] = 2048
    encoder_layers: Annotated[int, Field(ge=1)] = 2
    decoder_layers: Annotated[int, Field(ge=1)] = 1
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.1
    attention_dropout: Annotated[float, Field(ge=0, lt=1)] | None = None
    calendar: bool = True
    normalise: bool = False
    loss: Loss = "mse"


class Transformer(nn.Module):
    """Raises SettingsError when label_len exceeds the look-back or heads do not divide the width."""

    Settings = TransformerSettings
    mixes_channels = True

    def __init__(self, settings: TransformerSettings, task: Task) -> None:
        super().__init__()
        s = self.settings = settings
        self.point_loss = PointLoss(s.loss, task)
        self.horizon = task.horizon
        self.label = task.lookback // 2 if s.label_len is None else s.label_len
        if self.label > task.lookback:
            raise SettingsError(f"model.label_len={self.label} is longer than the look-back {task.lookback}")
        self.uses_known = s.calendar and task.known > 0
        known = task.known if self.uses_known else 0
        longest = max(task.lookback, self.label + task.horizon)
        self.embed_past = Embedding(task.channels, known, s.width, s.dropout, longest)
        self.embed_future = Embedding(task.channels, known, s.width, s.dropout, longest)
        on_weights = s.dropout if s.attention_dropout is None else s.attention_dropout
        self.encoder = Encoder(s.encoder_layers, s.width, s.heads, s.ff, s.dropout, "post", on_weights)
        self.decoder = nn.ModuleList(
            DecoderLayer(s.width, s.heads, s.ff, s.dropout, on_weights) for _ in range(s.decoder_layers)
        )
        self.project = nn.Linear(s.width, task.channels)

    def forward(self, batch: Batch) -> Prediction:
        scale = window_scale(batch.past, batch.observed) if self.settings.normalise else no_scale(batch.past)
        past = scale.apply(batch.past)
        memory = self.encoder(self.embed_past(past, batch.past_known))
        x = self.embed_future(*self._decoder_input(past, batch))
        for layer in self.decoder:
            x = layer(x, memory)
        return Prediction(scale.invert(self.project(x[:, -self.horizon :])))

    def _decoder_input(self, past: Tensor, batch: Batch) -> tuple[Tensor, Tensor | None]:
        """The last known steps, then zeros; and what is known in advance of both."""
        start = past.shape[1] - self.label
        unknown = past.new_zeros(len(past), self.horizon, past.shape[2])
        values = torch.cat([past[:, start:], unknown], dim=1)
        if not self.uses_known:
            return values, None
        assert batch.past_known is not None
        assert batch.future_known is not None
        return values, torch.cat([batch.past_known[:, start:], batch.future_known], dim=1)

    def loss(self, prediction: Prediction, batch: Batch) -> Float[Tensor, ""]:
        return self.point_loss(prediction.values, batch)


class Embedding(nn.Module):
    """Values (convolution over three steps), position up to the `longest` (None: no position) and what is known in
    advance, summed."""

    def __init__(
        self,
        channels: int,
        known: int,
        width: int,
        dropout: float,
        longest: int | None,
        padding: Literal["zeros", "circular"] = "zeros",
    ) -> None:
        super().__init__()
        self.values = nn.Conv1d(channels, width, kernel_size=3, padding=1, padding_mode=padding, bias=False)
        self.known = nn.Linear(known, width, bias=False) if known else None
        position = None if longest is None else sinusoids(longest, width)
        self.register_buffer("position", position, persistent=False)
        self.dropout = Dropout(dropout)

    def forward(
        self, x: Float[Tensor, "batch steps channel"], known: Float[Tensor, "batch steps known"] | None
    ) -> Float[Tensor, "batch steps width"]:
        embedded = self.values(x.transpose(1, 2)).transpose(1, 2)
        if isinstance(self.position, Tensor):
            embedded = embedded + self.position[: x.shape[1]]
        if self.known is not None:
            embedded = embedded + self.known(known)
        return self.dropout(embedded)
