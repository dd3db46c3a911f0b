"""Solved linear maps as a module: kept with the weights, not trained."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn

from latentcast.core.errors import DataError
from latentcast.core.findings import Finding, WindowLabels
from latentcast.data.windows.mixture import Mix
from latentcast.data.windows.windows import Windows
from latentcast.models.linear_map import LinearMap
from latentcast.models.ridge.choose import RidgeSettings, Solved, solve_again, solve_windows
from latentcast.models.ridge.search import Grid
from latentcast.models.ridge.stretches import of_windows


class LinearMaps(nn.Module):
    """One map for all channels, or one for each of them; before it is solved, the mean of the look-back's last steps.

    `chosen` holds the weights of the candidates [maps, lookbacks, trailing, alphas] that the maps average. It is empty
    before a search; where it comes from a trained model, no search is made.

    Rows of every map add up to 1, so that a shifted look-back gives a shifted forecast.
    """

    sized_by_weights = ("weight", "bias", "chosen")
    weight: Tensor
    bias: Tensor
    map_of: Tensor
    chosen: Tensor

    def __init__(self, lookback: int, horizon: int, channels: int) -> None:
        super().__init__()
        last = max(1, lookback // 50)
        weight = torch.zeros(1, horizon, lookback)
        weight[..., -last:] = 1 / last
        self.register_buffer("weight", weight)
        self.register_buffer("bias", torch.zeros(1, horizon))
        self.register_buffer("map_of", torch.zeros(channels))  # numbers as floats: averaging weights keeps them exact
        self.register_buffer("chosen", torch.zeros(0))

    @property
    def count(self) -> int:
        return len(self.weight)

    @property
    def frozen_parameters(self) -> int:
        """Weights and constants of the maps; no optimiser sees them."""
        return self.weight.numel() + self.bias.numel()

    def forward(self, past: Float[Tensor, "batch time channel"]) -> Float[Tensor, "batch horizon channel"]:
        level = past[:, -1:]
        moved = (past - level).transpose(1, 2)
        if self.count == 1:
            values = nn.functional.linear(moved, self.weight[0], self.bias[0])
        else:
            if moved.shape[1] != len(self.map_of):
                raise DataError(
                    f"each of {len(self.map_of)} channels has a map of its own, the data have {moved.shape[1]}; fit"
                    " with model.maps=shared to forecast any number of channels"
                )
            values = (
                torch.einsum("bcl,chl->bch", moved, self.weight[self.map_of.long()]) + self.bias[self.map_of.long()]
            )
        return values.transpose(1, 2) + level

    def linear_map(self) -> LinearMap:
        """The same as arrays."""
        weight, bias = (one.cpu().double().numpy() for one in (self.weight, self.bias))
        return LinearMap(weight, bias, self.map_of.cpu().long().numpy(), "last")

    def of_channel(
        self, past: Float[Tensor, "batch time"], channel: int, *, moved: bool = True
    ) -> Float[Tensor, "batch horizon"]:
        """The forecast of one channel; `moved=False` leaves the constants of the map out."""
        which, level = 0 if self.count == 1 else int(self.map_of[channel]), past[:, -1:]
        bias = self.bias[which] if moved else None
        return nn.functional.linear(past - level, self.weight[which], bias) + level

    def solve(
        self,
        train: Windows | Mix,
        held_out: Windows | Mix | None,
        targets: Sequence[int],
        search: tuple[RidgeSettings, Grid],
    ) -> dict[str, Any]:
        """Search and solve for the channels at the positions `targets`; return what was chosen."""
        sources, horizon = of_windows(train, held_out, targets), self.weight.shape[1]
        if self.chosen.shape[1:] == search[1].shape:
            groups = self.map_of[list(targets)].long().numpy()
            solved = solve_again(sources, *search, horizon, groups, list(self.chosen.double().numpy()))
        else:
            solved = solve_windows(sources, *search, horizon)
        self.take(solved, targets)
        return solved.found

    def take(self, solved: Solved, channels: Sequence[int]) -> None:
        """Take over solved maps; `channels` are the positions of the channels that they were solved for."""
        like = self.weight
        lookback, read = like.shape[-1], solved.maps[0].weight.shape[-1]
        weight = torch.zeros(len(solved.maps), like.shape[1], lookback, dtype=torch.float64)
        weight[..., lookback - read :] = torch.stack([torch.from_numpy(one.weight) for one in solved.maps])
        bias = torch.stack([torch.from_numpy(one.bias) for one in solved.maps])
        self.weight, self.bias = weight.to(like), bias.to(like)
        self.chosen = torch.from_numpy(np.array(solved.weights)).to(like)
        self.map_of.zero_()
        self.map_of[list(channels)] = torch.from_numpy(solved.groups).to(self.map_of)

    def finding(self, shown: WindowLabels, horizon: int) -> Finding:
        at = shown.drawn[0]
        whose = f" of {shown.channels[at]}" if self.count > 1 else ""
        return Finding(
            "The linear map",
            f"weight{whose} of each value of the look-back at each step ahead",
            "The forecast is this map times the look-back. It was solved, and is the same for every window.",
            "heat",
            tuple(str(step + 1) for step in range(horizon)),
            shown.past,
            self.weight[int(self.map_of[at])].cpu().double().numpy(),
            across="value of the look-back",
            down="steps ahead",
            measure="weight",
        )

    def _load_from_state_dict(self, state_dict: dict[str, Any], prefix: str, *rest: Any) -> None:
        """Take the number of maps from what is loaded."""
        if (saved := state_dict.get(f"{prefix}weight")) is not None and len(saved) != self.count:
            self.weight = self.weight.new_empty(len(saved), *self.weight.shape[1:])
            self.bias = self.bias.new_empty(len(saved), self.bias.shape[1])
        if (chosen := state_dict.get(f"{prefix}chosen")) is not None:
            self.chosen = self.chosen.new_empty(chosen.shape)
        super()._load_from_state_dict(state_dict, prefix, *rest)
