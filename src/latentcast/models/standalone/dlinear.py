"""DLinear (Zeng et al. 2023): trend and remainder, each through its own linear map.

The moving average is itself linear, so both maps are one: with the average A, trend weights W_t and remainder weights
W_s, W_t·A·x + W_s·(x − A·x) = (W_s + (W_t − W_s)·A)·x. Folding A into the weights once a step leaves a single
product over the data, forward and backward; the result is the same but for rounding.
"""

from typing import Any, ClassVar

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn

from latentcast.core.capabilities import Capabilities
from latentcast.core.findings import Finding, WindowLabels
from latentcast.core.settings import ReadWith, Settings
from latentcast.core.types import Batch, Prediction, Steps, Task
from latentcast.layers.cycle import Cycles, Lengths, without_cycles
from latentcast.layers.decomposition import Kernel, exponential_average_matrix, moving_average_adjoint
from latentcast.layers.instance_norm import Share, scale_of
from latentcast.layers.losses import Loss, PointLoss
from latentcast.models.linear_map import Level, LinearMap


class DLinearSettings(Settings):
    """individual: own weights for every channel; normalise: instance normalisation (not in the published form).

    exponential: rate of an exponential average as the trend, in place of the moving average of `kernel` steps (xPatch,
    Stitsyuk and Choi 2025). cycles, trailing: as of composed models; kernel=1 with cycles is CycleNet/Linear.
    """

    kernel: Kernel = 25
    exponential: Share | None = None
    individual: bool = False
    normalise: bool = False
    trailing: Share | None = None
    cycles: Lengths = ()
    loss: Loss = "mse"
    read_with: ClassVar[ReadWith] = {"trailing": ("normalise", (True,)), "kernel": ("exponential", (None,))}


class DLinear(nn.Module):
    Settings = DLinearSettings
    capabilities = Capabilities()
    average: Tensor | None

    def __init__(self, settings: DLinearSettings, task: Task) -> None:
        super().__init__()
        self.settings, self.task = settings, task
        self.point_loss = PointLoss(settings.loss, task)
        maps = task.channels if settings.individual else 1
        # From the mean of the look-back, as in Time-Series-Library: random weights would stay where the data hardly
        # vary, since no gradient reaches them there, and come out as noise when the level shifts later.
        self.trend = nn.Parameter(torch.full((maps, task.horizon, task.lookback), 1 / task.lookback))
        self.remainder = nn.Parameter(self.trend.detach().clone())
        self.trend_bias = nn.Parameter(torch.zeros(maps, task.horizon))
        self.remainder_bias = nn.Parameter(torch.zeros(maps, task.horizon))
        self.cycles = Cycles(settings.cycles, task.channels) if settings.cycles else None
        if self.cycles is not None:
            self.capabilities = Capabilities(uses_phase=True)
        rate = settings.exponential
        average = None if rate is None else exponential_average_matrix(task.lookback, rate)
        self.register_buffer("average", average, persistent=False)

    def forward(self, batch: Batch) -> Prediction:
        normalise = self.settings.normalise
        scale = scale_of(batch, normalise, self.settings.trailing)
        past = scale.apply(batch.past) if normalise else batch.past
        past, cycle = without_cycles(self.cycles, past, batch, self.task.horizon)
        weight, bias = self.folded()
        if self.settings.individual:
            values = torch.einsum("chl,blc->bhc", weight, past) + bias.T
        else:
            series = past.transpose(1, 2).reshape(-1, self.task.lookback)
            flat = nn.functional.linear(series, weight[0], bias[0])
            values = flat.view(past.shape[0], -1, self.task.horizon).transpose(1, 2)
        values = values if cycle is None else values + cycle[:, self.task.lookback :]
        return Prediction(scale.invert(values) if normalise else values)

    def facts(self, task: Task) -> dict[str, Any]:
        rate, found = self.settings.exponential, {"maps": len(self.trend)}
        cycles = {"cycles": list(map(Steps, self.settings.cycles))} if self.settings.cycles else {}
        if rate is None:
            return {"moving average": Steps(self.settings.kernel), **found, **cycles}
        return {"exponential average": f"rate {rate}", **found, **cycles}

    def folded(self) -> tuple[Float[Tensor, "maps horizon time"], Float[Tensor, "maps horizon"]]:
        """The one linear map that both of them make, and its bias."""
        difference = (self.trend - self.remainder).flatten(0, 1)
        if self.average is None:
            averaged = moving_average_adjoint(difference, self.settings.kernel)
        else:
            averaged = difference @ self.average
        return self.remainder + averaged.view_as(self.trend), self.trend_bias + self.remainder_bias

    def linear_map(self) -> LinearMap | None:
        """The folded map; None with cycles, which read the phase of a window."""
        if self.cycles is not None:
            return None
        weight, bias = (one.detach().cpu().double().numpy() for one in self.folded())
        share, steps = self.settings.trailing, self.task.lookback
        newest = 0 if share is None else max(1, round(share * steps))
        level: Level = "normalised" if self.settings.normalise else "none"
        return LinearMap(weight, bias, np.arange(len(weight)), level, newest)

    def findings(self, shown: WindowLabels, batch: Batch) -> tuple[Finding, ...]:
        at = shown.drawn[0]
        weight = self.folded()[0][at if self.settings.individual else 0].cpu().double().numpy()
        whose = f" of {shown.channels[at]}" if self.settings.individual else ""
        return (
            Finding(
                "The linear map",
                f"weight{whose} of each value of the look-back at each step ahead",
                "The forecast is this map times the look-back: trend and remainder, whose maps are one. The same for"
                " every window.",
                "heat",
                tuple(str(step + 1) for step in range(self.task.horizon)),
                shown.past,
                weight,
                across="value of the look-back",
                down="steps ahead",
                measure="weight",
            ),
        )

    def loss(self, prediction: Prediction, batch: Batch) -> Float[Tensor, ""]:
        return self.point_loss(prediction.values, batch)
