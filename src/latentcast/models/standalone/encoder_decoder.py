"""Shared parts of encoder-decoder models: the decoder's input and the embedding of time steps."""

from dataclasses import replace
from typing import Annotated, Literal

import torch
from jaxtyping import Float
from pydantic import Field
from torch import Tensor, nn

from latentcast.core.capabilities import Capabilities
from latentcast.core.errors import Fault, SettingsError
from latentcast.core.settings import Settings
from latentcast.core.types import Batch, Prediction, Task
from latentcast.layers.dropout import Dropout
from latentcast.layers.losses import Loss, PointLoss
from latentcast.layers.transformer import sinusoids


class EncoderDecoderSettings(Settings):
    """label_len: known steps before the horizon that the decoder starts from; half the look-back by default.

    calendar: what is known in advance is read beside the values. normalise: instance normalisation (not in the
    published forms).
    """

    label_len: Annotated[int, Field(ge=0)] | None = None
    width: Annotated[int, Field(ge=1)] = 512
    ff: Annotated[int, Field(ge=1)] = 2048
    encoder_layers: Annotated[int, Field(ge=1)] = 2
    decoder_layers: Annotated[int, Field(ge=1)] = 1
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.1
    calendar: bool = True
    normalise: bool = False
    loss: Loss = "mse"


class EncoderDecoder(nn.Module):
    """Raises SettingsError when label_len exceeds the look-back."""

    capabilities = Capabilities(mixes_channels=True)

    def __init__(self, settings: EncoderDecoderSettings, task: Task) -> None:
        super().__init__()
        self.normalise, self.point_loss = settings.normalise, PointLoss(settings.loss, task)
        self.horizon = task.horizon
        self.label = task.lookback // 2 if settings.label_len is None else settings.label_len
        if self.label > task.lookback:
            raise SettingsError(Fault("model.label_len", f"={self.label} is longer than the look-back {task.lookback}"))
        self.uses_known = settings.calendar and task.known > 0
        self.capabilities = replace(type(self).capabilities, uses_known=self.uses_known)
        self.known = task.known if self.uses_known else 0

    def known_of(self, batch: Batch) -> tuple[Tensor | None, Tensor | None]:
        """What is known in advance of the look-back, and of the decoder's steps."""
        if not self.uses_known:
            return None, None
        assert batch.past_known is not None
        assert batch.future_known is not None
        start = batch.past.shape[1] - self.label
        return batch.past_known, torch.cat([batch.past_known[:, start:], batch.future_known], dim=1)

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
