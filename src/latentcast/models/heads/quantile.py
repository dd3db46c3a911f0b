"""Map all tokens of a series linearly to non-crossing quantiles of every step.

The map gives the median and the distances between neighbouring quantiles, from the median outwards; a softplus keeps
the distances positive, so that quantiles ascend for any weights (as in Park et al. 2022, "Learning Quantile Functions
without Quantile Crossing"). The loss is the pinball loss (Koenker and Bassett 1978). The point forecast is the median,
which minimises the absolute error, not the squared one.
"""

from typing import Annotated, Any

import torch
from jaxtyping import Float
from pydantic import Field
from torch import Tensor, nn
from torch.nn.functional import softplus

from latentcast.core.protocols import Backbone, Representation, num_answers
from latentcast.core.settings import Settings
from latentcast.core.types import Batch, Prediction, Scale, Task, Tokens
from latentcast.layers.dropout import Dropout
from latentcast.layers.losses import Levels, pinball_loss


class QuantileSettings(Settings):
    """quantiles: the levels that are learned, ascending, 0.5 among them. An interval of 90 % needs 0.05 and 0.95."""

    quantiles: Levels = (0.025, 0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.975)
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.0


class Quantile(nn.Module):
    Settings = QuantileSettings
    levels: Tensor
    first_width: Tensor

    def __init__(
        self, settings: QuantileSettings, task: Task, representation: Representation, backbone: Backbone
    ) -> None:
        super().__init__()
        self.quantile_levels = settings.quantiles
        self.horizon = task.horizon
        self.middle = settings.quantiles.index(0.5)
        series_channels = 1 if representation.folds_channels else task.channels
        many = len(settings.quantiles)
        self.dropout = Dropout(settings.dropout)
        self.project = nn.Linear(
            num_answers(representation, task) * backbone.width, task.horizon * series_channels * many
        )
        levels = torch.tensor(settings.quantiles)
        self.register_buffer("levels", levels, persistent=False)
        # training starts at the widths of a normal distribution: softplus(x) = w at x = log(exp(w) - 1)
        widths = torch.special.ndtri(levels.double()).diff()
        self.register_buffer("first_width", torch.expm1(widths).log().float(), persistent=False)

    def facts(self, task: Task) -> dict[str, Any]:
        return {"quantiles": self.quantile_levels}

    def start_at_zero(self) -> None:
        """Initialise so that the forecast is the location of each window."""
        nn.init.zeros_(self.project.weight)
        nn.init.zeros_(self.project.bias)

    def forward(self, tokens: Tokens, scale: Scale) -> Prediction:
        flat = self.project(self.dropout(tokens.values.flatten(1)))
        raw = flat.view(scale.loc.shape[0], -1, self.horizon, len(self.quantile_levels)).transpose(1, 2)
        quantiles = self.ascending(raw) * scale.scale[..., None] + scale.loc[..., None]
        return Prediction(quantiles[..., self.middle], quantiles=quantiles)

    def ascending(
        self, raw: Float[Tensor, "batch horizon channel quantile"]
    ) -> Float[Tensor, "batch horizon channel quantile"]:
        """Turn the median and the outward distances into ascending quantiles."""
        median = raw[..., self.middle, None]
        below = softplus(raw[..., : self.middle] + self.first_width[: self.middle])
        above = softplus(raw[..., self.middle + 1 :] + self.first_width[self.middle :])
        lower = median - below.flip(-1).cumsum(-1).flip(-1)
        return torch.cat([lower, median, median + above.cumsum(-1)], dim=-1)

    def loss(self, prediction: Prediction, batch: Batch) -> Float[Tensor, ""]:
        assert batch.target is not None
        assert prediction.quantiles is not None
        return pinball_loss(prediction.quantiles, self.levels, batch.target, batch.target_observed)
