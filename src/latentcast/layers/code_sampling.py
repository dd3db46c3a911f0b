"""Choose codes from logits: the most likely one, or a draw with temperature, top-k and top-p."""

from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from latentcast.core.errors import Fault, SettingsError

WANTED = {
    "temperature": "wanted a number above 0 (for the most likely code: greedy)",
    "top_k": "wanted at least 1 code, or 0 for all of them",
    "top_p": "wanted a share above 0 and at most 1",
}


@dataclass(frozen=True)
class Draw:
    """temperature   below 1 sharpens the distribution, above 1 flattens it
    top_k         only the k most likely codes; 0 keeps all
    top_p         only the most likely codes that together have this probability (Holtzman et al. 2020)

    Raises SettingsError for values that leave no code to draw.
    """

    temperature: float = 1.0
    top_k: int = 0
    top_p: float = 1.0

    def __post_init__(self) -> None:
        fits = {"temperature": self.temperature > 0, "top_k": self.top_k >= 0, "top_p": 0 < self.top_p <= 1}
        faults = [Fault(name, f"={getattr(self, name)}: {WANTED[name]}") for name, fit in fits.items() if not fit]
        if faults:
            raise SettingsError(faults)

    def __call__(
        self, logits: Float[Tensor, "series size"], chance: Float[Tensor, " series"]
    ) -> Int[Tensor, " series"]:
        """Return one code each, by inverting the cumulative distribution at `chance` in [0, 1)."""
        logits = logits / self.temperature
        if self.top_k and self.top_k < logits.shape[1]:
            least = logits.topk(self.top_k).values[:, -1:]
            logits = logits.masked_fill(logits < least, -torch.inf)
        if self.top_p < 1:
            ordered, order = logits.sort(descending=True)
            before = ordered.softmax(-1).cumsum(-1) - ordered.softmax(-1)
            unlikely = (before >= self.top_p).scatter(1, order, before >= self.top_p)
            logits = logits.masked_fill(unlikely, -torch.inf)
        shares = logits.softmax(-1).cumsum(-1)
        drawn = torch.searchsorted(shares, (chance * shares[:, -1])[:, None], right=True).squeeze(1)
        return drawn.clamp(max=logits.shape[1] - 1)


def chances(
    seeds: Int[Tensor, " batch"], channels: int, paths: int, draws: int
) -> Float[Tensor, "batch channel path draw"]:
    """Draw numbers in [0, 1) for each window from its own seed: the same in any batch."""
    each = [
        torch.rand(channels, paths, draws, generator=torch.Generator().manual_seed(int(seed) % 2**63))
        for seed in seeds.tolist()
    ]
    return torch.stack(each)
