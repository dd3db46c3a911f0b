"""Learned cycles: a table by position in each cycle (CycleNet, Lin et al. 2024, section 3.1)."""

from typing import Annotated

import torch
from jaxtyping import Float
from pydantic import BeforeValidator, Field
from torch import Tensor, nn

from latentcast.core.errors import UNCOUNTED, DataError
from latentcast.core.types import Batch

Length = Annotated[int, Field(ge=2)]
Lengths = Annotated[tuple[Length, ...], BeforeValidator(lambda value: (value,) if isinstance(value, int) else value)]


class Cycles(nn.Module):
    """One table [length, channels] for each cycle length; their sum is subtracted from the past and added to forecasts.

    All tables start at zero. `channels` is 1 where all series share a table.
    """

    def __init__(self, lengths: tuple[int, ...], channels: int) -> None:
        super().__init__()
        self.tables = nn.ParameterList(nn.Parameter(torch.zeros(length, channels)) for length in lengths)

    def forward(self, batch: Batch, steps: int) -> Float[Tensor, "batch steps channel"]:
        """Return the cycles of the first `steps` steps of each window. Raises DataError where steps have no phase."""
        if batch.phase is None:
            raise DataError(UNCOUNTED)
        at = batch.phase[:, None] + torch.arange(steps, device=batch.phase.device)
        return torch.stack([table[at % len(table)] for table in self.tables]).sum(0)


def without_cycles(
    cycles: Cycles | None, past: Float[Tensor, "batch time channel"], batch: Batch, ahead: int = 0
) -> tuple[Float[Tensor, "batch time channel"], Float[Tensor, "batch steps channel"] | None]:
    """The look-back without its cycles, and the cycles of the look-back and of `ahead` steps after it.

    A model without cycles gets its look-back back, and None.
    """
    if cycles is None:
        return past, None
    cycle = cycles(batch, past.shape[1] + ahead)
    return past - cycle[:, : past.shape[1]], cycle
