"""FITS (Xu et al. 2024): a complex linear map from low frequencies of the look-back to those of the whole window.

Transforms are products with matrices of cosines and sines, so that the whole forecast is linear in the window and the
maps fold into one matrix. The loss is of the horizon alone, as in the last stage of the published training.
"""

import math
from typing import Annotated, Any

import numpy as np
import torch
from jaxtyping import Float
from pydantic import Field
from torch import Tensor, nn

from latentcast.core.capabilities import Capabilities
from latentcast.core.errors import Fault, SettingsError
from latentcast.core.settings import Settings
from latentcast.core.types import Batch, Prediction, Task
from latentcast.layers.instance_norm import Share, scale_of
from latentcast.layers.losses import Loss, PointLoss
from latentcast.models.linear_map import LinearMap


class FitsSettings(Settings):
    """harmonics: the cutoff lies at so many harmonics of the season; cutoff: the number of frequencies itself, with the
    constant. individual: own weights for every channel. trailing: share of the look-back whose mean is subtracted.
    """

    harmonics: Annotated[int, Field(ge=1)] = 6
    cutoff: Annotated[int, Field(ge=1)] | None = None
    individual: bool = False
    trailing: Share | None = None
    loss: Loss = "mse"


class Fits(nn.Module):
    """Interpolates the spectrum of a normalised look-back to one of look-back and horizon.

    Raises SettingsError when the look-back has fewer frequencies than the cutoff.
    """

    Settings = FitsSettings
    capabilities = Capabilities()
    forward_matrix: Tensor
    inverse_matrix: Tensor

    def __init__(self, settings: FitsSettings, task: Task) -> None:
        super().__init__()
        self.settings, self.task = settings, task
        self.point_loss = PointLoss(settings.loss, task)
        self.kept = _kept(settings, task)
        whole = task.lookback + task.horizon
        self.made = min(whole // 2 + 1, math.ceil(self.kept * whole / task.lookback))
        maps = task.channels if settings.individual else 1
        # zeros, where the published code draws: a random map is hardly unlearned in directions of low variance
        self.real = nn.Parameter(torch.zeros(maps, self.made, self.kept))
        self.imaginary = nn.Parameter(torch.zeros(maps, self.made, self.kept))
        self.register_buffer("forward_matrix", _forward(task.lookback, self.kept), persistent=False)
        self.register_buffer("inverse_matrix", _inverse(whole, self.made, task.horizon), persistent=False)

    def forward(self, batch: Batch) -> Prediction:
        scale = scale_of(batch, normalise=True, trailing=self.settings.trailing)
        past, weight = scale.apply(batch.past), self.folded()
        if self.settings.individual:
            values = torch.einsum("chl,blc->bhc", weight, past)
        else:
            values = torch.einsum("hl,blc->bhc", weight[0], past)
        return Prediction(scale.invert(values))

    def folded(self) -> Float[Tensor, "maps horizon time"]:
        """Return the one linear map that transform, complex map and inverse transform make."""
        gain = (self.task.lookback + self.task.horizon) / self.task.lookback
        cosines, sines = self.forward_matrix
        real = self.real @ cosines - self.imaginary @ sines
        imaginary = self.real @ sines + self.imaginary @ cosines
        back_real, back_imaginary = self.inverse_matrix
        return gain * (back_real @ real + back_imaginary @ imaginary)

    def linear_map(self) -> LinearMap:
        """The folded map."""
        weight = self.folded().detach().cpu().double().numpy()
        share, steps = self.settings.trailing, self.task.lookback
        newest = 0 if share is None else max(1, round(share * steps))
        return LinearMap(weight, np.zeros(weight.shape[:2]), np.arange(len(weight)), "normalised", newest)

    def loss(self, prediction: Prediction, batch: Batch) -> Float[Tensor, ""]:
        return self.point_loss(prediction.values, batch)

    def facts(self, task: Task) -> dict[str, Any]:
        return {"frequencies": f"{self.kept} → {self.made}", "maps": len(self.real)}


def _kept(settings: FitsSettings, task: Task) -> int:
    """Number of low frequencies: the constant, and those up to the last harmonic of the season with some margin."""
    most = task.lookback // 2 + 1
    if settings.cutoff is not None:
        if settings.cutoff > most:
            raise SettingsError(
                Fault("cutoff", f"={settings.cutoff}: a look-back of {task.lookback} steps has {most} frequencies")
            )
        return settings.cutoff
    season = task.season if task.season > 1 else 4
    return min(most, settings.harmonics * task.lookback // season + 10)


def _forward(length: int, kept: int) -> Float[Tensor, "2 kept time"]:
    """Real and imaginary part of the transform's first frequencies."""
    angle = 2 * math.pi * torch.arange(kept).double()[:, None] * torch.arange(length).double() / length
    return torch.stack([angle.cos(), -angle.sin()]).float()


def _inverse(length: int, made: int, last: int) -> Float[Tensor, "2 horizon made"]:
    """The inverse transform of the first frequencies of a real series of `length` steps, at its last steps."""
    steps, frequency = torch.arange(length - last, length).double(), torch.arange(made).double()
    angle = 2 * math.pi * steps[:, None] * frequency / length
    twice = torch.full((made,), 2.0, dtype=torch.float64)
    twice[0] = 1
    if made == length // 2 + 1 and length % 2 == 0:
        twice[-1] = 1
    return (torch.stack([angle.cos(), -angle.sin()]) * twice / length).float()
