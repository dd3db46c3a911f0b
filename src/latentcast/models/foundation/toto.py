"""Toto 2.0 (Cohen et al. 2025), by the package toto-2, which needs Python 3.12."""

import torch
from torch import Tensor, nn

from latentcast.models.foundation.member import DECILES, FoundationModel, FoundationSettings
from latentcast.models.foundation.protocol import Adapter

# as the package's own predictor sets them
DEFAULTS = {"scaler_fallback_min_obs": 8, "quantile_real_cap_k": 1e4}


class TotoSettings(FoundationSettings):
    __doc__ = FoundationSettings.__doc__

    checkpoint: str = "Datadog/Toto-2.0-22m"


class Toto(FoundationModel):
    """Toto 2.0, a decoder over patches."""

    Settings = TotoSettings
    name = "toto"
    package = ("toto2", "toto-2", "toto")

    @classmethod
    def load(cls, settings: FoundationSettings) -> Adapter:
        """Load the weights of a folder or a hub."""
        from toto2 import Toto2Model

        revision = {} if settings.revision is None else {"revision": settings.revision}
        return _Model(Toto2Model.from_pretrained(settings.checkpoint, map_location="cpu", **revision))


class _Model:
    """The package counts its last patch as observed, whatever the mask holds.

    Missing values are therefore the last observed one before them (at the beginning the first), which the mask hides
    everywhere else.
    """

    least = 1
    levels: tuple[float, ...] = DECILES
    context, at_once = 2**20, 2**20  # it has no bounds of its own
    notes: tuple[str, ...] = ()

    def __init__(self, model: nn.Module) -> None:
        self.module = model
        self.patch = int(model.config.patch_size)  # type: ignore[union-attr, arg-type]

    def predict_quantiles(self, context: Tensor, horizon: int) -> Tensor:
        device = next(self.module.parameters()).device
        missing = -context.shape[1] % self.patch
        context = torch.nn.functional.pad(context, (missing, 0), value=torch.nan)
        seen = context.isfinite()
        inputs = {
            "target": filled(context, seen)[:, None].to(device),
            "target_mask": seen[:, None].to(device),
            "series_ids": torch.zeros(len(context), 1, dtype=torch.long, device=device),
        }
        found: Tensor = self.module.forecast(inputs, horizon, **DEFAULTS)  # type: ignore[operator]
        return found[:, :, 0].permute(1, 2, 0)


def filled(rows: Tensor, seen: Tensor) -> Tensor:
    """Rows [row, time] with the last observed value carried on; before the first one, with that."""
    steps = torch.arange(rows.shape[1], device=rows.device).expand_as(rows)
    last = torch.where(seen, steps, -1).cummax(1).values
    first = seen.int().argmax(1, keepdim=True)
    return rows.gather(1, torch.where(last < 0, first, last))
