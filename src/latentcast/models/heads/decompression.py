"""Temporal decompression: map latents to steps, adding the features of every scale."""

from math import prod
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from latentcast.core.errors import SettingsError
from latentcast.core.protocols import Backbone, Representation
from latentcast.core.settings import Settings
from latentcast.core.types import Batch, Prediction, Scale, Task, Tokens
from latentcast.layers.compression import REACH, unmerging
from latentcast.layers.losses import Loss, PointLoss


class DecompressionSettings(Settings):
    """skips: add the features of the compressed decoder input at every scale."""

    skips: bool = True
    loss: Loss = "mse"


class Decompression(nn.Module):
    """Inverts the stages of the representation; the last `horizon` steps are the forecast.

    Raises SettingsError when the representation does not compress time in stages.
    """

    Settings = DecompressionSettings

    def __init__(
        self, settings: DecompressionSettings, task: Task, representation: Representation, backbone: Backbone
    ) -> None:
        super().__init__()
        how: Any = getattr(representation, "settings", None)
        if not hasattr(how, "ratios"):
            raise SettingsError(
                "it undoes the stages of a compression, and this representation has none: choose"
                " model.representation=compression, or model.head=flatten"
            )
        self.point_loss = PointLoss(settings.loss, task)
        self.horizon, self.total = task.horizon, prod(how.ratios)
        series_channels = 1 if representation.folds_channels else task.channels
        into = how.channels[::-1]
        out = (*how.channels[-2::-1], series_channels)  # the last stage ends in values
        self.from_width = nn.Sequential(nn.Linear(backbone.width, how.latent_dim), nn.Linear(how.latent_dim, into[0]))
        self.up = nn.ModuleList(
            unmerging(how.kind, ratio, before, after, how.heads)
            for ratio, before, after in zip(how.ratios[::-1], into, out, strict=True)
        )
        self.reach = REACH[how.kind] * len(how.ratios)  # earlier tokens that the forecast depends on
        # scales at which the decoder's input features have the width of the stage
        self.skip = nn.ModuleList(nn.Linear(width, width) for width in (out[:-1] if settings.skips else ()))
        self.norm = nn.ModuleList(nn.LayerNorm(width) for width in out[:-1])
        with torch.no_grad():  # training starts at the mean of the look-back, or at the shortcut
            for linear in self.up[-1].modules():
                if isinstance(linear, nn.Linear):
                    linear.weight.mul_(0.01)

    def facts(self, task: Task) -> dict[str, Any]:
        return {"features past the latents": "added at every scale" if self.skip else "none"}

    def start_at_zero(self) -> None:
        """Initialise so that the forecast is the location of each window."""
        for linear in self.up[-1].modules():
            if isinstance(linear, nn.Linear):
                nn.init.zeros_(linear.weight)
                if linear.bias is not None:
                    nn.init.zeros_(linear.bias)

    def forward(self, tokens: Tokens, scale: Scale) -> Prediction:
        return self.restore(tokens, scale, self.horizon)

    def restore(self, tokens: Tokens, scale: Scale, steps: int) -> Prediction:
        """Return the last `steps` steps of the tokens; tokens of other steps are skipped."""
        hidden, skips = tokens.values, tokens.skips
        needed = -(-steps // self.total) + self.reach
        if needed < hidden.shape[1]:
            skips = tuple(skip[:, -needed * (skip.shape[1] // hidden.shape[1]) :] for skip in skips)
            hidden = hidden[:, -needed:]
        x = self.decode(hidden, skips)[:, -steps:]
        values = x.reshape(scale.loc.shape[0], -1, steps).transpose(1, 2) if x.shape[2] == 1 else x
        return Prediction(scale.invert(values))

    def decode(
        self, hidden: Float[Tensor, "series tokens width"], skips: tuple[Tensor, ...]
    ) -> Float[Tensor, "series steps channel"]:
        """Return every step of the latents, including the left padding of the compression."""
        x = self.from_width(hidden)
        for stage, up in enumerate(self.up):
            x = up(x)
            if stage < len(self.skip) and skips:
                x = x + self.skip[stage](skips[-1 - stage])
            if stage < len(self.norm):
                x = nn.functional.gelu(self.norm[stage](x))
        return x

    def loss(self, prediction: Prediction, batch: Batch) -> Float[Tensor, ""]:
        return self.point_loss(prediction.values, batch)
