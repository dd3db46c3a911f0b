"""DLinear as Time-Series-Library and the code of its paper save it (Zeng et al. 2023): the mapping is exact."""

import torch
from torch import Tensor

from latentcast.core.errors import CheckpointError
from latentcast.workflows.published.checkpoint import Checkpoint
from latentcast.workflows.published.mapping import ImportRequest, MappedWeights, agreed

TREND, SEASONAL = "Linear_Trend", "Linear_Seasonal"
LANGUAGE_MODEL = ()


def map_weights(checkpoint: Checkpoint, request: ImportRequest) -> MappedWeights:
    """One map for all channels, or one of each (`individual`). The window of the moving average is not in the file:
    25 unless `model.kernel` says otherwise.
    """
    individual = f"{TREND}.0.weight" in checkpoint.tensors
    maps = sum(name.startswith(f"{TREND}.") and name.endswith("weight") for name in checkpoint.tensors)
    places = [f".{channel}" for channel in range(maps)] if individual else [""]
    names = [f"{part}{at}.{kind}" for part in (TREND, SEASONAL) for at in places for kind in ("weight", "bias")]
    found = checkpoint.take(names)
    shapes = {tuple(x.shape) for name, x in found.items() if name.endswith("weight")}
    if len(shapes) != 1 or len(shape := shapes.pop()) != 2:
        raise CheckpointError(f"{checkpoint.path}: the maps of a DLinear have one shape, horizon × look-back")
    horizon, lookback = shape

    def stacked(part: str, kind: str) -> Tensor:
        return torch.stack([found[f"{part}{at}.{kind}"] for at in places])

    tensors = {
        "model.trend": stacked(TREND, "weight"),
        "model.trend_bias": stacked(TREND, "bias"),
        "model.remainder": stacked(SEASONAL, "weight"),
        "model.remainder_bias": stacked(SEASONAL, "bias"),
    }
    settings = {
        "model": {"name": "dlinear", "individual": individual, "kernel": 25, "normalise": False},
        "lookback": agreed("lookback", request.lookback, lookback),
        "horizon": agreed("horizon", request.horizon, horizon),
    }
    notes = () if request.setting("model.kernel") else ("moving average of 25 steps: the checkpoint does not hold it",)
    return MappedWeights("DLinear of Time-Series-Library", settings, tensors, notes=notes)
