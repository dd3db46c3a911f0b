"""TimesFM 2.5 (Das et al. 2024), by the package timesfm.

The weights of TimesFM 3 are for non-commercial use, and not loaded here.
"""

import math
from typing import Any

import torch
from torch import Tensor, nn

from latentcast.core.errors import Fault, SettingsError
from latentcast.models.foundation.member import FoundationModel, FoundationSettings
from latentcast.models.foundation.protocol import Adapter

TOGETHER = 64  # rows of one pass


class TimesFmSettings(FoundationSettings):
    __doc__ = FoundationSettings.__doc__

    checkpoint: str = "google/timesfm-2.5-200m-pytorch"


class TimesFm(FoundationModel):
    """TimesFM 2.5 with 200 million weights."""

    Settings = TimesFmSettings
    name = "timesfm"
    package = ("timesfm", "timesfm", "timesfm")

    @classmethod
    def load(cls, settings: FoundationSettings) -> Adapter:
        """Load the weights of a folder or a hub."""
        from timesfm import TimesFM_2p5_200M_torch

        revision = {} if settings.revision is None else {"revision": settings.revision}
        return _Model(TimesFM_2p5_200M_torch.from_pretrained(settings.checkpoint, torch_compile=False, **revision))


class _Model:
    """The package interpolates missing values, and leaves out those before the first observed one."""

    least = 1
    notes: tuple[str, ...] = ()

    def __init__(self, model: Any) -> None:
        self.model = model
        self.module: nn.Module = model.model
        config = model.model.config
        self.levels = tuple(config.quantiles)
        self.at_once = int(config.output_patch_len)
        self.patch = int(config.input_patch_len)
        self.limit, self.continuous = int(config.context_limit), int(config.output_quantile_len)
        self.context = self.limit - self.at_once

    def predict_quantiles(self, context: Tensor, horizon: int) -> Tensor:
        from timesfm import ForecastConfig

        reach = math.ceil(horizon / self.at_once) * self.at_once
        most = (self.limit - reach) // self.patch * self.patch
        if most < self.patch:
            text = f"={horizon}: TimesFM 2.5 reads and forecasts {self.limit} steps together"
            raise SettingsError(Fault("horizon", text))
        self.model.model.device = next(self.module.parameters()).device
        self.model.compile(
            ForecastConfig(
                max_context=min(math.ceil(context.shape[1] / self.patch) * self.patch, most),
                max_horizon=reach,
                per_core_batch_size=min(len(context), TOGETHER),
                use_continuous_quantile_head=reach <= self.continuous,
                # its mean would count the zeros of the padding; each patch is normalised in any case
                normalize_inputs=False,
                # inputs are standardised: their zero is no bound
                infer_is_positive=False,
            )
        )
        _, found = self.model.forecast(horizon, [row.numpy() for row in context])  # the list, as it is appended to
        return torch.from_numpy(found[..., 1:])  # the first is the mean
