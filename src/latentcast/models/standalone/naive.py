"""Naive baselines: repeat the last value, or the last season."""

from typing import Annotated

import torch
from jaxtyping import Float
from pydantic import Field
from torch import Tensor, nn

from latentcast.core.capabilities import Capabilities
from latentcast.core.errors import SettingsError
from latentcast.core.settings import NoSettings
from latentcast.core.types import Batch, Prediction, Task
from latentcast.layers.losses import point_loss


def last_value(batch: Batch) -> Float[Tensor, "batch 1 channel"]:
    """The last observed value of each look-back; its last value where none was observed."""
    if batch.observed is None:
        return batch.past[:, -1:]
    time = batch.past.shape[1]
    steps = torch.arange(time, device=batch.past.device)[None, :, None]
    last = torch.where(batch.observed, steps, -1).amax(1, keepdim=True)
    return batch.past.gather(1, torch.where(last < 0, time - 1, last))


class Naive(nn.Module):
    """ŷ[t+h] = the last observed value. Nothing is learned."""

    Settings = NoSettings
    capabilities = Capabilities(training=())

    def __init__(self, settings: NoSettings, task: Task) -> None:
        super().__init__()
        self.horizon = task.horizon

    def forward(self, batch: Batch) -> Prediction:
        return Prediction(last_value(batch).expand(-1, self.horizon, -1))

    def loss(self, prediction: Prediction, batch: Batch) -> Float[Tensor, ""]:
        assert batch.target is not None
        return point_loss("mse", prediction.values, batch.target, batch.target_observed)


class SeasonalNaiveSettings(NoSettings):
    season: Annotated[int, Field(ge=1)] | None = None  # the data's own when not stated


class SeasonalNaive(Naive):
    """ŷ[t+h] = the value of the same phase in the last season.

    Raises SettingsError when the look-back is shorter than the season.
    """

    Settings = SeasonalNaiveSettings

    def __init__(self, settings: SeasonalNaiveSettings, task: Task) -> None:
        super().__init__(settings, task)
        season = settings.season or task.season
        if season > task.lookback:
            raise SettingsError(
                f"seasonal-naive looks back one season of {season} steps, the look-back has {task.lookback}:"
                " lengthen it, or set another season (model.season, data.season)"
            )
        self.register_buffer("phase", torch.arange(task.horizon) % season - season, persistent=False)

    def forward(self, batch: Batch) -> Prediction:
        assert isinstance(self.phase, Tensor)
        return Prediction(batch.past.index_select(1, self.phase + batch.past.shape[1]))
