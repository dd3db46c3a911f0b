"""Fracast-0, a convolutional model of 85 001 weights; the package fracast holds them, so that nothing is downloaded."""

from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from latentcast.core.errors import Fault, SettingsError
from latentcast.models.foundation.member import FoundationModel, FoundationSettings
from latentcast.models.foundation.protocol import Adapter

BUNDLED = "bundled"


class FracastSettings(FoundationSettings):
    """checkpoint   bundled: the weights of the package; else a folder of such a model
    quantiles    levels, of those that the model was trained on; the median among them is the point forecast; none: it
                 alone
    """

    checkpoint: str = BUNDLED


class Fracast(FoundationModel):
    """Fracast-0 with its weights in 32 bits."""

    Settings = FracastSettings
    name = "fracast"
    package = ("fracast", "fracast", "fracast")

    @classmethod
    def load(cls, settings: FoundationSettings) -> Adapter:
        """Load the weights of the package or of a folder."""
        from fracast import FracastModel

        if settings.revision is not None:
            raise SettingsError(Fault("revision", f"={settings.revision}: fracast reads folders, which have none"))
        place = None if settings.checkpoint == BUNDLED else Path(settings.checkpoint).expanduser()
        if place is not None and not place.is_dir():
            raise FileNotFoundError("there is no such folder")  # the package would ask a hub for it
        return _Model(FracastModel.from_pretrained(place, weights="fp32"))


class _Model:
    least = 8  # the package refuses rows with fewer
    notes: tuple[str, ...] = ()

    def __init__(self, model: Any) -> None:
        self.model = model
        self.module: nn.Module = nn.ModuleList([model.core, model.head])
        self.levels = tuple(model.quantiles)
        self.context, self.at_once = model.context_length, model.horizon

    def predict_quantiles(self, context: Tensor, horizon: int) -> Tensor:
        self.model.device = next(self.module.parameters()).device
        return torch.from_numpy(self.model.forecast_batch(context.numpy(), horizon=horizon))
