"""Windows as arrays → the tensors that networks read."""

from typing import Any

import torch
from torch import Tensor

from latentcast.core.interpolation import seasonally
from latentcast.core.types import Batch, Scale
from latentcast.data.windows.arrays import WindowArrays


def batch_of(found: WindowArrays) -> Batch:
    """The same memory as tensors; masked gaps are filled from the window itself."""
    past, observed = torch.from_numpy(found.past), _tensor(found.observed)
    if found.season is not None and observed is not None:
        past = seasonally(past.double(), observed, found.season).float()  # equal in every runtime
    units = found.units
    return Batch(
        past,
        observed,
        torch.from_numpy(found.target),
        _tensor(found.target_observed),
        _tensor(found.past_known),
        _tensor(found.future_known),
        None,
        _tensor(found.static),
        _tensor(found.item),
        None if units is None else Scale(torch.from_numpy(units.loc), torch.from_numpy(units.scale)),
        _tensor(found.phase),
    )


def _tensor(array: Any) -> Tensor | None:
    return None if array is None else torch.from_numpy(array)
