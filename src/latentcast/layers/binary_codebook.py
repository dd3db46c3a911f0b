"""Binary spherical codes (Zhao, Xiong and Krähenbühl 2024): a vector's direction in few dimensions, each by its sign.

The probability of a code is the product of those of its bits. The entropy of one vector's code is then the sum of those
of its bits. That of all codes is not: bits that copy each other are as balanced as bits that differ. So it is measured
over the codes of up to eight bits together; sixteen bits are two such groups.
"""

import math

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor, nn

SHARPNESS = 10.0  # of the probability of a bit: 1 / temperature
TOGETHER = 8  # most bits whose codes are counted together


class BinaryCodebook(nn.Module):
    """`bits` signs of a linear map of a vector, in `levels` codes: the first bits are the first code.

    A vector is mapped onto the unit sphere, replaced by the nearest corner of the cube inside it, and mapped back. The
    quantised vector is the sum of one entry of each level.
    """

    def __init__(self, dim: int, bits: int, levels: int, entropy: float) -> None:
        super().__init__()
        self.bits, self.levels, self.entropy = bits, levels, entropy
        self.each = bits // levels
        self.into, self.out = nn.Linear(dim, bits), nn.Linear(bits, dim)
        self.register_buffer("powers", 2 ** torch.arange(self.each), persistent=False)
        self.powers: Tensor

    @property
    def size(self) -> int:
        """Entries of a level."""
        return int(2**self.each)

    def entries(self) -> Float[Tensor, "level size code_dim"]:
        """The vector of each code; the bias of the map back is in the first level."""
        codes = torch.arange(self.size, device=self.powers.device)
        corners = self._corner((codes[:, None] & self.powers) > 0)
        tables = torch.stack([corners @ part.T for part in self.out.weight.split(self.each, 1)])
        return torch.cat([tables[:1] + self.out.bias, tables[1:]])

    def forward(self, z: Tensor) -> tuple[Tensor, Int[Tensor, "series tokens level"]]:
        """Quantise; gradients pass straight through the signs."""
        return self._quantised(self._direction(z))

    def learn(self, z: Tensor) -> tuple[Tensor, Float[Tensor, ""]]:
        """Quantise; return vectors, and a penalty that makes each bit certain and all codes equally frequent."""
        direction = self._direction(z)
        on = torch.sigmoid(4 * SHARPNESS / math.sqrt(self.bits) * direction)
        penalty = _entropy(on).mean((0, 1)).sum() - self._entropy_of_codes(on.flatten(0, 1))
        return self._quantised(direction)[0], self.entropy * penalty

    def _entropy_of_codes(self, on: Float[Tensor, "vector bits"]) -> Float[Tensor, ""]:
        """Of the mean probability of each code, summed over groups of bits."""
        group = max(size for size in range(1, TOGETHER + 1) if self.each % size == 0)
        grouped = on.unflatten(1, (-1, group))
        chance = torch.ones_like(grouped[..., :1])
        for bit in grouped.unbind(2):
            chance = torch.cat([chance * (1 - bit[..., None]), chance * bit[..., None]], 2)
        mean = chance.mean(0).clamp(min=1e-6)
        return -torch.xlogy(mean, mean).sum()

    def _direction(self, z: Tensor) -> Tensor:
        return F.normalize(self.into(z), dim=-1)

    def _corner(self, positive: Tensor) -> Tensor:
        return (2.0 * positive - 1.0) / math.sqrt(self.bits)

    def _quantised(self, direction: Tensor) -> tuple[Tensor, Tensor]:
        positive = direction > 0
        codes = (positive.unflatten(-1, (self.levels, self.each)) * self.powers).sum(-1)
        return self.out(direction + (self._corner(positive) - direction).detach()), codes


def _entropy(chance: Tensor) -> Tensor:
    """Of a bit, in nats; a certain one has a finite gradient."""
    chance = chance.clamp(1e-6, 1 - 1e-6)
    return -(torch.xlogy(chance, chance) + torch.xlogy(1 - chance, 1 - chance))


__all__ = ["BinaryCodebook"]
