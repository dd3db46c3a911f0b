"""The network as a module, for training; `network.quantiles` computes the same in numpy."""

from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from latentcast.core.errors import CheckpointError
from latentcast.models.pretrained.anchor import ANCHOR
from latentcast.models.pretrained.candidates import FIRST, NAMES
from latentcast.models.pretrained.features import input_sizes
from latentcast.models.pretrained.linear_map import MAP, LinearMap
from latentcast.models.pretrained.network import LEVELS, MEDIAN, Weights


class Block(nn.Module):
    """A residual layer: x + W₂ silu(W₁ x)."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.into, self.out = nn.Linear(width, width), nn.Linear(width, width)
        nn.init.zeros_(self.out.weight)
        nn.init.zeros_(self.out.bias)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.out(functional.silu(self.into(x)))


class GeneralistNetwork(nn.Module):
    """Residual MLP over numbers of a window, joined with those of each step ahead.

    Parameters
    ----------
    window, step, candidates
        Numbers of features of a window and of a step, and of candidates.
    wide, narrow
        Widths of the two parts.
    blocks
        Residual layers in each.
    """

    sized_by_weights: tuple[str, ...]
    optional_weights = (*MAP, ANCHOR)
    anchor: Tensor
    window_mean: Tensor
    window_scale: Tensor
    step_mean: Tensor
    step_scale: Tensor

    def __init__(self, window: int, step: int, candidates: int, *, wide: int, narrow: int, blocks: int = 2) -> None:
        super().__init__()
        self.candidates = candidates
        for name, size in (("window", window), ("step", step)):
            self.register_buffer(f"{name}_mean", torch.zeros(size))
            self.register_buffer(f"{name}_scale", torch.ones(size))
        self.window_in, self.step_in = nn.Linear(window, wide), nn.Linear(step, narrow)
        self.window_blocks = nn.ModuleList(Block(wide) for _ in range(blocks))
        self.join = nn.Linear(wide, narrow)
        self.step_blocks = nn.ModuleList(Block(narrow) for _ in range(blocks))
        self.last = nn.Linear(narrow, candidates + 2 + len(LEVELS))
        nn.init.zeros_(self.last.weight)
        nn.init.zeros_(self.last.bias)
        self.register_buffer(ANCHOR, torch.zeros(2))
        for name in MAP:  # fine-tuned weights may hold one, those that ship do not
            self.register_buffer(name, torch.zeros((0, 0) if name == MAP[0] else 0))
        self.sized_by_weights = tuple(self.state_dict())

    def _load_from_state_dict(self, state_dict: dict[str, Any], prefix: str, *args: Any) -> None:
        """Weights of another number of candidates, or of other widths, change the sizes."""
        for name in self.optional_weights:
            state_dict.setdefault(prefix + name, getattr(self, name))
        stored = {name[len(prefix) :]: value for name, value in state_dict.items() if name.startswith(prefix)}
        if any(name in stored and stored[name].shape != own.shape for name, own in self.state_dict().items()):
            self._resize(stored)
        super()._load_from_state_dict(state_dict, prefix, *args)

    def _resize(self, stored: dict[str, Tensor]) -> None:
        """Takes on the sizes of stored weights. Raises CheckpointError where they do not fit each other."""
        self.candidates = len(stored["last.bias"]) - 2 - len(LEVELS)
        window, step = input_sizes(self.candidates) if self.candidates in (FIRST, len(NAMES)) else (0, 0)
        wide, narrow = len(stored["window_in.bias"]), len(stored["step_in.bias"])
        with torch.device("meta"):
            fitting = GeneralistNetwork(
                window, step, self.candidates, wide=wide, narrow=narrow, blocks=len(self.step_blocks)
            )
        wanted = {name: value.shape for name, value in fitting.state_dict().items()}
        horizon, *_ = wanted[MAP[0]] = stored[MAP[0]].shape
        wanted |= dict.fromkeys(MAP[1:], torch.Size([horizon]))
        for name, shape in wanted.items():
            if stored[name].shape != shape:
                raise CheckpointError(
                    f"weights of the generalist: {name} is {tuple(stored[name].shape)}, wanted {tuple(shape)} with"
                    f" {self.candidates} candidates; copy the folder again, or fit again"
                )
        for name, own in [*self.named_parameters(), *self.named_buffers()]:
            own.data = torch.empty_like(stored[name], dtype=own.dtype, device=own.device)

    def standardise_by(self, window: np.ndarray, step: np.ndarray) -> None:
        """Sets the location and scale of the inputs from a sample of features."""
        for name, rows in (("window", window), ("step", step.reshape(-1, step.shape[-1]))):
            getattr(self, f"{name}_mean").copy_(torch.from_numpy(rows.mean(0)))
            getattr(self, f"{name}_scale").copy_(torch.from_numpy(np.maximum(rows.std(0), 0.05)))

    def forward(
        self,
        window: Float[Tensor, "series window"],
        step: Float[Tensor, "series steps step"],
        candidates: Float[Tensor, "series steps candidate"],
        unit: Float[Tensor, "series steps 1"],
        skill: Float[Tensor, "series 2 candidate"],
    ) -> Float[Tensor, "series steps level"]:
        hidden = functional.silu(self.window_in((window - self.window_mean) / self.window_scale))
        return self.from_hidden(hidden, step, candidates, unit, skill)

    def from_hidden(
        self,
        hidden: Float[Tensor, "series wide"],
        step: Float[Tensor, "series steps step"],
        candidates: Float[Tensor, "series steps candidate"],
        unit: Float[Tensor, "series steps 1"],
        skill: Float[Tensor, "series 2 candidate"],
    ) -> Float[Tensor, "series steps level"]:
        """Quantiles from what the first layer found in the numbers of the window."""
        for block in self.window_blocks:
            hidden = block(hidden)
        joined = self.join(hidden)[:, None] + self.step_in((step - self.step_mean) / self.step_scale)
        joined = functional.silu(joined)
        for block in self.step_blocks:
            joined = block(joined)
        raw = self.last(functional.silu(joined))
        count = self.candidates
        logits = raw[..., :count] - functional.softplus(raw[..., -2:]) @ skill
        centre = (logits.softmax(-1) * candidates).sum(-1, keepdim=True)
        centre = centre + raw[..., count : count + 1] * unit
        apart = functional.softplus(raw[..., count + 1 : -2]) * unit
        below = apart[..., :MEDIAN].cumsum(-1).flip(-1)
        return torch.cat([centre - below, centre, centre + apart[..., MEDIAN:].cumsum(-1)], -1)

    @classmethod
    def from_numpy(cls, weights: Weights) -> "GeneralistNetwork":
        """The network of some weights; its sizes are theirs."""
        wide, window = weights["window_in.weight"].shape
        narrow, step = weights["step_in.weight"].shape
        blocks = sum(name.startswith("step_blocks.") and name.endswith(".into.bias") for name in weights)
        candidates = len(weights["last.bias"]) - 2 - len(LEVELS)
        network = cls(window, step, candidates, wide=wide, narrow=narrow, blocks=blocks)
        if not network.last.bias.is_meta:
            stored = {name: torch.from_numpy(np.array(value)) for name, value in weights.items()}
            network.load_state_dict(stored)
        return network

    def anchored(self, shares: tuple[float, float]) -> None:
        """Forecasts take these shares of Holt-Winters smoothing from now on, see `anchor`."""
        self.anchor.copy_(torch.tensor(shares))

    def take_map(self, found: LinearMap) -> None:
        """Holds a linear map from now on."""
        for name, value in zip(MAP, (found.weight, found.share, found.width), strict=True):
            setattr(self, name, torch.from_numpy(np.ascontiguousarray(value, np.float32)))

    def arrays(self) -> dict[str, np.ndarray]:
        """Views of weights and buffers as arrays, by name."""
        return {name: value.detach().cpu().numpy() for name, value in self.state_dict().items()}

    def to_numpy(self) -> dict[str, np.ndarray]:
        """Copies of weights and buffers as arrays, by name."""
        return {name: value.copy() for name, value in self.arrays().items()}
