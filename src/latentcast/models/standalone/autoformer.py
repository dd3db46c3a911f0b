"""Autoformer (Wu et al. 2021): an encoder-decoder that splits off the trend at every step of the way, and mixes time
steps by auto-correlation.

The encoder keeps the seasonal part alone. The decoder starts from the seasonal part of the last `label_len` steps, and
zeros, and from their trend, and the mean; what it splits off is added to the trend. Values and what is known in advance
are embedded without positions, and convolutions wrap around the window's ends, as published.
"""

from typing import Annotated, Any

import torch
from jaxtyping import Float
from pydantic import Field
from torch import Tensor, nn

from latentcast.core.types import Batch, Prediction, Steps, Task
from latentcast.layers.autocorrelation import AutoCorrelation
from latentcast.layers.decomposition import Decomposition, Kernel, moving_average
from latentcast.layers.dropout import Dropout
from latentcast.layers.instance_norm import scale_of
from latentcast.models.standalone.encoder_decoder import Embedding, EncoderDecoder, EncoderDecoderSettings


class AutoformerSettings(EncoderDecoderSettings):
    """kernel: of the moving average. factor: factor·ln(steps) delays are kept."""

    kernel: Kernel = 25
    factor: Annotated[float, Field(gt=0)] = 3
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.05


class Autoformer(EncoderDecoder):
    """Raises SettingsError when label_len exceeds the look-back."""

    Settings = AutoformerSettings

    def __init__(self, settings: AutoformerSettings, task: Task) -> None:
        super().__init__(settings, task)
        s = self.settings = settings
        after = self.label + task.horizon
        self.embed_past = Embedding(task.channels, self.known, s.width, s.dropout, None, "circular")
        self.embed_future = Embedding(task.channels, self.known, s.width, s.dropout, None, "circular")
        self.encoder = nn.ModuleList(EncoderLayer(s, task.lookback) for _ in range(s.encoder_layers))
        self.norm_encoder = SeasonalNorm(s.width)
        self.decoder = nn.ModuleList(DecoderLayer(s, after, task.channels) for _ in range(s.decoder_layers))
        self.norm_decoder = SeasonalNorm(s.width)
        self.project = nn.Linear(s.width, task.channels)

    def facts(self, task: Task) -> dict[str, Any]:
        return {"moving average": Steps(self.settings.kernel)}

    def forward(self, batch: Batch) -> Prediction:
        scale = scale_of(batch, self.normalise)
        past = scale.apply(batch.past)
        seasonal, trend = self._decoder_input(past)
        past_known, future_known = self.known_of(batch)
        x = self.embed_past(past, past_known)
        for layer in self.encoder:
            x = layer(x)
        memory = self.norm_encoder(x)
        x = self.embed_future(seasonal, future_known)
        for layer in self.decoder:
            x, split_off = layer(x, memory)
            trend = trend + split_off
        values = trend + self.project(self.norm_decoder(x))
        return Prediction(scale.invert(values[:, -self.horizon :]))

    def _decoder_input(self, past: Tensor) -> tuple[Tensor, Tensor]:
        """Seasonal part and trend of the last known steps, continued by zeros and by the mean of the look-back."""
        start = past.shape[1] - self.label
        rows = past.transpose(1, 2)
        trend = moving_average(rows.flatten(0, 1), self.settings.kernel).view_as(rows).transpose(1, 2)
        mean = past.mean(1, keepdim=True).expand(-1, self.horizon, -1)
        seasonal = torch.cat([(past - trend)[:, start:], torch.zeros_like(mean)], dim=1)
        return seasonal, torch.cat([trend[:, start:], mean], dim=1)


class EncoderLayer(nn.Module):
    """Auto-correlation and a feed-forward block; of each sum only the seasonal part goes on."""

    def __init__(self, settings: AutoformerSettings, length: int) -> None:
        super().__init__()
        s = settings
        self.itself = AutoCorrelation(s.width, s.factor)
        self.feed_forward = _feed_forward(s)
        self.split = Decomposition(s.kernel, length)
        self.drop = Dropout(s.dropout)

    def forward(self, x: Float[Tensor, "series time width"]) -> Float[Tensor, "series time width"]:
        x, _ = self.split(x + self.drop(self.itself(x, x)))
        x, _ = self.split(x + self.drop(self.feed_forward(x)))
        return x


class DecoderLayer(nn.Module):
    """Decoder layer: as in the encoder, with cross-attention in between; also returns the sum of the three trends."""

    def __init__(self, settings: AutoformerSettings, length: int, channels: int) -> None:
        super().__init__()
        s = settings
        self.itself, self.memory = AutoCorrelation(s.width, s.factor), AutoCorrelation(s.width, s.factor)
        self.feed_forward = _feed_forward(s)
        self.split = Decomposition(s.kernel, length)
        self.drop = Dropout(s.dropout)
        self.trend = nn.Conv1d(s.width, channels, kernel_size=3, padding=1, padding_mode="circular", bias=False)

    def forward(
        self, x: Float[Tensor, "series queries width"], memory: Float[Tensor, "series tokens width"]
    ) -> tuple[Float[Tensor, "series queries width"], Float[Tensor, "series queries channel"]]:
        x, first = self.split(x + self.drop(self.itself(x, x)))
        x, second = self.split(x + self.drop(self.memory(x, memory)))
        x, third = self.split(x + self.drop(self.feed_forward(x)))
        return x, self.trend((first + second + third).transpose(1, 2)).transpose(1, 2)


class SeasonalNorm(nn.Module):
    """LayerNorm followed by subtracting the mean over the steps: a seasonal part has none."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width, bias=False)

    def forward(self, x: Float[Tensor, "series time width"]) -> Float[Tensor, "series time width"]:
        x = self.norm(x)
        return x - x.mean(1, keepdim=True)


def _feed_forward(settings: AutoformerSettings) -> nn.Sequential:
    s = settings
    maps = nn.Linear(s.width, s.ff, bias=False), nn.Linear(s.ff, s.width, bias=False)
    return nn.Sequential(maps[0], nn.GELU(), Dropout(s.dropout), maps[1])
