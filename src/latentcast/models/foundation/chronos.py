"""Chronos-Bolt and Chronos-2 (Ansari et al. 2024, 2025), by the package chronos-forecasting.

Missing values are left out, as its own masks do. The first steps of a Chronos-2 forecast depend on how many are asked
for: it attends to all future patches at once.
"""

import logging
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn

from latentcast.core.errors import Fault, SettingsError
from latentcast.models.foundation.member import FoundationModel, FoundationSettings
from latentcast.models.foundation.protocol import Adapter


class ChronosSettings(FoundationSettings):
    __doc__ = FoundationSettings.__doc__

    checkpoint: str = "amazon/chronos-bolt-small"


class Chronos(FoundationModel):
    """Chronos-Bolt or Chronos-2, whichever the checkpoint holds."""

    Settings = ChronosSettings
    capabilities = replace(FoundationModel.capabilities, cheap_to_calibrate=True)
    name = "chronos"
    package = ("chronos", "chronos-forecasting", "chronos")

    @classmethod
    def load(cls, settings: FoundationSettings) -> Adapter:
        """Load a pipeline. Raises SettingsError for one that draws samples."""
        from chronos import BaseChronosPipeline, ChronosBoltPipeline
        from chronos.chronos2 import Chronos2Pipeline

        logging.getLogger("chronos").setLevel(logging.ERROR)
        revision = {} if settings.revision is None else {"revision": settings.revision}
        pipeline = BaseChronosPipeline.from_pretrained(
            settings.checkpoint, device_map="cpu", trust_remote_code=False, **revision
        )
        if not isinstance(pipeline, ChronosBoltPipeline | Chronos2Pipeline):
            text = (
                f": {settings.checkpoint} is a {type(pipeline).__name__}, which draws samples; wanted a"
                " Chronos-Bolt or Chronos-2 model, which forecasts quantiles"
            )
            raise SettingsError(Fault("checkpoint", text))
        return _Pipeline(pipeline, groups=isinstance(pipeline, Chronos2Pipeline))


class _Pipeline:
    """A pipeline of the package; Chronos-2 takes groups of series, each row here a group of its own."""

    least = 1

    def __init__(self, pipeline: Any, *, groups: bool) -> None:
        self.pipeline, self.groups = pipeline, groups
        self.module: nn.Module = pipeline.model
        self.levels = tuple(float(level) for level in pipeline.quantiles)
        self.context, self.at_once = int(pipeline.model_context_length), int(pipeline.model_prediction_length)
        self.notes: tuple[str, ...] = ()
        if groups:
            self.notes = ("the first steps of Chronos-2 depend on the horizon: forecasts of other horizons differ",)

    def predict_quantiles(self, context: Tensor, horizon: int) -> Tensor:
        levels = list(self.levels)
        if self.groups:
            found, _ = self.pipeline.predict_quantiles(context[:, None], horizon, levels)
            return torch.cat(found)
        quantiles: Tensor = self.pipeline.predict_quantiles(context, horizon, levels)[0]
        return quantiles
