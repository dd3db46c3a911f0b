"""Random features of a look-back: projections of stretches of it, with random weights, through a bent function.

A linear readout of many such features fits smooth nonlinear functions, and is solved in closed form (Rahimi and Recht
2008; Huang, Zhu and Siew 2006). Each projection sees one stretch of the look-back. Lengths are uniform in their
logarithm; late stretches are more frequent, since forecasts depend most on them.
"""

from typing import Literal

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

Activation = Literal["tanh", "relu"]


class RandomFeatures(nn.Module):
    """f(x · directions / spread + clock · clock_directions + biases): drawn once, never trained.

    Parameters
    ----------
    lookback
        Steps that are read.
    count
        Number of features.
    shortest
        Least steps of a stretch; where the look-back is shorter, every stretch is all of it.
    activation
        The function f: `tanh`, which is bounded, or `relu`, which continues peaks in proportion.
    clock
        Columns that say where in its cycle a window ends, at about unit scale; 0: there are none.
    """

    directions: Tensor
    biases: Tensor
    clock_directions: Tensor | None

    def __init__(
        self, lookback: int, count: int, shortest: int = 8, activation: Activation = "tanh", clock: int = 0
    ) -> None:
        super().__init__()
        self.activation = activation
        self.register_buffer("directions", stretches_of_noise(lookback, count, shortest))
        self.register_buffer("biases", torch.randn(count))
        self.register_buffer("clock_directions", torch.randn(clock, count) if clock else None)

    def scale_to(self, spread: Float[Tensor, "features"]) -> None:
        """Divide every projection by its standard deviation; one that never varies is left out."""
        floor = 1e-6 * spread.max().clamp(min=1e-12)
        self.directions = torch.where(spread > floor, self.directions / spread.clamp(min=floor), 0.0)

    def forward(
        self, x: Float[Tensor, "*batch time"], clock: Float[Tensor, "*batch clock"] | None = None
    ) -> Float[Tensor, "*batch features"]:
        projected = x @ self.directions + self.biases
        if clock is not None and self.clock_directions is not None:
            projected = projected + clock @ self.clock_directions
        return torch.tanh(projected) if self.activation == "tanh" else torch.relu(projected)


class FeaturesAcross(RandomFeatures):
    """Random features of all channels at once: each sees one stretch of one channel, and of about two more.

    Parameters
    ----------
    channels, steps
        What is read.
    count, shortest, activation, clock
        As those of `RandomFeatures`.
    """

    def __init__(
        self,
        channels: int,
        steps: int,
        count: int,
        shortest: int = 8,
        activation: Activation = "tanh",
        clock: int = 0,
    ) -> None:
        super().__init__(steps, count, shortest, activation, clock)
        chosen = torch.rand(channels, count) < 2 / channels
        chosen[torch.randint(channels, (count,)), torch.arange(count)] = True
        weights = stretches_of_noise(steps, channels * count, shortest).view(steps, channels, count).transpose(0, 1)
        self.directions = (weights * chosen[:, None]).reshape(channels * steps, count)

    def forward(
        self, x: Float[Tensor, "*batch channels time"], clock: Float[Tensor, "*batch clock"] | None = None
    ) -> Float[Tensor, "*batch features"]:
        return super().forward(x.flatten(-2), clock)


def waves(phase: Int[Tensor, "batch"], season: int, harmonics: int) -> Float[Tensor, "batch waves"]:
    """Sine and cosine of the place in the season, of so many harmonics of it."""
    turn = 2 * torch.pi * (phase % season)[:, None] * torch.arange(1, harmonics + 1, device=phase.device) / season
    return torch.cat([torch.sin(turn), torch.cos(turn)], dim=1)


def stretches_of_noise(lookback: int, count: int, shortest: int) -> Float[Tensor, "time features"]:
    """Random weights on a random stretch of the look-back, of norm 1, and 0 elsewhere."""
    least = min(shortest, lookback)
    lengths = (least * (lookback / least) ** torch.rand(count)).round().clamp(least, lookback)
    ends = lookback - ((lookback - lengths) * torch.rand(count) ** 2).floor()
    steps = torch.arange(lookback)[:, None]
    weights = torch.randn(lookback, count) * ((steps < ends) & (steps >= ends - lengths))
    return weights / weights.norm(dim=0).clamp(min=1e-12)
